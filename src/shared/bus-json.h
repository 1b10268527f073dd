/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* D-Bus values as JSON: dictionaries with text keys become objects, arrays and structs arrays, variants their content,
 * integers and booleans themselves, file descriptors null. */

#include <jansson.h>
#include <systemd/sd-bus.h>

/* The next complete value of the message. *ret is a new reference. Returns 0 or a negative errno. */
int bus_message_to_json(sd_bus_message *m, json_t **ret);
