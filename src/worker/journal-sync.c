/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fd-util.h"
#include "journal-sync.h"
#include "time-util.h"

#define JOURNAL_VARLINK "/run/systemd/journal/io.systemd.journal"

static int wait_readable(int fd, uint64_t deadline) {
        uint64_t now = now_usec(CLOCK_MONOTONIC);
        struct pollfd p = { .fd = fd, .events = POLLIN };

        if (now >= deadline)
                return -ETIMEDOUT;
        int n = poll(&p, 1, (deadline - now + USEC_PER_MSEC - 1) / USEC_PER_MSEC);
        if (n < 0)
                return errno == EINTR ? 0 : negative_errno();
        return n == 0 ? -ETIMEDOUT : 0;
}

/* A varlink reply ends with a NUL; whether it is an error does not matter to anyone. */
static int wait_for_reply(int fd, uint64_t deadline) {
        char buffer[1024];

        for (;;) {
                int r = wait_readable(fd, deadline);
                if (r < 0)
                        return r;
                ssize_t n = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
                if (n == 0)
                        return -ECONNRESET;
                if (n < 0 && errno != EAGAIN && errno != EINTR)
                        return negative_errno();
                if (n > 0 && memchr(buffer, 0, n))
                        return 0;
        }
}

int journal_synchronize(uint64_t timeout) {
        static const struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = JOURNAL_VARLINK };
        static const char call[] = "{\"method\":\"io.systemd.Journal.Synchronize\",\"parameters\":{}}";
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0 || connect(fd, (const struct sockaddr *) &address, sizeof(address)) < 0 ||
            send(fd, call, sizeof(call), MSG_NOSIGNAL) < 0)
                return negative_errno();
        return wait_for_reply(fd, now_usec(CLOCK_MONOTONIC) + timeout);
}
