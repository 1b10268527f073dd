/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Processes are named by pid and start time (field 22 of /proc/PID/stat, clock ticks since boot): the pid alone may
 * have been given to another one. */

#include <signal.h>

#include "macro.h"

int pidfd_of(pid_t pid);
int pidfd_signal(int pidfd, int signal);
int process_start_time(pid_t pid, uint64_t *ret);
/* A pidfd of exactly that process, or -ESRCH when it is gone and the pid belongs to another. */
int process_open(pid_t pid, uint64_t start_time);
/* The first line of /proc/PID/comm, or -ESRCH. */
int process_comm(pid_t pid, char **ret);
/* The cgroup v2 path of the process ("/machine.slice/…"). */
int process_cgroup(pid_t pid, char **ret);
/* In a new child: all signals to their defaults and unblocked. */
void reset_signals(void);
/* fork() into the cgroup that cgroup_fd names (CLONE_INTO_CGROUP), or plain when it is negative. *ret_pidfd is a pidfd
 * of the child (for the parent). flags: further CLONE_* flags. Returns as fork() does, or a negative errno. */
pid_t fork_into(int cgroup_fd, uint64_t flags, int *ret_pidfd);
/* The same, but the new process is a child of the caller's parent, which hears of its end as of the caller's. */
pid_t fork_sibling(uint64_t flags, int *ret_pidfd);
