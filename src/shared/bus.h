/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Between sd-bus and berth's Error, and the small things that each D-Bus user needs. */

#include <systemd/sd-bus.h>

#include "error.h"
#include "macro.h"

/* Also the shortest way to say that a message went wrong: replies "malformed message". */
int bus_reply_error(sd_bus_message *call, int r, const Error *error);
/* What a method call came back with, as an Error: berth's own names keep their kind, all others are `fallback`.
 * Returns the negative errno of the kind. */
int bus_error_get(sd_bus_message *reply, ErrorKind fallback, Error *ret);
/* The reply of an asynchronous call is an error of this D-Bus name. */
bool bus_reply_is_error(sd_bus_message *reply, const char *name);

/* As many of them, from the innermost one out. */
int bus_close_containers(sd_bus_message *m, unsigned n);

/* The entry of an a{sv} whose value is an as; none when the list is empty. */
int bus_append_strv_entry(sd_bus_message *m, const char *key, char *const *values);

/* A label of an object path: letters and digits stay, the rest is escaped as systemd does ("_2d"). */
char *bus_object_path(const char *prefix, const char *name);
/* The name in a path below prefix, or -ENOENT. */
int bus_object_name(const char *path, const char *prefix, char **ret);
