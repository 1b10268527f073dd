/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "launch.h"
#include "launch-mounts.h"
#include "launch-namespaces.h"
#include "launch-security.h"
#include "path-util.h"
#include "string-util.h"
#include "strv.h"

static int copy_strings(const LaunchInputs *in, LaunchSpec *l) {
        const struct {
                char **target;
                const char *source;
        } strings[] = {
                { &l->id, in->spec->id },
                { &l->name, in->spec->name },
                { &l->image, in->spec->image },
                { &l->unit, in->unit },
                { &l->working_directory, in->effective->working_directory },
                { &l->user, in->effective->user },
        };
        const struct {
                char ***target;
                char *const *source;
        } lists[] = {
                { &l->lower, in->lower },
                { &l->arguments, in->effective->arguments },
                { &l->environment, in->effective->environment },
        };

        for (size_t i = 0; i < ELEMENTSOF(strings); i++) {
                int r = free_and_strdup(strings[i].target, strings[i].source);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < ELEMENTSOF(lists); i++) {
                int r = strv_copy_into(lists[i].source, lists[i].target);
                if (r < 0)
                        return r;
        }
        l->upper = path_join(in->directory, "upper");
        l->work = path_join(in->directory, "work");
        return l->upper && l->work ? 0 : -ENOMEM;
}

static int copy_interfaces(const List *from, List *to) {
        for (size_t i = 0; from && i < from->n; i++) {
                LaunchInterface *target = list_append(to, &launch_interface_type);
                int r = target ? object_copy(&launch_interface_type, target,
                                             LIST_ITEM(from, LaunchInterface, i))
                               : -ENOMEM;
                if (r < 0)
                        return r;
        }
        return 0;
}

static int fill(const LaunchInputs *in, LaunchSpec *l, Error *error) {
        const ContainerSpec *spec = in->spec;
        int r;

        if (strv_isempty(in->effective->arguments))
                return error_set(error, ERROR_INVALID,
                                 "no command was given, and the image \"%s\" has none of its own",
                                 strempty(spec->image));
        l->volatile_upper = spec->auto_remove;
        l->read_only = spec->read_only;
        l->terminal = spec->terminal;
        l->open_stdin = spec->open_stdin;
        l->stdin_once = spec->stdin_once;
        l->rows = in->rows;
        l->columns = in->columns;
        l->init = spec->init;
        l->stop_signal = in->effective->stop_signal;
        l->delegate_cgroup = in->effective->systemd;

        if ((r = object_copy(&health_check_type, &l->health, &in->effective->health)) < 0 ||
            (r = copy_strings(in, l)) < 0 || (r = copy_interfaces(in->interfaces, &l->interfaces)) < 0 ||
            (r = launch_mounts_make(in, l, error)) < 0 || (r = launch_security_make(in, l, error)) < 0)
                return r;
        return launch_namespaces_make(in, l, error);
}

int launch_make(const LaunchInputs *inputs, LaunchSpec *ret, Error *error) {
        object_init(&launch_spec_type, ret);
        int r = fill(inputs, ret, error);
        if (r < 0) {
                object_done(&launch_spec_type, ret);
                return error_set_errno(error, r, "cannot prepare container \"%s\"", inputs->spec->name);
        }
        return 0;
}
