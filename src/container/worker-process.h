/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A berth-worker on the event loop: src/spec/worker-message.h seen from berthd. */

#include <systemd/sd-event.h>

#include "worker-message.h"

typedef struct WorkerProcess WorkerProcess;

/* Members may be NULL. What they are given is borrowed. */
typedef struct WorkerHooks {
        void (*progress)(const WorkerProgress *progress, void *userdata);
        void (*result)(const WorkerResult *result, void *userdata);
        /* Exactly once, when the process is gone; error NULL: it did what it should. The object is freed after it. */
        void (*ended)(const Error *error, void *userdata);
} WorkerHooks;

/* The descriptors are borrowed. hooks must live as long as the worker. */
int worker_start(sd_event *event, const WorkerRequest *request, const int *fds, size_t n_fds,
                 const WorkerHooks *hooks, void *userdata, WorkerProcess **ret, Error *error);
/* Asks it to stop; ended() follows. What does not stop within seconds is killed. */
void worker_cancel(WorkerProcess *worker);
/* Shuts the sending side of the control socket: to `logs`, the container has ended. */
void worker_hang_up(WorkerProcess *worker);
/* Cancels, and no hook is called any more. Returns NULL. */
WorkerProcess *worker_abandon(WorkerProcess *worker);
