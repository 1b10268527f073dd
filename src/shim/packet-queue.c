/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>
#include <sys/socket.h>

#include "packet-queue.h"

struct Packet {
        Packet *next;
        size_t size;
        char data[];
};

static int send_parts(int socket, const struct iovec *parts, size_t n_parts) {
        struct msghdr message = { .msg_iov = (struct iovec *) parts, .msg_iovlen = n_parts };

        while (sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
                if (errno != EINTR)
                        return negative_errno();
        return 0;
}

int packet_queue_send(PacketQueue *queue, int socket, const struct iovec *parts, size_t n_parts) {
        size_t size = 0;

        if (packet_queue_is_empty(queue)) {
                int r = send_parts(socket, parts, n_parts);
                if (r != -EAGAIN && r != -ENOBUFS)
                        return r;
        }

        for (size_t i = 0; i < n_parts; i++)
                size += parts[i].iov_len;
        Packet *packet = malloc(sizeof(Packet) + size);
        if (!packet)
                return -ENOMEM;
        *packet = (Packet){ .size = size };
        char *p = packet->data;
        for (size_t i = 0; i < n_parts; i++)
                p = mempcpy(p, parts[i].iov_base, parts[i].iov_len);
        if (queue->last)
                queue->last->next = packet;
        else
                queue->first = packet;
        queue->last = packet;
        return 0;
}

static void drop_first(PacketQueue *queue) {
        Packet *packet = queue->first;

        queue->first = packet->next;
        if (!queue->first)
                queue->last = NULL;
        free(packet);
}

int packet_queue_flush(PacketQueue *queue, int socket) {
        while (queue->first) {
                struct iovec part = { .iov_base = queue->first->data, .iov_len = queue->first->size };
                int r = send_parts(socket, &part, 1);
                if (r < 0)
                        return r == -ENOBUFS ? -EAGAIN : r;
                drop_first(queue);
        }
        return 0;
}

void packet_queue_done(PacketQueue *queue) {
        while (queue->first)
                drop_first(queue);
}
