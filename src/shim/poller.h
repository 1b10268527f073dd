/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* An event loop that keeps no state: before each turn everyone says anew what he waits for. A shim has a dozen
 * descriptors, and whether it wants to hear of one (is the client's queue empty? has the journal room?) changes all the
 * time: asking again is simpler than keeping a kernel set in step, and costs nothing at this size. */

#include <poll.h>

#include "macro.h"

typedef void (*PollFunction)(void *object, int revents);

typedef struct Poller {
        struct pollfd *fds;
        struct PollTarget {
                PollFunction function;
                void *object;
        } * targets;
        size_t n, n_fds_allocated, n_targets_allocated;
        int timeout; /* milliseconds; -1: none */
} Poller;

void poller_begin(Poller *poller);
/* events 0: errors and hang-ups only. fd < 0 is ignored. */
int poller_add(Poller *poller, int fd, short events, PollFunction function, void *object);
/* Wake up after at most so long. */
void poller_limit(Poller *poller, int msec);
/* Waits and calls. Objects must not be freed by the functions but between turns. Returns the number of ready
 * descriptors, or a negative errno. */
int poller_run(Poller *poller);
void poller_done(Poller *poller);
