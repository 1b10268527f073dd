/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "path-util.h"
#include "string-util.h"
#include "strv.h"
#include "systemd-mode.h"

#define MACHINE_ID_LENGTH 32

static const char *const init_paths[] = { "/sbin/init", "/usr/sbin/init", "/usr/local/sbin/init" };

static bool is_init(const char *command) {
        for (size_t i = 0; i < ELEMENTSOF(init_paths); i++)
                if (streq(command, init_paths[i]))
                        return true;
        return *command == '/' && streq(path_basename(command), "systemd");
}

bool systemd_mode_applies(const ContainerSpec *spec, char *const *arguments) {
        if (spec->systemd != SYSTEMD_AUTO)
                return spec->systemd == SYSTEMD_ALWAYS;
        return !spec->init && !strv_isempty(arguments) && is_init(arguments[0]);
}

int systemd_mode_environment(const ContainerSpec *spec, char ***environment) {
        _cleanup_free_ char *machine_id = strndup(strempty(spec->id), MACHINE_ID_LENGTH);

        int r = machine_id ? strv_map_set(environment, "container", "berth") : -ENOMEM;
        if (r >= 0 && strlen(machine_id) == MACHINE_ID_LENGTH)
                r = strv_map_set(environment, "container_uuid", machine_id);
        return r;
}
