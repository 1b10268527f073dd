/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The D-Bus form of the model's objects: a{sv}, by the same field tables (object.h). */

#include <systemd/sd-bus.h>

#include "object.h"

/* Appends the object as a{sv} (an open container is not needed). Empty fields as in JSON. */
int object_append_bus(const ObjectType *type, const void *object, sd_bus_message *m, ObjectFlags flags);
/* Initialises *object and reads a{sv} from the message. On failure *object is left done. Integers of any width and
 * sign are accepted where they fit, since scripting languages can't say which they mean. */
int object_read_bus(const ObjectType *type, void *object, sd_bus_message *m, ObjectFlags flags,
                    Error *error);
/* The same for a part of an object, which is not validated. *ret_names: the fields that are there. */
int object_read_bus_part(const ObjectType *type, void *object, sd_bus_message *m, char ***ret_names,
                         Error *error);
/* One field as the content of a property of its D-Bus type, for sd-bus property getters. */
int field_append_bus(const Field *field, const void *object, sd_bus_message *m);
/* The D-Bus type of a field: "s", "as", "a{sv}", … */
const char *field_bus_signature(const Field *field);
