/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "systemd-option.h"
#include "container-spec.h"
#include "parse-util.h"
#include "string-util.h"

int option_systemd_mode(const Option *option, const char *value, void *target, Error *error) {
        const char *choice;

        int r = option_choice(option, value, &choice, error);
        if (r < 0)
                return r;
        int boolean = parse_bool(choice);
        *(SystemdMode *) target = boolean < 0 ? (SystemdMode) enum_from_string(systemd_mode_words, choice)
                                  : boolean   ? SYSTEMD_AUTO
                                              : SYSTEMD_NEVER;
        return 0;
}
