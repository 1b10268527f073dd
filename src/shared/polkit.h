/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Asking polkit whether the sender of a method call may do something, without waiting for the answer.
 *
 * A handler calls polkit_authorize() first thing. When the answer isn't known yet, it gets 0, returns 1 to sd-bus, and
 * forgets the call: once the answer is here, the same message is dispatched a second time from the start, and then
 * polkit_authorize() returns at once. So nothing that the handler looked up before can have gone stale.
 *
 *   first dispatch    who is the sender? (asked from the bus; remembered, as unique names are never used twice)
 *                     root may do everything; others: CheckAuthorization, interactive if the message allows it
 *   second dispatch   1, or a negative errno with *error set */

#include <systemd/sd-bus.h>

#include "error.h"
#include "macro.h"

typedef struct Polkit Polkit;

int polkit_new(sd_bus *bus, Polkit **ret);
Polkit *polkit_free(Polkit *polkit);
DEFINE_CLEANUP(Polkit *, polkit_free);

/* action NULL: open to everyone. details: "key", "value", …, NULL, shown by agents and given to rules; may be NULL.
 * Returns 1: allowed; 0: asked, see above; a negative errno with *error set (ERROR_DENIED; and
 * *ret_interaction_helps says that a password would help, had the message allowed asking for it). */
int polkit_authorize(Polkit *polkit, sd_bus_message *call, const char *action, const char *const *details,
                     bool *ret_interaction_helps, Error *error);
