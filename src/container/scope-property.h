/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The cgroup properties that a container may ask for (ContainerSpec.properties): written as in a unit file
 * (systemd.resource-control(5)), sent to systemd in their D-Bus form. */

#include <systemd/sd-bus.h>

#include "error.h"

/* ERROR_INVALID for a property that is unknown or a value that does not parse. */
int scope_property_check(const char *name, const char *value, Error *error);
/* Appends one (sv). */
int scope_property_append(sd_bus_message *m, const char *name, const char *value, Error *error);
/* The cgroup controller that enforces it: "memory", … */
const char *scope_property_controller(const char *name);
