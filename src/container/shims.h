/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Where shims are born: the cgroup of berth-shims.service, a unit of its own, so that neither the end of berthd nor that
 * of a container's scope takes a shim along. */

#include "child.h"
#include "systemd.h"

#define SHIMS_UNIT "berth-shims.service"

typedef struct Shims Shims;
typedef struct ShimsWaiter ShimsWaiter;

int shims_new(Systemd *systemd, Shims **ret);
Shims *shims_free(Shims *shims);
DEFINE_CLEANUP(Shims *, shims_free);

/* The cgroup as a file descriptor, or a negative errno: then shims_wait() is to be asked first. */
int shims_open_cgroup(Shims *shims);
/* Starts the unit and calls done() when it runs. */
int shims_wait(Shims *shims, SystemdDone done, void *userdata, ShimsWaiter **ret);
ShimsWaiter *shims_waiter_drop(ShimsWaiter *waiter); /* returns NULL */

/* Runs berth-shim for the container, in the directory, with the socket as its control socket (all borrowed). */
int shims_spawn(sd_event *event, int cgroup_fd, const char *id, int directory_fd, int socket,
                ChildEnded ended, void *userdata, Child **ret, Error *error);
