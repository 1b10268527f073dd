/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon.h"
#include "manager-volumes.h"

/* Mounts into and out of a container that is there already. */

typedef struct ChangeMountOptions {
        bool temporary;
} ChangeMountOptions;

static const Field change_mount_options_fields[] = {
        { "Temporary", FIELD_BOOL, offsetof(ChangeMountOptions, temporary) },
        {},
};
static const ObjectType change_mount_options_type = { "mount options", sizeof(ChangeMountOptions),
                                                      change_mount_options_fields };

int method_add_mount(Call *call, Error *error) {
        ChangeMountOptions options;
        MountSpec mount;

        int r = call_read_options(call, &mount_spec_type, &mount, error);
        if (r < 0)
                return r;
        r = call_read_options(call, &change_mount_options_type, &options, error);
        if (r >= 0)
                r = manager_complete_mount(call->daemon->manager, &mount, error);
        if (r >= 0)
                r = manager_complete_volume(call->daemon->manager, &mount, error);
        if (r >= 0) {
                sd_bus_message *held = call_hold(call);
                r = call_started(manager_add_mount(call->daemon->manager, call->object, &mount,
                                                   options.temporary, call_done, held, error),
                                 held);
        }
        object_done(&mount_spec_type, &mount);
        return r;
}

int method_remove_mount(Call *call, Error *error) {
        ChangeMountOptions options;
        const char *target;

        int r = call_read(call, error, "s", &target);
        if (r >= 0)
                r = call_read_options(call, &change_mount_options_type, &options, error);
        if (r < 0)
                return r;
        sd_bus_message *held = call_hold(call);
        return call_started(
                container_remove_mount(call->object, target, options.temporary, call_done, held, error),
                held);
}
