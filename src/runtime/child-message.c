/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>

#include "child-message.h"
#include "fd-util.h"

typedef struct Packet {
        uint8_t kind;       /* ChildMessageKind */
        uint8_t error_kind; /* CHILD_FAILED */
        char text[4094];    /* CHILD_FAILED: NUL-terminated */
} Packet;

int child_send(int socket, ChildMessageKind kind, int attached_fd) {
        uint8_t header[2] = { kind };

        return send_message(socket, header, sizeof(header), &attached_fd, attached_fd >= 0);
}

int child_send_error(int socket, const Error *error) {
        Packet packet = { .kind = CHILD_FAILED, .error_kind = error->kind ?: ERROR_START_FAILED };

        (void) snprintf(packet.text, sizeof(packet.text), "%s", error->message ?: "out of memory");
        return send_message(socket, &packet, offsetof(Packet, text) + strlen(packet.text) + 1, NULL, 0);
}

int child_receive(int socket, int *ret_fd, Error *error) {
        _cleanup_close_ int fd = -EBADF;
        Packet packet;
        size_t n_fds = 1;

        ssize_t n = receive_message(socket, &packet, sizeof(packet), &fd, &n_fds);
        if (n <= 0)
                return n;
        if ((size_t) n < offsetof(Packet, text) || packet.kind == 0 || packet.kind >= _CHILD_MESSAGE_MAX)
                return -EBADMSG;
        if (packet.kind == CHILD_FAILED) {
                size_t size = n - offsetof(Packet, text);
                if (size == 0 || packet.error_kind >= _ERROR_KIND_MAX)
                        return -EBADMSG;
                error_set(error, packet.error_kind, "%.*s", (int) strnlen(packet.text, size), packet.text);
        }
        *ret_fd = TAKE_FD(fd);
        return packet.kind;
}

int child_expect(int socket, ChildMessageKind kind, int *ret_fd) {
        _cleanup_close_ int fd = -EBADF;

        int r = child_receive(socket, &fd, NULL);
        if (r < 0)
                return r;
        if (r == 0)
                return -ECONNRESET;
        if (r != (int) kind || (ret_fd != NULL) != (fd >= 0))
                return -EBADMSG;
        if (ret_fd)
                *ret_fd = TAKE_FD(fd);
        return 0;
}
