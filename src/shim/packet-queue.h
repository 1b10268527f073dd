/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Packets for a non-blocking SOCK_SEQPACKET socket that does not take them yet. */

#include <sys/uio.h>

#include "macro.h"

typedef struct Packet Packet;

/* Initialise with {}. */
typedef struct PacketQueue {
        Packet *first, *last;
} PacketQueue;

static inline bool packet_queue_is_empty(const PacketQueue *queue) {
        return !queue->first;
}
/* Sends the packet that the parts make up, or queues a copy behind those that wait. Returns 0 or a negative errno,
 * among them -EPIPE and -ECONNRESET when the other end is gone. */
int packet_queue_send(PacketQueue *queue, int socket, const struct iovec *parts, size_t n_parts);
/* Sends what waits. 0: all of it; -EAGAIN: poll for POLLOUT. */
int packet_queue_flush(PacketQueue *queue, int socket);
void packet_queue_done(PacketQueue *queue);
