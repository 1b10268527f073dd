/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "stream.h"
#include "string-util.h"

int stream_send(int fd, StreamType type, const void *payload, size_t size) {
        StreamHeader header = { .type = type, .length = size };
        struct iovec iov[] = {
                { .iov_base = &header, .iov_len = sizeof(header) },
                { .iov_base = (void *) payload, .iov_len = size },
        };
        struct msghdr message = { .msg_iov = iov, .msg_iovlen = size > 0 ? 2 : 1 };

        if (size > STREAM_PAYLOAD_MAX)
                return -EMSGSIZE;
        while (sendmsg(fd, &message, MSG_NOSIGNAL) < 0)
                if (errno != EINTR)
                        return negative_errno();
        return 0;
}

int stream_send_error(int fd, ErrorKind kind, const char *message) {
        char payload[4096];
        size_t n = strlen(error_kind_to_string(kind)) + 1;
        size_t m = MIN(strlen(message), sizeof(payload) - n);

        memcpy(payload, error_kind_to_string(kind), n);
        memcpy(payload + n, message, m);
        return stream_send(fd, STREAM_ERROR, payload, n + m);
}

int stream_next(const void **packet, size_t *size, StreamHeader *ret_header, const void **ret_payload) {
        StreamHeader header;

        if (*size == 0)
                return 0;
        if (*size < sizeof(header))
                return -EBADMSG;
        memcpy(&header, *packet, sizeof(header));
        if (header.type >= _STREAM_TYPE_MAX || header.length > STREAM_PAYLOAD_MAX ||
            header.length > *size - sizeof(header))
                return -EBADMSG;

        *ret_header = header;
        *ret_payload = (const char *) *packet + sizeof(header);
        *packet = (const char *) *packet + sizeof(header) + header.length;
        *size -= sizeof(header) + header.length;
        return 1;
}

void stream_parse_error(const void *payload, size_t size, Error *ret) {
        const char *nul = memchr(payload, 0, size);

        if (!nul) {
                error_set(ret, ERROR_FAILED, "%.*s", (int) size, (const char *) payload);
                return;
        }
        error_set(ret, error_kind_from_string(payload), "%.*s",
                  (int) (size - (nul + 1 - (const char *) payload)), nul + 1);
}
