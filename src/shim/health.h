/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Probes of the container's health: commands that the shim executes in it, by itself and whether berthd is there or not.
 * A probe is a process as that of an exec, but in a cgroup of its own below the container's scope, so that all that it
 * started goes with it: at its end, or at the time-out. While the container is paused there are none. */

#include "macro.h"

typedef struct Health Health;
typedef struct Session Session;
typedef struct Shim Shim;

/* The command has been executed: from now on, if it has a health check. */
void health_begin(Shim *shim);
/* A probe at once, unless one is running; its result is told as any other's. */
void health_probe_now(Shim *shim);
/* Tells berthd how things are. */
void health_tell(Shim *shim);
/* Before each turn's wait, and after it. */
void health_prepare(Shim *shim);
void health_advance(Shim *shim);
/* Takes the end of a probe; false: the session is none. */
bool health_session_ended(Session *session);
bool health_owns(const Session *session);
void health_done(Shim *shim);
