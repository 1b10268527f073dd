/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "client-session.h"
#include "fd-util.h"
#include "parse-util.h"
#include "stream-client.h"
#include "string-util.h"
#include "terminal.h"

typedef struct Session {
        Ctl *ctl;
        const SessionOptions *options;
        bool start_failed;
        Error start_error;
} Session;

int session_check_terminal(bool terminal, bool input, Error *error) {
        if (terminal && input && !isatty(STDIN_FILENO))
                return error_set(
                        error, ERROR_INVALID,
                        "standard input is not a terminal, so -t can't be combined with -i (leave out -t)");
        return 0;
}

int session_append_size(sd_bus_message *m) {
        unsigned rows, columns;

        if (terminal_size(STDIN_FILENO, &rows, &columns) < 0 &&
            terminal_size(STDOUT_FILENO, &rows, &columns) < 0)
                return 0;
        return sd_bus_message_append(m, "{sv}{sv}", "Rows", "u", rows, "Columns", "u", columns);
}

int session_attach(Ctl *ctl, const SessionOptions *o, Error *error) {
        _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
        int fd;

        int r = ctl_message_new(ctl, o->path, CONTAINER_INTERFACE, "Attach", &m, error);
        if (r < 0)
                return r;
        r = sd_bus_message_append(m, "a{sv}", 3, "Stdin", "b", o->standard_input, "Stdout", "b",
                                  o->standard_output, "Stderr", "b", o->standard_error);
        if (r < 0)
                return error_set_errno(error, r, "cannot talk to berthd");
        if ((r = ctl_call(ctl, m, CALL_SHORT, &reply, error)) < 0)
                return ctl_cannot(error, r, "attach to", o->name);
        if ((r = sd_bus_message_read_basic(reply, 'h', &fd)) < 0)
                return error_set_errno(error, r, "cannot understand berthd");
        /* The message owns the descriptor. */
        int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        return copy < 0 ? error_set_errno(error, negative_errno(), "cannot attach to \"%s\"", o->name)
                        : copy;
}

/* ---- starting, while we already watch ---- */

static int on_started(sd_bus_message *reply, void *userdata, sd_bus_error *ignored) {
        Session *session = userdata;
        const sd_bus_error *e = sd_bus_message_get_error(reply);

        /* A berthd that is restarted in this very moment carries on with the start; the stream tells how it ended. */
        if (!e || ctl_error_is_disconnect(e))
                return 0;
        (void) ctl_error_from_bus(e, 0, &session->start_error);
        session->start_failed = true;
        return 0;
}

static int begin_start(Session *session, sd_bus_slot **ret_slot, Error *error) {
        _cleanup_message_ sd_bus_message *m = NULL;
        Ctl *ctl = session->ctl;

        int r = ctl_message_new(ctl, session->options->path, CONTAINER_INTERFACE, "Start", &m, error);
        if (r < 0)
                return r;
        if ((r = sd_bus_message_open_container(m, 'a', "{sv}")) < 0 ||
            (session->options->terminal && (r = session_append_size(m)) < 0) ||
            (r = sd_bus_message_close_container(m)) < 0 ||
            (r = sd_bus_call_async(ctl->bus, ret_slot, m, on_started, session, CALL_FOR_EVER)) < 0)
                return error_set_errno(error, r, "cannot talk to berthd");
        return 0;
}

/* ---- signals ---- */

static int pass_signal_on(int number, void *userdata) {
        Session *session = userdata;
        _cleanup_message_ sd_bus_message *m = NULL;
        _cleanup_error_ Error error = {};
        char name[16];

        int r = ctl_message_new(session->ctl, session->options->path, CONTAINER_INTERFACE, "Kill", &m,
                                &error);
        if (r < 0)
                return r;
        /* Nobody waits for the answer: a container that has ended meanwhile says so on its stream. */
        if ((r = sd_bus_message_append(m, "s", signal_to_string(number, name))) < 0 ||
            (r = sd_bus_message_set_expect_reply(m, false)) < 0)
                return r;
        return sd_bus_send(session->ctl->bus, m, NULL);
}

/* ---- ends ---- */

