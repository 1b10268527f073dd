/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the shim and a process that it makes say to each other before that executes its command, on a pair of
 * SOCK_SEQPACKET sockets. The child's end is close-on-exec: end of file behind CHILD_EXECUTING tells the shim that
 * execve(2) has succeeded, without it that the child died. */

#include "error.h"
#include "macro.h"

typedef enum ChildMessageKind {
        CHILD_MAPPED = 1, /* shim → init: the user namespace has its ids */
        CHILD_MOUNT,      /* shim → init, with a detached mount: for the next operation that needs one */
        CHILD_GO,         /* shim → init: cgroup and network are ready */
        CHILD_TERMINAL,   /* child → shim, with the master of a new terminal */
        CHILD_MOUNTED,    /* child → shim, with a mount that was asked for and is in its place now */
        CHILD_EXECUTING,  /* child → shim: execve(2) is next */
        CHILD_FAILED,     /* child → shim: an Error; the child exits */
        _CHILD_MESSAGE_MAX,
} ChildMessageKind;

int child_send(int socket, ChildMessageKind kind, int attached_fd /* or -EBADF */);
int child_send_error(int socket, const Error *error);
/* Returns the kind, 0 at end of file, or a negative errno. *ret_fd: the attached descriptor or -EBADF. error: filled by
 * CHILD_FAILED. */
int child_receive(int socket, int *ret_fd, Error *error);
/* Waits for exactly this message. 0, or -ECONNRESET when the shim is gone, or -EBADMSG. ret_fd may be NULL when no
 * descriptor comes with it. */
int child_expect(int socket, ChildMessageKind kind, int *ret_fd);
