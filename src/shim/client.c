/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "client.h"
#include "fd-util.h"
#include "pty-util.h"
#include "session.h"

Client *client_new(Session *session, int fd, bool want_stdin, bool want_stdout, bool want_stderr) {
        Client *client = new0(Client, 1);

        if (!client || fd_set_nonblock(fd, true) < 0) {
                free(client);
                safe_close(fd);
                return NULL;
        }
        *client = (Client){
                .session = session,
                .fd = fd,
                .want_stdin = want_stdin,
                .want_stdout = want_stdout,
                .want_stderr = want_stderr,
        };
        return client;
}

Client *client_free(Client *client) {
        if (!client)
                return NULL;
        safe_close(client->fd);
        packet_queue_done(&client->queue);
        free(client);
        return NULL;
}

/* Closing a socket with something unread in it resets the connection, and the client might take that for the end before
 * it has read what we sent. */
static void client_close(Client *client) {
        char ignored;

        (void) shutdown(client->fd, SHUT_RD);
        while (recv(client->fd, &ignored, 1, MSG_DONTWAIT) > 0)
                ;
        client->fd = safe_close(client->fd);
        packet_queue_done(&client->queue);
        if (client->want_stdin)
                session_stdin_left(client->session);
}

static void client_failed(Client *client) {
        client->deaf = true;
        packet_queue_done(&client->queue);
        if (client->ended)
                client_close(client);
}

static void client_close_when_done(Client *client) {
        if (client->fd >= 0 && client->ended && packet_queue_is_empty(&client->queue))
                client_close(client);
}

void client_send(Client *client, StreamType type, const void *payload, size_t size) {
        StreamHeader header = { .type = type, .length = size };
        const struct iovec parts[] = {
                { .iov_base = &header, .iov_len = sizeof(header) },
                { .iov_base = (void *) payload, .iov_len = size },
        };

        if (client->fd < 0 || client->deaf)
                return;
        if (packet_queue_send(&client->queue, client->fd, parts, size > 0 ? 2 : 1) < 0)
                client_failed(client);
}

void client_send_exit(Client *client, int exit_code) {
        int32_t value = exit_code;

        client_send(client, STREAM_EXIT, &value, sizeof(value));
        client->ended = true;
        client_close_when_done(client);
}

void client_send_error(Client *client, const Error *error) {
        const char *kind = error_kind_to_string(error->kind), *message = error->message ?: "out of memory";
        char payload[4096];
        size_t n = strlen(kind) + 1, m = MIN(strlen(message), sizeof(payload) - n);

        memcpy(payload, kind, n);
        memcpy(payload + n, message, m);
        client_send(client, STREAM_ERROR, payload, n + m);
        client->ended = true;
        client_close_when_done(client);
}

static void handle_frame(Client *client, const StreamHeader *header, const void *payload) {
        StreamResize size;

        switch (header->type) {
        case STREAM_STDIN:
                if (client->want_stdin)
                        session_stdin(client->session, payload, header->length);
                break;
        case STREAM_STDIN_EOF:
                if (client->want_stdin)
                        session_stdin_end(client->session);
                break;
        case STREAM_RESIZE:
                if (header->length != sizeof(size))
                        break;
                memcpy(&size, payload, sizeof(size));
                session_resize(client->session, size.rows, size.columns);
                break;
        default:
                break;
        }
}

/* One packet. What is not the protocol ends the connection. */
static void client_receive(Client *client) {
        _cleanup_free_ char *packet = malloc(STREAM_PACKET_MAX);
        const void *p = packet, *payload;
        StreamHeader header;
        int r;

        if (!packet)
                return;
        ssize_t n = receive_message(client->fd, packet, STREAM_PACKET_MAX, NULL, NULL);
        if (n == -EAGAIN)
                return;
        if (n <= 0) {
                client_close(client);
                return;
        }
        size_t size = n;
        while ((r = stream_next(&p, &size, &header, &payload)) > 0)
                handle_frame(client, &header, payload);
        if (r < 0)
                client_close(client);
}

static void on_client(void *object, int revents) {
        Client *client = object;

        if (client->fd >= 0 && (revents & POLLOUT) && !packet_queue_is_empty(&client->queue)) {
                int r = packet_queue_flush(&client->queue, client->fd);
                if (r < 0 && r != -EAGAIN)
                        client_failed(client);
                client_close_when_done(client);
        }
        if (client->fd >= 0 && (revents & (POLLIN | POLLHUP | POLLERR)) &&
            session_takes_stdin(client->session))
                client_receive(client);
}

/* Input that the process does not take yet stays in the socket; then a hang-up must not wake us either. */
int client_prepare(Client *client, Poller *poller) {
        short events = 0;

        if (session_takes_stdin(client->session))
                events |= POLLIN;
        if (!packet_queue_is_empty(&client->queue))
                events |= POLLOUT;
        return events ? poller_add(poller, client->fd, events, on_client, client) : 0;
}
