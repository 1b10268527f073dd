/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Children on an event loop: no SIGCHLD, no zombies, each known by its pidfd. */

#include <systemd/sd-event.h>

#include "macro.h"

typedef struct Child Child;

/* code: what waitid() says: exit status 0-255, or 128 + signal. */
typedef void (*ChildEnded)(int code, void *userdata);

/* Takes over pidfd (also on failure). ended may be NULL: then it is only reaped. */
int child_watch(sd_event *event, pid_t pid, int pidfd, ChildEnded ended, void *userdata, Child **ret);
/* The owner loses interest; the child is reaped when it ends, and then the object frees itself. Returns NULL. */
Child *child_abandon(Child *child);
/* Kills it, and abandons it. Returns NULL. */
Child *child_kill(Child *child);
int child_signal(Child *child, int signal);
pid_t child_pid(const Child *child) _pure_;
DEFINE_CLEANUP(Child *, child_abandon);

/* Runs work(userdata) in a forked process, for what would keep the loop waiting (fsync). Its result, 0 or a negative
 * errno, comes back to ended() as the code: 0, or the positive errno; 128 + n when it was killed. The child shares
 * nothing with the loop but open files, and must not use the bus. */
int child_run(sd_event *event, int (*work)(void *userdata), ChildEnded ended, void *userdata, Child **ret);
