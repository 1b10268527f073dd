/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* berth-shim: the parent of one container's first process, from before its start until its exit has been reported.
 *
 *   main.c          arguments, signals, the loop
 *   start.c         clone, id maps, mounts of the host, and what follows of GO
 *   init.c          the container's first process, until it executes the command
 *   process.c       what every process goes through before execve(2), init's and an exec's
 *   reaper.c        PID 1 of a container that asked for one (--init)
 *   exec.c          processes in the running container
 *   live-mount.c    mounts that come and go in the running container
 *   health.c        probes of the container's health
 *   session*.c      a process's streams;  client.c  who is attached to them
 *   control.c       berthd */

#include "health.h"
#include "launch-spec.h"
#include "plan.h"
#include "poller.h"
#include "session.h"
#include "shim-protocol.h"

typedef struct Connection {
        int fd;
        bool hung_up; /* nothing will come any more, but what is said may still be heard */
        PacketQueue queue;
} Connection;

/* What keeps the namespaces alive beyond their last process: their end takes the kernel milliseconds, which should pass
 * after the exit has been reported, not before. */
enum { NAMESPACE_MOUNT, NAMESPACE_IPC, NAMESPACE_NETWORK, _NAMESPACE_MAX };

typedef struct MountTask MountTask;

/* A mount that was asked for, and that is there now. */
typedef struct ShimMount {
        char *target;
        uint64_t id; /* the kernel's */
} ShimMount;

struct Shim {
        LaunchSpec spec;
        Journal journal;
        Poller poller;
        int listener; /* shim.sock */
        Connection control;

        Session *container;
        Session *execs;
        Health *health;      /* NULL: nothing is checked */
        uint64_t start_time; /* of the container's process */
        int namespaces[_NAMESPACE_MAX];
        ShimMount *mounts;
        size_t n_mounts, n_mounts_allocated;
        MountTask *mount_tasks;
        char *cgroup;          /* from GO; NULL before */
        bool resets_oom_score; /* the shim's own is special */
        bool has_ended;        /* exit.json is written */
        bool has_garbage;      /* memory to give back as soon as nothing happens */
        ExitRecord record;
};

/* start.c */
int shim_start(Shim *shim, Error *error);
void shim_go(Shim *shim, const char *cgroup);
int shim_set_oom_score(const Shim *shim, pid_t pid, Error *error);
/* The container's first process is gone. */
void shim_init_ended(Shim *shim);
void shim_abort_start(Shim *shim, const char *why);

/* What sessions report (start.c, exec.c) */
void shim_session_started(Session *session);
void shim_session_ended(Session *session);

/* control.c */
int control_listen(Shim *shim);
int control_prepare(Shim *shim);
void control_send(Shim *shim, ShimMessageKind kind, const ShimMessage *message);
void control_done(Shim *shim);

/* exec.c: takes over spec's content and fd (may be -EBADF). */
void exec_start(Shim *shim, ExecSpec *spec, int fd);
/* A process whose output is kept in session->captured instead, up to so many bytes; in this cgroup, if that can be. *ret is
 * set before anything can be reported of it. */
void exec_start_captured(Shim *shim, const ExecSpec *spec, const char *cgroup, size_t limit, Session **ret);
void exec_report(Shim *shim, ShimMessageKind kind, const Session *session);

/* live-mount.c */

/* Init (or a helper) has made the next mount that was asked for: fd is its root. */
void shim_mounted(Shim *shim, int fd);
/* mount: what to put on target, or NULL: takes away what was put there. SHIM_MOUNT_DONE answers. */
void shim_change_mount(Shim *shim, const char *id, const char *target, const LaunchMount *mount);
int mount_tasks_prepare(Shim *shim);
void mount_tasks_advance(Shim *shim);
void mounts_done(Shim *shim);

/* init.c: in the new process; does not return. channel: to the shim. */
_noreturn_ void init_run(const Shim *shim, const Plan *plan, int channel, const SessionPipes *pipes);
