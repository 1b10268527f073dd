/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* File descriptors: always O_CLOEXEC, -EBADF when there is none. */

#include <sys/socket.h>

#include "macro.h"

int safe_close(int fd); /* accepts negative fds, keeps errno, returns -EBADF */
static inline void closep(int *fd) {
        safe_close(*fd);
}
#define _cleanup_close_ _cleanup_(closep)

void close_many(const int *fds, size_t n);

int fd_set_nonblock(int fd, bool nonblock);
int fd_set_cloexec(int fd, bool cloexec);

/* Reads until n bytes, end of file or an error. Returns the bytes read or a negative errno. */
ssize_t read_full(int fd, void *buffer, size_t n);
/* Writes all n bytes, waiting with poll() on a non-blocking fd. Returns 0 or a negative errno. */
int write_full(int fd, const void *data, size_t n);

/* Copies until end of file (copy_file_range, splice or read/write, as the fds allow). Returns 0 or a negative errno. */
int copy_bytes(int from, int to);

/* A pair of connected AF_UNIX sockets of the type (SOCK_SEQPACKET, SOCK_STREAM), both SOCK_CLOEXEC | flags. */
int socket_pair(int type, int flags, int ret[static 2]);

#define FDS_PER_MESSAGE_MAX 128

/* One message with up to FDS_PER_MESSAGE_MAX descriptors (borrowed). Returns 0 or a negative errno (-EAGAIN from
 * a non-blocking socket whose peer is slow). MSG_NOSIGNAL always. */
int send_message(int socket, const void *data, size_t size, const int *fds, size_t n_fds);
/* Receives one message. Returns its size, 0 at end of file, or a negative errno: -EMSGSIZE when it was longer than
 * `size` or carried more than *n_fds descriptors (none is leaked). *n_fds: in the room in fds, out how many came;
 * NULL when none is expected. They are close-on-exec and belong to the caller. What a peer sent before it closed comes
 * before the end of file, also when it left something of ours unread (ECONNRESET). */
ssize_t receive_message(int socket, void *buffer, size_t size, int *fds, size_t *n_fds);

/* A sealed memfd with the data, offset 0. Returns the fd. */
int memfd_with_data(const char *name, const void *data, size_t size);
