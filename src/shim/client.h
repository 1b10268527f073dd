/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One end of a stream socket (src/spec/stream.h): somebody who is attached to a session. */

#include "packet-queue.h"
#include "poller.h"
#include "stream.h"

typedef struct Session Session;
typedef struct Client Client;

struct Client {
        Client *next;
        Session *session;
        int fd; /* -EBADF: gone, to be freed */
        bool want_stdin, want_stdout, want_stderr;
        bool ended; /* EXIT or ERROR is sent or queued: close once the queue is empty */
        bool deaf;  /* can't be sent to any more, but may have left input to read */
        PacketQueue queue;
};

/* Takes over fd. NULL when out of memory. */
Client *client_new(Session *session, int fd, bool want_stdin, bool want_stdout, bool want_stderr);
Client *client_free(Client *client);

void client_send(Client *client, StreamType type, const void *payload, size_t size);
void client_send_exit(Client *client, int exit_code);
void client_send_error(Client *client, const Error *error);
/* Registers what the client waits for. */
int client_prepare(Client *client, Poller *poller);
