/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child-message.h"
#include "fd-util.h"
#include "process-util.h"
#include "pty-util.h"
#include "session-output.h"
#include "session.h"
#include "shim.h"
#include "string-util.h"

Session *session_new(Shim *shim, const char *id) {
        Session *session = new0(Session, 1);

        if (!session)
                return NULL;
        *session = (Session){
                .shim = shim,
                .id = id ? strdup(id) : NULL,
                .pidfd = -EBADF,
                .channel = -EBADF,
                .input = -EBADF,
                .slave = -EBADF,
                .outputs = { { session, -EBADF, JOURNAL_STDOUT, {} },
                             { session, -EBADF, JOURNAL_STDERR, {} } },
        };
        return !id || session->id ? session : session_free(session);
}

Session *session_free(Session *session) {
        if (!session)
                return NULL;
        while (session->clients) {
                Client *client = session->clients;
                session->clients = client->next;
                client_free(client);
        }
        for (size_t i = 0; i < ELEMENTSOF(session->outputs); i++) {
                safe_close(session->outputs[i].fd);
                log_line_done(&session->outputs[i].line);
        }
        safe_close(session->pidfd);
        safe_close(session->channel);
        safe_close(session->input);
        safe_close(session->slave);
        error_done(&session->error);
        free(session->waiting_input);
        free(session->chunk);
        string_buffer_done(&session->captured);
        free(session->id);
        free(session);
        return NULL;
}

/* Which end of each standard stream's pipe is the process's. */
static int make_pipe(bool process_reads, uid_t owner, int *ret_ours, int *ret_theirs) {
        int fds[2];

        if (pipe2(fds, O_CLOEXEC) < 0)
                return negative_errno();
        int ours = fds[process_reads], theirs = fds[!process_reads];
        int r = fd_set_nonblock(ours, true);
        /* The process may open /dev/stdout anew, which asks for permission as for any file. */
        if (r >= 0 && owner != 0 && fchown(theirs, owner, owner) < 0)
                r = negative_errno();
        if (r < 0) {
                close_many(fds, 2);
                return r;
        }
        *ret_ours = ours;
        *ret_theirs = theirs;
        return 0;
}

int session_make_pipes(Session *session, bool with_stdin, bool with_output, uid_t owner, SessionPipes *ret) {
        int r = 0;

        *ret = (SessionPipes){ { -EBADF, -EBADF, -EBADF } };
        if (with_stdin)
                r = make_pipe(true, owner, &session->input, &ret->fds[0]);
        for (size_t i = 0; i < 2 && r >= 0 && with_output; i++)
                r = make_pipe(false, owner, &session->outputs[i].fd, &ret->fds[i + 1]);
        if (r < 0)
                close_many(ret->fds, 3);
        return r;
}

static void tell_outcome(Session *session, Client *client) {
        if (session->error.kind != ERROR_NONE)
                client_send_error(client, &session->error);
        else
                client_send_exit(client, session->exit_code);
}

int session_attach(Session *session, int fd, bool want_stdin, bool want_stdout, bool want_stderr) {
        Client *client = client_new(session, fd, want_stdin, want_stdout, want_stderr);

        if (!client)
                return -ENOMEM;
        client->next = session->clients;
        session->clients = client;
        if (session->started)
                client_send(client, STREAM_STARTED, NULL, 0);
        if (session->finished)
                tell_outcome(session, client);
        return 0;
}

bool session_takes_stdin(const Session *session) {
        return session->waiting_size == 0;
}

static void close_input(Session *session) {
        session->input = safe_close(session->input);
        free_and_replace(session->waiting_input, NULL);
        session->waiting_size = session->waiting_offset = 0;
}

static void write_waiting(Session *session) {
        while (session->waiting_offset < session->waiting_size) {
                ssize_t n = write(session->input, session->waiting_input + session->waiting_offset,
                                  session->waiting_size - session->waiting_offset);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN)
                        return;
                if (n < 0) { /* the process has closed it */
                        close_input(session);
                        return;
                }
                session->waiting_offset += n;
        }
        free_and_replace(session->waiting_input, NULL);
        session->waiting_size = session->waiting_offset = 0;
        if (session->input_ends)
                close_input(session);
}

/* Before the terminal exists its input waits as well. */
static bool input_will_come(const Session *session) {
        return session->input >= 0 || (session->terminal && !session->started && !session->exited);
}

void session_stdin(Session *session, const void *data, size_t size) {
        if (!input_will_come(session) || session->input_ends || size == 0)
                return;
        char *grown = realloc(session->waiting_input, session->waiting_size + size);
        if (!grown)
                return;
        memcpy(grown + session->waiting_size, data, size);
        session->waiting_input = grown;
        session->waiting_size += size;
        if (session->input >= 0)
                write_waiting(session);
}

/* A terminal has no end of input but the one that is typed. */
void session_stdin_end(Session *session) {
        if (session->terminal || session->input < 0)
                return;
        session->input_ends = true;
        write_waiting(session);
}

