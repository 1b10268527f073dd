/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The client's end of a stream (src/spec/stream.h): standard input, output and error on one side, the container's on the
 * other, until it ends, is left, or the other side goes away.
 *
 * Everything is non-blocking and in one poll() loop. At most one packet is held in each direction: while standard output
 * takes no more, the stream is not read, and the shim stops reading from the process; so a slow reader slows the
 * process, and nothing is lost or piles up. */

#include <systemd/sd-bus.h>

#include "detach-keys.h"
#include "error.h"

typedef struct StreamClient {
        int stream;      /* borrowed */
        bool send_stdin; /* pass on standard input, and its end */
        bool terminal;   /* the process has a terminal: sizes are passed on */
        bool raw;        /* put our terminal into raw mode (when standard input is one) */
        bool redraw;     /* make full-screen programs draw again: they started long ago */
        DetachKeys keys; /* looked for in raw mode only: elsewhere input is just bytes */
        sd_bus *bus;     /* is kept going meanwhile; may be NULL */
        const bool *
                failed; /* becomes true when something else ends the session (the start failed); may be NULL */
        /* A signal for us that the container should get; NULL: we die of it. */
        int (*signal_received)(int signal, void *userdata);
        void *userdata;
} StreamClient;

typedef enum StreamEnd {
        STREAM_END_EXIT,     /* exit_code */
        STREAM_END_ERROR,    /* error */
        STREAM_END_DETACHED, /* by the keys */
        STREAM_END_CLOSED,   /* the other end is gone without a word */
        STREAM_END_OUTPUT,   /* nobody reads our standard output any more */
        STREAM_END_SIGNAL,   /* exit_code: 128 + the signal that ends us */
        STREAM_END_FAILED,   /* *failed became true */
} StreamEnd;

typedef struct StreamResult {
        StreamEnd end;
        bool started;
        int exit_code;
        Error error;
} StreamResult;

/* Blocks the signals that stream_client_run() takes; to be called before anything starts that they might be meant for. */
void stream_client_block_signals(void);
/* Takes the terminal to raw mode and back. Returns 0, or a negative errno of our own. The caller frees ret->error. */
int stream_client_run(const StreamClient *client, StreamResult *ret);
