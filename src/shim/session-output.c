/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>
#include <unistd.h>

#include "fd-util.h"
#include "log.h"
#include "session-output.h"
#include "shim.h"
#include "time-util.h"

#define CHUNK_MAX STREAM_PAYLOAD_MAX
/* What a pipe can hold (fs.pipe-max-size) and more: nobody who still writes into an ended process's pipe can keep the
 * session from ending. */
#define DRAIN_MAX (2 * MIB)
/* How long the log of an ended container is kept while there is no journald at all. */
#define JOURNAL_PATIENCE (30 * USEC_PER_SEC)

static bool has_unlogged(const Session *session) {
        return session->chunk_size > 0 || (session->journal && !journal_is_empty(session->journal));
}

static bool has_slow_client(const Session *session) {
        for (const Client *client = session->clients; client; client = client->next)
                if (!packet_queue_is_empty(&client->queue))
                        return true;
        return false;
}

static void give_up_log(Session *session) {
        log_error("No journald for %u s: the last output of the container is not logged.",
                  (unsigned) (JOURNAL_PATIENCE / USEC_PER_SEC));
        session->journal = NULL;
        session->chunk_size = 0;
}

/* Returns true when the batch has been sent. */
static bool flush_log(Session *session) {
        int r = journal_flush(session->journal);

        session->journal_is_busy = r == -EAGAIN;
        session->journal_is_gone = r < 0 && r != -EAGAIN;
        if (!session->journal_is_gone || !session->exited) {
                session->journal_deadline = 0;
                return r >= 0;
        }
        uint64_t now = now_usec(CLOCK_MONOTONIC);
        if (session->journal_deadline == 0)
                session->journal_deadline = now + JOURNAL_PATIENCE;
        else if (now >= session->journal_deadline)
                give_up_log(session);
        return false;
}

static void append_piece(Session *session, Output *output, const LogPiece *piece) {
        if (journal_append(session->journal, output->stream, piece) < 0)
                log_oom();
}

/* Logs the chunk as far as the journal takes it. */
static void log_chunk(Session *session) {
        const char *data = session->chunk + session->chunk_offset;
        LogPiece piece;

        if (!session->journal) {
                session->chunk_size = 0;
                return;
        }
        while (!journal_is_full(session->journal) || flush_log(session)) {
                int r = log_line_next(&session->chunk_from->line, &data, &session->chunk_size, &piece);
                session->chunk_offset = data - session->chunk;
                if (r <= 0) {
                        (void) flush_log(session);
                        return;
                }
                append_piece(session, session->chunk_from, &piece);
        }
}

static void continue_log(Session *session) {
        if (session->chunk_size > 0)
                log_chunk(session);
        else if (session->journal)
                (void) flush_log(session);
}

static void on_journal(void *object, int revents) {
        continue_log(object);
}

void session_retry_log(Session *session) {
        if (session->journal_is_gone && has_unlogged(session))
                continue_log(session);
}

static void end_output(Output *output) {
        Session *session = output->session;
        LogPiece piece;

        output->fd = safe_close(output->fd);
        if (session->journal && log_line_finish(&output->line, &piece) > 0) {
                append_piece(session, output, &piece);
                (void) flush_log(session);
        }
}

static void send_to_clients(Session *session, JournalStream stream, const char *data, size_t size) {
        bool is_stderr = stream == JOURNAL_STDERR;

        for (Client *client = session->clients; client; client = client->next)
                if (is_stderr ? client->want_stderr : client->want_stdout)
                        client_send(client, is_stderr ? STREAM_STDERR : STREAM_STDOUT, data, size);
}

static void capture(Session *session, const char *data, size_t size) {
        size_t room = session->capture_limit - MIN(session->captured.size, session->capture_limit);

        if (room > 0 && string_buffer_append(&session->captured, data, MIN(size, room)) < 0)
                log_oom();
}

/* Reads and hands on one chunk. Returns its size, 0 at the end of the output (which is then closed), or -EAGAIN. A
 * terminal whose other end is closed everywhere reads as EIO. */
static ssize_t read_output(Output *output) {
        Session *session = output->session;
        ssize_t n;

        if (!session->chunk) {
                session->chunk = malloc(CHUNK_MAX);
                if (!session->chunk)
                        return -EAGAIN;
                session->shim->has_garbage = true;
        }
        while ((n = read(output->fd, session->chunk, CHUNK_MAX)) < 0 && errno == EINTR)
                ;
        if (n < 0 && errno == EAGAIN)
                return -EAGAIN;
        if (n <= 0) {
                end_output(output);
                return 0;
        }
        if (session->finished)
                return n;
        send_to_clients(session, output->stream, session->chunk, n);
        capture(session, session->chunk, n);
        session->chunk_from = output;
        session->chunk_offset = 0;
        session->chunk_size = n;
        log_chunk(session);
        return n;
}

static void on_output(void *object, int revents) {
        Output *output = object;

        /* An earlier event of the same turn may have changed what holds. */
        if (output->fd >= 0 && !has_unlogged(output->session) && !has_slow_client(output->session))
                (void) read_output(output);
}

int session_prepare_output(Session *session, Poller *poller) {
        int r = 0;

        if (has_unlogged(session)) {
                if (session->journal_is_gone)
                        poller_limit(poller, JOURNAL_RETRY_MSEC);
                return poller_add(poller, session->journal->fd, POLLOUT, on_journal, session);
        }
        /* A finished exec may have left somebody behind who writes: he is read, and heard by nobody. */
        if (session->finished || (!session->exited && !has_slow_client(session)))
                for (size_t i = 0; i < ELEMENTSOF(session->outputs) && r >= 0; i++)
                        r = poller_add(poller, session->outputs[i].fd, POLLIN, on_output,
                                       &session->outputs[i]);
        return r;
}

bool session_drain_output(Session *session) {
        bool leave_open = session->id != NULL;

        continue_log(session);
        for (size_t i = 0; i < ELEMENTSOF(session->outputs); i++) {
                Output *output = &session->outputs[i];
                ssize_t n = 1;

                while (output->fd >= 0 && n > 0 && session->drained < DRAIN_MAX) {
                        if (has_unlogged(session))
                                return false;
                        n = read_output(output);
                        session->drained += MAX(n, (ssize_t) 0);
                }
                if (output->fd >= 0 && !leave_open && !has_unlogged(session))
                        end_output(output);
        }
        return !has_unlogged(session);
}