void session_stdin_left(Session *session) {
        if (session->stdin_once || session->id)
                session_stdin_end(session);
}

void session_resize(Session *session, unsigned rows, unsigned columns) {
        if (session->terminal && session->outputs[0].fd >= 0)
                (void) pty_resize(session->outputs[0].fd, rows, columns);
}

static void on_input(void *object, int revents) {
        Session *session = object;

        if (session->input >= 0 && session->waiting_size > 0)
                write_waiting(session);
}

static void take_terminal(Session *session, int master) {
        session->outputs[0].fd = master;
        session->slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
        session->input = fcntl(master, F_DUPFD_CLOEXEC, 3);
        if (fd_set_nonblock(master, true) < 0 || session->input < 0 || session->slave < 0)
                session_kill(session);
        else if (session->waiting_size > 0)
                write_waiting(session);
}

/* End of the channel: executed, or dead. */
static void channel_ended(Session *session) {
        session->channel = safe_close(session->channel);
        if (session->executing && session->error.kind == ERROR_NONE) {
                session->started = true;
                for (Client *client = session->clients; client; client = client->next)
                        client_send(client, STREAM_STARTED, NULL, 0);
                shim_session_started(session);
        }
}

static void receive_from_child(Session *session) {
        _cleanup_close_ int fd = -EBADF;

        switch (child_receive(session->channel, &fd, &session->error)) {
        case CHILD_TERMINAL:
                if (fd >= 0 && session->terminal && session->outputs[0].fd < 0)
                        take_terminal(session, TAKE_FD(fd));
                break;
        case CHILD_MOUNTED:
                shim_mounted(session->shim, fd);
                break;
        case CHILD_EXECUTING:
                session->executing = true;
                break;
        case CHILD_FAILED:
                session->executing = false;
                break;
        case -EAGAIN:
                break;
        default:
                channel_ended(session);
        }
}

static void on_channel(void *object, int revents) {
        Session *session = object;

        if (session->channel >= 0)
                receive_from_child(session);
}

static void on_process_end(void *object, int revents) {
        Session *session = object;
        siginfo_t info = {};

        if (session->exited || waitid(P_PIDFD, session->pidfd, &info, WEXITED | WNOHANG) < 0 ||
            info.si_pid == 0)
                return;
        /* Whatever it had to say is in the channel by now, followed by its end. */
        while (session->channel >= 0)
                receive_from_child(session);
        session->exited = true;
        session->exit_code = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
        if (!session->started && session->error.kind == ERROR_NONE)
                error_set(&session->error, ERROR_START_FAILED,
                          "the process ended before it could execute the command "
                          "(exit status %d)",
                          session->exit_code);
        if (session->error.kind != ERROR_NONE)
                session->exit_code = error_kind_to_exit_status(session->error.kind);
        close_input(session);
        if (session == session->shim->container)
                shim_init_ended(session->shim);
}

int session_prepare(Session *session, Poller *poller) {
        int r = 0;

        if (!session->exited)
                r = poller_add(poller, session->pidfd, POLLIN, on_process_end, session);
        if (r >= 0)
                r = poller_add(poller, session->channel, POLLIN, on_channel, session);
        if (r >= 0 && session->waiting_size > 0)
                r = poller_add(poller, session->input, POLLOUT, on_input, session);
        if (r >= 0)
                r = session_prepare_output(session, poller);
        for (Client *client = session->clients; client && r >= 0; client = client->next)
                r = client_prepare(client, poller);
        return r;
}

static void sweep_clients(Session *session) {
        for (Client **p = &session->clients; *p;) {
                Client *client = *p;
                if (client->fd >= 0) {
                        p = &client->next;
                        continue;
                }
                *p = client->next;
                client_free(client);
        }
}

void session_advance(Session *session) {
        session_retry_log(session);
        if (session->exited && !session->finished && session_drain_output(session)) {
                session->finished = true;
                session->slave = safe_close(session->slave);
                shim_session_ended(session);
                for (Client *client = session->clients; client; client = client->next)
                        if (client->fd >= 0)
                                tell_outcome(session, client);
        }
        sweep_clients(session);
}

bool session_is_over(const Session *session) {
        return session->finished && !session->clients && session->outputs[0].fd < 0 &&
               session->outputs[1].fd < 0;
}

void session_trim(Session *session) {
        if (session->chunk_size == 0)
                free_and_replace(session->chunk, NULL);
}

void session_kill(Session *session) {
        if (!session->exited && session->pidfd >= 0)
                (void) pidfd_signal(session->pidfd, SIGKILL);
}

void session_fail(Session *session) {
        session->exited = session->finished = true;
        session->exit_code = error_kind_to_exit_status(session->error.kind);
        session->channel = safe_close(session->channel);
        session->input = safe_close(session->input);
        for (size_t i = 0; i < ELEMENTSOF(session->outputs); i++)
                session->outputs[i].fd = safe_close(session->outputs[i].fd);
        shim_session_ended(session);
        for (Client *client = session->clients; client; client = client->next)
                if (client->fd >= 0)
                        tell_outcome(session, client);
}
