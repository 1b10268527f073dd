/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The client's end of `logs`: frames collected into packets, and sent so that a slow client, one that leaves, and a
 * cancelled job are all noticed. */

#include "stream.h"

typedef struct LogStream {
        int fd;
        int cancel_fd;
        size_t size;
        char packet[STREAM_PACKET_MAX];
} LogStream;

/* A line or a piece of one; time: realtime usec. Pieces longer than a frame are split further. Returns 0, -EPIPE when
 * the client is gone, or -ECANCELED. */
int log_stream_add(LogStream *stream, StreamType type, bool partial, uint64_t time, const void *data,
                   size_t size);
int log_stream_flush(LogStream *stream);
/* Waits for something new: other_fd (or -EBADF) readable, the client gone, cancellation, the time-out. Returns 1 when
 * other_fd is ready, else 0, -EPIPE or -ECANCELED. */
int log_stream_wait(LogStream *stream, int other_fd, short other_events, int end_fd, bool *ret_ended,
                    int timeout_msec);
