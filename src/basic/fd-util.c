/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "fd-util.h"

int safe_close(int fd) {
        if (fd >= 0) {
                PROTECT_ERRNO;
                (void) close(fd);
        }
        return -EBADF;
}

void close_many(const int *fds, size_t n) {
        for (size_t i = 0; i < n; i++)
                safe_close(fds[i]);
}

static int fd_change_flag(int fd, int get, int set, int flag, bool on) {
        int flags = fcntl(fd, get);

        if (flags < 0)
                return negative_errno();
        int wanted = on ? flags | flag : flags & ~flag;
        if (wanted != flags && fcntl(fd, set, wanted) < 0)
                return negative_errno();
        return 0;
}

int fd_set_nonblock(int fd, bool nonblock) {
        return fd_change_flag(fd, F_GETFL, F_SETFL, O_NONBLOCK, nonblock);
}

int fd_set_cloexec(int fd, bool cloexec) {
        return fd_change_flag(fd, F_GETFD, F_SETFD, FD_CLOEXEC, cloexec);
}

static int wait_for(int fd, short events) {
        struct pollfd p = { .fd = fd, .events = events };

        while (poll(&p, 1, -1) < 0)
                if (errno != EINTR)
                        return negative_errno();
        return 0;
}

ssize_t read_full(int fd, void *buffer, size_t n) {
        size_t done = 0;

        while (done < n) {
                ssize_t k = read(fd, (char *) buffer + done, n - done);
                if (k == 0)
                        break;
                if (k < 0) {
                        if (errno == EINTR || (errno == EAGAIN && wait_for(fd, POLLIN) >= 0))
                                continue;
                        return negative_errno();
                }
                done += k;
        }
        return done;
}

int write_full(int fd, const void *data, size_t n) {
        const char *p = data;

        while (n > 0) {
                ssize_t k = write(fd, p, n);
                if (k < 0) {
                        if (errno == EINTR || (errno == EAGAIN && wait_for(fd, POLLOUT) >= 0))
                                continue;
                        return negative_errno();
                }
                p += k;
                n -= k;
        }
        return 0;
}

int copy_bytes(int from, int to) {
        enum { RANGE, SPLICE, PLAIN } how = RANGE;

        for (;;) {
                ssize_t k;
                char buffer[64 * 1024];

                if (how == RANGE)
                        k = copy_file_range(from, NULL, to, NULL, 1024 * MIB, 0);
                else if (how == SPLICE)
                        k = splice(from, NULL, to, NULL, 1024 * 1024, 0);
                else
                        k = read(from, buffer, sizeof(buffer));

                if (k == 0)
                        return 0;
                if (k < 0) {
                        if (errno == EINTR)
                                continue;
                        if (errno == EAGAIN && wait_for(from, POLLIN) >= 0 && wait_for(to, POLLOUT) >= 0)
                                continue;
                        if (how == PLAIN)
                                return negative_errno();
                        how++;
                        continue;
                }
                if (how == PLAIN) {
                        int r = write_full(to, buffer, k);
                        if (r < 0)
                                return r;
                }
        }
}

int socket_pair(int type, int flags, int ret[static 2]) {
        if (socketpair(AF_UNIX, type | SOCK_CLOEXEC | flags, 0, ret) < 0)
                return negative_errno();
        return 0;
}

int send_message(int socket, const void *data, size_t size, const int *fds, size_t n_fds) {
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(int) * FDS_PER_MESSAGE_MAX)];
        } control = {};
        struct iovec iov = { .iov_base = (void *) data, .iov_len = size };
        struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

        if (n_fds > FDS_PER_MESSAGE_MAX)
                return -E2BIG;
        if (n_fds > 0) {
                control.header.cmsg_level = SOL_SOCKET;
                control.header.cmsg_type = SCM_RIGHTS;
                control.header.cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
                memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * n_fds);
                message.msg_control = &control;
                message.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
        }

        while (sendmsg(socket, &message, MSG_NOSIGNAL) < 0)
                if (errno != EINTR)
                        return negative_errno();
        return 0;
}

ssize_t receive_message(int socket, void *buffer, size_t size, int *fds, size_t *n_fds) {
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(int) * FDS_PER_MESSAGE_MAX)];
        } control;
        struct iovec iov = { .iov_base = buffer, .iov_len = size };
        struct msghdr message = {
                .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = &control,
                .msg_controllen = sizeof(control),
        };
        size_t room = n_fds ? *n_fds : 0, n = 0;
        bool overflow = false;
        ssize_t k;

        /* A peer that closes before it has read all of ours resets the connection: that is reported once, in front of
         * what it has sent before, which is still there. */
        for (bool reset = false; (k = recvmsg(socket, &message, MSG_CMSG_CLOEXEC)) < 0;) {
                if (errno != EINTR && (errno != ECONNRESET || reset))
                        return negative_errno();
                reset |= errno == ECONNRESET;
        }

        for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
                if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
                        continue;
                size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
                for (size_t i = 0; i < count; i++) {
                        int fd;
                        memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
                        if (n < room)
                                fds[n++] = fd;
                        else {
                                overflow = true;
                                safe_close(fd);
                        }
                }
        }

        if (overflow || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
                close_many(fds, n);
                return -EMSGSIZE;
        }
        if (n_fds)
                *n_fds = n;
        return k;
}

int memfd_with_data(const char *name, const void *data, size_t size) {
        _cleanup_close_ int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

        if (fd < 0)
                return negative_errno();
        int r = write_full(fd, data, size);
        if (r < 0)
                return r;
        if (lseek(fd, 0, SEEK_SET) < 0 ||
            fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
                return negative_errno();
        return TAKE_FD(fd);
}
