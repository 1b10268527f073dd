/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What systemd is told of a container's scope. */

#include <systemd/sd-bus.h>

#include "error.h"
#include "macro.h"

/* All strings are borrowed until the job is done or dropped. */
typedef struct ScopeSpec {
        const char *unit;
        const char *description;
        pid_t pid;
        int kill_signal;
        uint64_t stop_timeout; /* usec */
        bool any_device;       /* no list of allowed devices */
        bool make_devices;     /* mknod is allowed (not that a device so made could be opened) */
        char **devices;        /* map for DeviceAllow=, beside those that every container has */
        const char *slice;     /* NULL: berth's own */
        char **properties;     /* map, see scope-property.h */
} ScopeSpec;

/* The arguments of StartTransientUnit. */
int scope_append(sd_bus_message *m, const ScopeSpec *scope, Error *error);
/* What SetUnitProperties is to change: all of `after`, and what is only in `before` to its default. */
int scope_append_changes(sd_bus_message *m, char *const *before, char *const *after, Error *error);
