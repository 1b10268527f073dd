/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The cgroup properties that a container may ask for (ContainerSpec.properties): written as in a unit file
 * (systemd.resource-control(5)), sent to systemd in their D-Bus form. What a unit file says in several lines, as of devices,
 * stands in one value here: "/dev/sda 1M /dev/sdb 2M". */

#include <systemd/sd-bus.h>

#include "error.h"

/* ERROR_INVALID for a property that is unknown or a value that does not parse. systemd_version: of the systemd that is to
 * have it, 0: unknown; ERROR_UNSUPPORTED where that is too old. */
int scope_property_check(const char *name, const char *value, unsigned systemd_version, Error *error);
/* Whether the name of a slice may be the container's; a wrong one is not found out before the start otherwise. */
int scope_slice_check(const char *slice, Error *error);
/* Appends (sv): one, or two where a list must be emptied before it is set anew. */
int scope_property_append(sd_bus_message *m, const char *name, const char *value, Error *error);
/* The same for the value that it has where nobody asks for one. */
int scope_property_append_default(sd_bus_message *m, const char *name, Error *error);
/* The cgroup controller that enforces it: "memory", …; NULL: it needs none, or is unknown. */
const char *scope_property_controller(const char *name) _pure_;
