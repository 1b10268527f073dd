/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The stream protocol: what flows on the file descriptors that Attach, Start, Exec and Logs return.
 *
 * The descriptor is an AF_UNIX SOCK_SEQPACKET socket; the other end is held by the container's shim (or, for logs, by
 * a worker), so a restart of berthd does not touch it. Each packet holds one or more whole frames; a frame is a
 * header of 16 bytes in the machine's byte order and a payload.
 *
 * From the client:   STDIN (bytes), STDIN_EOF, RESIZE.
 * To the client:     STARTED once the command has been executed (exec(2) succeeded); STDOUT and STDERR (a terminal
 *                    has STDOUT only); at the end exactly one of EXIT and ERROR, after all output; then end of file.
 * A client that closes the socket is detached; the process lives on (an exec's too).
 * A slow client slows the process: nothing is dropped. */

#include "error.h"
#include "macro.h"

typedef enum StreamType {
        STREAM_STDIN = 0,
        STREAM_STDOUT = 1, /* 1 and 2 as in Docker's frames */
        STREAM_STDERR = 2,
        STREAM_STDIN_EOF = 3,
        STREAM_RESIZE = 4,  /* StreamResize */
        STREAM_STARTED = 5, /* no payload */
        STREAM_EXIT = 6,    /* int32_t: exit status 0-255, 128+n for signal n */
        STREAM_ERROR = 7,   /* error_kind_to_string, NUL, message without NUL */
        _STREAM_TYPE_MAX,
} StreamType;

typedef enum StreamFlags {
        STREAM_PARTIAL =
                1 << 0, /* logs: the line goes on in the next frame of this type (or ends without newline) */
} StreamFlags;

typedef struct StreamHeader {
        uint8_t type;
        uint8_t flags;
        uint16_t reserved; /* zero */
        uint32_t length;   /* of the payload */
        uint64_t time;     /* logs: realtime usec of the line; else 0 */
} StreamHeader;

typedef struct StreamResize {
        uint16_t rows, columns;
} StreamResize;

#define STREAM_PAYLOAD_MAX (32 * 1024)
#define STREAM_PACKET_MAX (64 * 1024)

/* One frame in one packet. 0 or a negative errno (-EAGAIN: non-blocking and full; nothing was sent). */
int stream_send(int fd, StreamType type, const void *payload, size_t size);
int stream_send_error(int fd, ErrorKind kind, const char *message);

/* Takes the next frame out of a received packet: *packet and *size advance. Returns 1, 0 at the end of the packet, or
 * -EBADMSG. The payload points into the packet. */
int stream_next(const void **packet, size_t *size, StreamHeader *ret_header, const void **ret_payload);
/* The Error in a STREAM_ERROR payload. */
void stream_parse_error(const void *payload, size_t size, Error *ret);
