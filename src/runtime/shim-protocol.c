/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "fd-util.h"
#include "shim-protocol.h"

#define F(member) offsetof(ShimMessage, member)

static const Field shim_message_fields[] = {
        { "PID", FIELD_INT, F(pid) },
        { "StartTime", FIELD_UINT64, F(start_time) },
        { "Running", FIELD_BOOL, F(running) },
        { "Started", FIELD_TIMESTAMP, F(started) },
        { "ControlGroup", FIELD_STRING, F(cgroup) },
        { "Id", FIELD_STRING, F(id) },
        { "Ids", FIELD_STRV, F(ids) },
        { "Rows", FIELD_UINT, F(rows) },
        { "Columns", FIELD_UINT, F(columns) },
        { "Name", FIELD_STRING, F(name) },
        { "Image", FIELD_STRING, F(image) },
        { "Stdin", FIELD_BOOL, F(want_stdin) },
        { "Stdout", FIELD_BOOL, F(want_stdout) },
        { "Stderr", FIELD_BOOL, F(want_stderr) },
        { "Exec", FIELD_OBJECT, F(exec), .type_of = &exec_spec_type },
        { "Exit", FIELD_OBJECT, F(exit), .type_of = &exit_record_type },
        { "Health", FIELD_OBJECT, F(health), .type_of = &health_state_type },
        { "Mount", FIELD_OBJECT, F(mount), .type_of = &launch_mount_type },
        {},
};
const ObjectType shim_message_type = { "shim message", sizeof(ShimMessage), shim_message_fields };

typedef struct ShimHeader {
        uint32_t kind;
        uint32_t size;
} ShimHeader;

int shim_encode(ShimMessageKind kind, const ShimMessage *message, char **ret, size_t *ret_size) {
        static const ShimMessage empty = {};
        size_t size;

        _cleanup_free_ char *text =
                object_to_json_text(&shim_message_type, message ?: &empty, OBJECT_INTERNAL, false, &size);
        if (!text)
                return -ENOMEM;
        if (size > SHIM_MESSAGE_MAX)
                return -EMSGSIZE;

        char *packet = malloc(sizeof(ShimHeader) + size);
        if (!packet)
                return -ENOMEM;
        memcpy(packet, &(ShimHeader){ .kind = kind, .size = size }, sizeof(ShimHeader));
        memcpy(packet + sizeof(ShimHeader), text, size);
        *ret = packet;
        *ret_size = sizeof(ShimHeader) + size;
        return 0;
}

int shim_send(int fd, ShimMessageKind kind, const ShimMessage *message, int attached_fd) {
        _cleanup_free_ char *packet = NULL;
        size_t size;

        int r = shim_encode(kind, message, &packet, &size);
        return r < 0 ? r : send_message(fd, packet, size, &attached_fd, attached_fd >= 0);
}

int shim_receive(int fd, ShimMessage *ret, int *ret_fd) {
        _cleanup_close_ int attached = -EBADF;
        size_t n_fds = 1;
        ShimHeader header;
        ssize_t n;

        memset(ret, 0, sizeof(*ret));
        *ret_fd = -EBADF;
        /* Most messages are tiny: a shim should not touch memory for the largest one. */
        for (bool reset = false; (n = recv(fd, NULL, 0, MSG_PEEK | MSG_TRUNC)) < 0;) {
                if (errno != EINTR && (errno != ECONNRESET || reset)) /* see receive_message() */
                        return negative_errno();
                reset |= errno == ECONNRESET;
        }
        if (n == 0)
                return 0;
        size_t room = MIN((size_t) n, sizeof(ShimHeader) + SHIM_MESSAGE_MAX);
        _cleanup_free_ char *packet = malloc(room);
        if (!packet)
                return -ENOMEM;
        n = receive_message(fd, packet, room, &attached, &n_fds);
        if (n <= 0)
                return n;
        if ((size_t) n < sizeof(header))
                return -EBADMSG;
        memcpy(&header, packet, sizeof(header));
        if (header.size != (size_t) n - sizeof(header) || header.kind == 0 ||
            header.kind >= _SHIM_MESSAGE_MAX)
                return -EBADMSG;

        int r = object_from_json_text(&shim_message_type, ret, packet + sizeof(header), header.size, 0,
                                      NULL);
        if (r < 0)
                return r;
        *ret_fd = TAKE_FD(attached);
        return header.kind;
}
