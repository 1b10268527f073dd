/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* berthd and a shim.
 *
 * berthd spawns `berth-shim <id>` with the run directory /run/berth/containers/<id> as its working directory and the
 * control socket (SOCK_SEQPACKET) as file descriptor 3. The shim reads launch.json, binds shim.sock (SEQPACKET, 0600)
 * there, and sends events on the control socket. When berthd goes away the control socket hangs up; the shim carries
 * on and accepts the next berthd on shim.sock, whom it greets with HELLO. One control connection at a time: a new one
 * replaces the old.
 *
 *   shim → berthd   CREATED{pid, start time}: init exists with all its namespaces and waits (cgroup still berthd's or
 *                   the shims'); berthd now starts the scope, moves veths into /proc/<pid>/ns/net, and then sends GO
 *   berthd → shim   GO{cgroup path}: scope and network are ready; init joins nothing itself any more, unshares the
 *                   cgroup namespace, finishes, executes the command. Without GO a lost control connection aborts the
 *                   start: init is killed and the exit record says so.
 *   shim → berthd   STARTED: exec(2) succeeded;  or EXITED with an error kind
 *   shim → berthd   EXITED{ExitRecord}: exit.json is on disk, all output has been handed to the journal and to the
 *                   attached clients. The shim then ends. It keeps init's namespaces open until this is sent.
 *                   Only after it the clients get their STREAM_EXIT or STREAM_ERROR, so that who asks berthd then hears
 *                   of the end; a slow client's last frames wait in the shim, which lives until they are taken.
 *   berthd → shim   ATTACH (+ 1 fd): the peer of a stream socket (src/spec/stream.h) becomes a client. Allowed before
 *                   GO, so that a client that attaches before the start misses nothing.
 *   berthd → shim   EXEC{ExecSpec} (+ 1 fd, or none when detached): run a process in the container, its streams on
 *                   the socket. Its failure is a STREAM_ERROR there (or EXEC_EXITED with an error when detached).
 *   shim → berthd   EXEC_STARTED{id, pid}, EXEC_EXITED{id, exit code, error kind, error}
 *   berthd → shim   MOUNT{id, mount}, UNMOUNT{id, mount's target}: into and out of the running container
 *   shim → berthd   MOUNT_DONE{id, error kind, error}
 *   berthd → shim   RESIZE{rows, columns} of the container's terminal
 *   berthd → shim   RENAME{name, image}: names for further journal entries
 *   shim → berthd   HEALTH{state}: before STARTED, after each probe of the container's health, and after HELLO; never
 *                   from a container without a health check
 *   berthd → shim   PROBE: probe now; HEALTH follows
 *   shim → berthd   HELLO{pid, start time, running, exec ids}: to a berthd that reconnected
 * Signals to the container go through berthd's own pidfd of the leader, not through the shim.
 *
 * A message is a ShimHeader and a JSON object (shim_message_type) of ShimHeader.size bytes. */

#include "container-spec.h"
#include "launch-spec.h"
#include "object.h"

#define SHIM_CONTROL_FD 3
#define SHIM_MESSAGE_MAX (160 * 1024)

typedef enum ShimMessageKind {
        SHIM_CREATED = 1,
        SHIM_GO,
        SHIM_STARTED,
        SHIM_EXITED,
        SHIM_ATTACH,
        SHIM_EXEC,
        SHIM_EXEC_STARTED,
        SHIM_EXEC_EXITED,
        SHIM_RESIZE,
        SHIM_RENAME,
        SHIM_HELLO,
        SHIM_MOUNT,
        SHIM_UNMOUNT,
        SHIM_MOUNT_DONE,
        SHIM_HEALTH,
        SHIM_PROBE,
        _SHIM_MESSAGE_MAX,
} ShimMessageKind;

typedef struct ShimMessage {
        int pid;
        uint64_t start_time;
        bool running;     /* HELLO: the command has been executed, … */
        uint64_t started; /* STARTED, HELLO: … at this time, realtime usec */
        char *cgroup;     /* GO: below the cgroup root */
        char *id;         /* EXEC_*: the exec's id; MOUNT*: of the request */
        char **ids;       /* HELLO: running execs */
        uint32_t rows, columns;
        char *name, *image;
        /* ATTACH */
        bool want_stdin, want_stdout, want_stderr;
        ExecSpec exec;      /* EXEC */
        ExitRecord exit;    /* EXITED, EXEC_EXITED, MOUNT_DONE */
        LaunchMount mount;  /* MOUNT, UNMOUNT */
        HealthState health; /* HEALTH */
} ShimMessage;
extern const ObjectType shim_message_type;

/* The packet of a message, for a sender that queues. */
int shim_encode(ShimMessageKind kind, const ShimMessage *message, char **ret, size_t *ret_size);
int shim_send(int fd, ShimMessageKind kind, const ShimMessage *message, int attached_fd /* or -EBADF */);
/* Returns the kind, 0 at end of file, or a negative errno. *ret_fd: the attached descriptor or -EBADF. The caller
 * calls object_done(&shim_message_type, ret). */
int shim_receive(int fd, ShimMessage *ret, int *ret_fd);
