/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "log-stream.h"

/* Until the client's socket takes a packet. */
static int wait_writable(LogStream *stream) {
        struct pollfd fds[] = {
                { .fd = stream->fd, .events = POLLOUT },
                { .fd = stream->cancel_fd, .events = POLLIN },
        };

        while (poll(fds, ELEMENTSOF(fds), -1) < 0)
                if (errno != EINTR)
                        return negative_errno();
        if (fds[1].revents)
                return -ECANCELED;
        return fds[0].revents & (POLLHUP | POLLERR) ? -EPIPE : 0;
}

int log_stream_flush(LogStream *stream) {
        while (stream->size > 0) {
                if (send(stream->fd, stream->packet, stream->size, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) {
                        stream->size = 0;
                        break;
                }
                if (errno == EINTR)
                        continue;
                if (errno != EAGAIN)
                        return errno == ECONNRESET ? -EPIPE : negative_errno();
                int r = wait_writable(stream);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int add_frame(LogStream *stream, StreamType type, bool partial, uint64_t time, const void *data,
                     size_t size) {
        StreamHeader header = {
                .type = type,
                .flags = partial ? STREAM_PARTIAL : 0,
                .length = size,
                .time = time,
        };

        if (stream->size + sizeof(header) + size > sizeof(stream->packet)) {
                int r = log_stream_flush(stream);
                if (r < 0)
                        return r;
        }
        char *p = mempcpy(stream->packet + stream->size, &header, sizeof(header));
        p = mempcpy(p, data, size);
        stream->size = p - stream->packet;
        return 0;
}

int log_stream_add(LogStream *stream, StreamType type, bool partial, uint64_t time, const void *data,
                   size_t size) {
        const char *p = data;

        for (; size > STREAM_PAYLOAD_MAX; p += STREAM_PAYLOAD_MAX, size -= STREAM_PAYLOAD_MAX) {
                int r = add_frame(stream, type, true, time, p, STREAM_PAYLOAD_MAX);
                if (r < 0)
                        return r;
        }
        return add_frame(stream, type, partial, time, p, size);
}

int log_stream_wait(LogStream *stream, int other_fd, short other_events, int end_fd, bool *ret_ended,
                    int timeout_msec) {
        struct pollfd fds[] = {
                { .fd = stream->fd, .events = POLLIN },
                { .fd = stream->cancel_fd, .events = POLLIN },
                { .fd = other_fd, .events = other_events },
                { .fd = end_fd, .events = POLLIN },
        };
        char ignored[64];

        if (poll(fds, ELEMENTSOF(fds), timeout_msec) < 0)
                return errno == EINTR ? 0 : negative_errno();
        if (fds[1].revents)
                return -ECANCELED;
        /* The client has nothing to say here, but to leave. */
        if (fds[0].revents && recv(stream->fd, ignored, sizeof(ignored), MSG_DONTWAIT) <= 0 &&
            errno != EAGAIN && errno != EINTR)
                return -EPIPE;
        if (fds[0].revents & (POLLHUP | POLLERR))
                return -EPIPE;
        *ret_ended = fds[3].revents != 0;
        return fds[2].revents != 0;
}
