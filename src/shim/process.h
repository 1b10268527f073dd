/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The last steps of a new process, inside all its namespaces: who it is, what it may do, where it stands, and then its
 * command. */

#include "error.h"
#include "launch-spec.h"
#include "macro.h"
#include "session.h"
#include "syscall-filter.h"

typedef struct ProcessSpec {
        char *const *arguments;
        char **environment; /* of the process's own memory: gets HOME and TERM */
        const char *user;
        char *const *groups;           /* further ones, names of the container or numbers */
        const char *working_directory; /* must exist; NULL or empty: / */
        char *const *capabilities;
        bool all_capabilities;
        bool no_new_privileges;
        const SyscallFilter *filter; /* NULL: none */
        const char *apparmor_profile, *selinux_label;
        bool with_reaper; /* this process stays as PID 1 and executes the command in a child */
} ProcessSpec;

/* First thing in a new process: signals to their defaults, the channel as descriptor 3, the pipes as standard streams
 * (missing ones become /dev/null later), everything else closed but *keep, which gets a number of its own (may be NULL). */
#define PROCESS_CHANNEL 3
int process_begin(int channel, const SessionPipes *pipes, int *keep);
/* The container's filter of system calls, if it has one: *ret points to it, or is NULL. While the working directory is still
 * the shim's. Lives until execve(2). */
int process_read_filter(const LaunchSpec *spec, const SyscallFilter **ret, Error *error);
/* In a user namespace: become its root. */
int process_become_root(void);
/* terminal: its slave, which becomes the controlling terminal, or -EBADF. Reports to the shim and does not return. */
_noreturn_ void process_execute(const ProcessSpec *spec, const SessionPipes *pipes, int terminal);
/* Sends the error to the shim; _fail() exits as well. */
void process_report(Error *error);
_noreturn_ void process_fail(Error *error);
