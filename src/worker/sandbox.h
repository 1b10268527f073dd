/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a worker gives up before it looks at a byte that a stranger wrote. It stays root, since all that it touches is
 * root's, but without capabilities beyond those the verb needs, without any new ones to be had (no_new_privs), and in a
 * mount namespace of its own: with nothing in it but the state directory and /proc, or, where the network is needed,
 * with all the rest read-only; in an empty network namespace, where the network is not needed; and behind a filter of
 * system calls (seccomp-filter.h). */

#include "worker.h"

int sandbox_enter(const Worker *worker, WorkerNeeds needs, Error *error);
/* Mounts are made and namespaces entered: what WORKER_NEEDS_MOUNTS allowed goes as well. */
int sandbox_drop_mounts(WorkerNeeds needs, Error *error);
/* The kernel forgets it at some changes of credentials. */
int sandbox_die_with_parent(void);