/* The stream has gone without saying how it ended: its shim was killed. berthd knows, or will. */
static int ask_for_exit_code(const Session *session, Error *error) {
        for (;;) {
                _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
                _cleanup_bus_error_ sd_bus_error e = SD_BUS_ERROR_NULL;
                int32_t code;

                int r = ctl_message_new(session->ctl, session->options->path, CONTAINER_INTERFACE, "Wait",
                                        &m, error);
                if (r < 0)
                        return r;
                if ((r = sd_bus_message_append(m, "s", "not-running")) < 0)
                        return error_set_errno(error, r, "cannot talk to berthd");
                r = sd_bus_call(session->ctl->bus, m, CALL_FOR_EVER, &e, &reply);
                if (r < 0 && ctl_error_is_disconnect(&e))
                        continue;
                if (r < 0)
                        return ctl_error_from_bus(&e, r, error);
                if ((r = sd_bus_message_read_basic(reply, 'i', &code)) < 0)
                        return error_set_errno(error, r, "cannot understand berthd");
                return code & 0xff;
        }
}

/* Asked without waiting for it: whoever closed our output waits for us. */
static void begin_stop(const Session *session) {
        _cleanup_message_ sd_bus_message *m = NULL;
        _cleanup_error_ Error ignored = {};

        if (ctl_message_new(session->ctl, session->options->path, CONTAINER_INTERFACE, "Stop", &m,
                            &ignored) < 0 ||
            sd_bus_message_append(m, "a{sv}", 0) < 0 || sd_bus_message_set_expect_reply(m, false) < 0)
                return;
        if (sd_bus_send(session->ctl->bus, m, NULL) >= 0)
                (void) sd_bus_flush(session->ctl->bus);
}

static int conclude(Session *session, StreamResult *result, Error *error) {
        const char *name = session->options->name;
        const char *action = session->options->action ?: session->options->start ? "start" : "attach to";

        switch (result->end) {
        case STREAM_END_EXIT:
        case STREAM_END_SIGNAL:
                return result->exit_code & 0xff;
        case STREAM_END_ERROR:
                error_move(error, &result->error);
                return ctl_cannot(error, -error_kind_to_errno(error->kind), action, name);
        case STREAM_END_FAILED:
                error_move(error, &session->start_error);
                return ctl_cannot(error, -error_kind_to_errno(error->kind), "start", name);
        case STREAM_END_DETACHED:
                if (!session->ctl->quiet)
                        fprintf(stderr, "\r\nDetached from %s, which goes on (berthctl attach %s).\n", name,
                                name);
                return EXIT_SUCCESS;
        case STREAM_END_OUTPUT:
                if (session->options->stop_without_output)
                        begin_stop(session);
                return 128 + SIGPIPE;
        case STREAM_END_CLOSED:
                return session->options->start || session->options->proxy_signals
                               ? ask_for_exit_code(session, error)
                               : error_set(error, ERROR_FAILED, "the connection to \"%s\" was lost", name);
        }
        return -EINVAL;
}

int session_run(Ctl *ctl, const SessionOptions *o, int stream, bool *ret_exited, Error *error) {
        Session session = { .ctl = ctl, .options = o };
        _cleanup_slot_ sd_bus_slot *slot = NULL;
        StreamResult result = {};
        StreamClient client = {
                .stream = stream,
                .send_stdin = o->standard_input,
                .terminal = o->terminal,
                .raw = o->terminal && o->standard_input && isatty(STDIN_FILENO),
                .redraw = o->redraw,
                .bus = ctl->bus,
                .failed = &session.start_failed,
                .signal_received = o->proxy_signals ? pass_signal_on : NULL,
                .userdata = &session,
        };

        int r = detach_keys_parse(o->detach_keys ?: DETACH_KEYS_DEFAULT, &client.keys, error);
        if (r < 0)
                return error_prefix(error, r, "--detach-keys");
        stream_client_block_signals();
        if (o->start && (r = begin_start(&session, &slot, error)) < 0)
                return r;
        r = stream_client_run(&client, &result);
        if (r < 0)
                r = error_set_errno(error, r, "the session with \"%s\" failed", o->name);
        else
                r = conclude(&session, &result, error);
        if (ret_exited)
                *ret_exited = result.end == STREAM_END_EXIT || result.end == STREAM_END_CLOSED;
        error_done(&result.error);
        error_done(&session.start_error);
        return r;
}
