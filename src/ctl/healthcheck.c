/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "string-util.h"
#include "terminal.h"
#include "verbs-ctl.h"

int verb_healthcheck_run(void *context, char **arguments, void *options, Error *error) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_free_ char *path = NULL;
        const char *output = "";
        Ctl *ctl = context;
        int32_t code = -1;

        int r = ctl_find_container(ctl, arguments[0], &path, error);
        if (r >= 0)
                r = ctl_call_method(ctl, path, CONTAINER_INTERFACE, "RunHealthCheck", CALL_FOR_EVER, &reply,
                                    error, NULL);
        if (r < 0)
                return ctl_cannot(error, r, "probe", arguments[0]);
        r = sd_bus_message_read(reply, "is", &code, &output);
        if (r < 0)
                return error_set_errno(error, r, "cannot understand berthd");
        /* What it printed is only of interest when it failed, or when somebody asks (inspect has it too). */
        if (code != 0 && !ctl->quiet && *output) {
                _cleanup_free_ char *clean = text_sanitize(output);
                (void) fprintf(stderr, "%s\n", strempty(clean));
        }
        return code == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
