/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One process that the shim has made, the container's first one or that of an exec, with its streams and the clients
 * that are attached to them.
 *
 * Output goes from the process to all its clients and, for the container itself, to the journal. Nothing is read from
 * the process while one of them has not taken what was read before: so a slow client or journal slows the process, and
 * the memory is bounded. Once the process has ended the rest (no more than what its pipes hold) is read in any case,
 * and waits in the clients' queues. */

#include "client.h"
#include "container-spec.h"
#include "journal.h"
#include "log-line.h"
#include "poller.h"
#include "string-util.h"

typedef struct Shim Shim;

typedef struct Output {
        Session *session;
        int fd; /* pipe, or the terminal's master; -EBADF: closed */
        JournalStream stream;
        LogLine line;
} Output;

struct Session {
        Session *next;
        Shim *shim;
        char *id;         /* of an exec; NULL: the container */
        Journal *journal; /* borrowed; NULL: no log */
        bool terminal, stdin_once;

        pid_t pid;
        int pidfd;
        int channel; /* child-message.h; closed once the command has been executed */
        bool executing, started, exited, finished;
        int exit_code;
        Error error; /* why it was not started */

        int input; /* stdin's pipe or the terminal's master; -EBADF: closed */
        int slave; /* the terminal's other end, held so that it never hangs up under a process that reopens it */
        bool input_ends; /* close it when what waits has been written */
        char *waiting_input;
        size_t waiting_size, waiting_offset;

        Output outputs[2]; /* stdout (or the terminal), stderr */
        Client *clients;

        /* What is kept of the output, when something is. */
        StringBuffer captured;
        size_t capture_limit;

        /* What has been read and not yet been logged. */
        char *chunk;
        size_t chunk_offset, chunk_size;
        Output *chunk_from;
        bool journal_is_busy, journal_is_gone;
        uint64_t drained;          /* bytes read after the end */
        uint64_t journal_deadline; /* CLOCK_MONOTONIC; of an ended process whose log can't be written */
};

Session *session_new(Shim *shim, const char *id);
Session *session_free(Session *session);

/* The process's ends of the pipes: what the child makes its standard streams. -EBADF: /dev/null or a terminal. */
typedef struct SessionPipes {
        int fds[3];
} SessionPipes;
/* Makes the pipes of a session without a terminal, accessible to `owner` (root of the user namespace). */
int session_make_pipes(Session *session, bool with_stdin, bool with_output, uid_t owner, SessionPipes *ret);

/* Takes over fd; a session that has ended tells the client so at once. */
int session_attach(Session *session, int fd, bool want_stdin, bool want_stdout, bool want_stderr);
void session_stdin(Session *session, const void *data, size_t size);
void session_stdin_end(Session *session);
void session_stdin_left(Session *session); /* a client that could write is gone */
bool session_takes_stdin(const Session *session);
void session_resize(Session *session, unsigned rows, unsigned columns);

/* Registers what the session waits for. */
int session_prepare(Session *session, Poller *poller);
/* After each turn: calls shim_session_ended() once process, output and log are through, and drops dead clients. */
void session_advance(Session *session);
/* Nothing is left to do: it may be freed. */
bool session_is_over(const Session *session);
/* Frees what is only needed while there is output. */
void session_trim(Session *session);
void session_kill(Session *session);
/* There is no process, and session->error says why: reports that, as if one had ended. */
void session_fail(Session *session);
