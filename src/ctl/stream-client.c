/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd-util.h"
#include "stream-client.h"
#include "stream.h"
#include "terminal.h"
#include "time-util.h"

/* Interrupted so often within this time, we leave, whatever the container does about it. */
#define INTERRUPTS_MAX 3
#define INTERRUPTS_WITHIN (3 * USEC_PER_SEC)
/* Packets taken before other events get their turn. */
#define PACKETS_PER_TURN 16

enum { POLL_STREAM, POLL_STDIN, POLL_OUTPUT, POLL_SIGNALS, POLL_BUS, _POLL_MAX };

typedef struct Session {
        const StreamClient *client;
        StreamResult *result;
        int signals;
        int outputs
                [2]; /* of standard output and error: own, non-blocking open files where that is possible */
        bool ended;
        bool stdin_open;
        unsigned interrupts;
        uint64_t first_interrupt;

        /* What we could not yet pass on of the last packet: the frame being written, and the frames behind it. */
        char packet[STREAM_PACKET_MAX];
        const void *frames;
        size_t frames_size;
        const char *output;
        size_t output_size;
        int output_fd;

        StringBuffer input; /* what the stream did not take yet */
        bool input_ended;   /* an end of stdin is to be sent behind it */
        bool alternate_screen;
} Session;

/* ---- signals ---- */

/* Signals that are about our own process, or that only a fault of ours can cause. */
static bool signal_stays_ours(int s) {
        static const int ours[] = { SIGKILL, SIGSTOP, SIGCHLD, SIGPIPE, SIGURG,  SIGSEGV, SIGBUS,
                                    SIGFPE,  SIGILL,  SIGABRT, SIGSYS,  SIGTRAP, SIGTTIN, SIGTTOU };

        for (size_t i = 0; i < ELEMENTSOF(ours); i++)
                if (ours[i] == s)
                        return true;
        return false;
}

static void handled_signals(sigset_t *set, bool with_stop) {
        sigemptyset(set);
        for (int s = 1; s < NSIG; s++)
                if (!signal_stays_ours(s) && (s != SIGTSTP || with_stop))
                        (void) sigaddset(set, s);
}

void stream_client_block_signals(void) {
        sigset_t set;

        handled_signals(&set, false);
        (void) sigprocmask(SIG_BLOCK, &set, NULL);
        (void) signal(SIGPIPE, SIG_IGN);
}

static void end(Session *s, StreamEnd how, int exit_code) {
        if (s->ended)
                return;
        s->ended = true;
        s->result->end = how;
        s->result->exit_code = exit_code;
}

static void send_size(Session *s) {
        unsigned rows, columns;

        if (!s->client->terminal || terminal_size(STDIN_FILENO, &rows, &columns) < 0)
                return;
        StreamResize size = { .rows = rows, .columns = columns };
        /* A full socket drops it: then the process is busy, and the next change tells it. */
        (void) stream_send(s->client->stream, STREAM_RESIZE, &size, sizeof(size));
}

static void make_raw(Session *s) {
        if (s->client->raw)
                (void) terminal_make_raw(STDIN_FILENO);
}

/* Someone stops us although the terminal is raw (kill -TSTP): the shell must get it as it was. */
static void stop_ourselves(Session *s) {
        terminal_restore();
        (void) raise(SIGSTOP);
        make_raw(s);
        send_size(s);
}

static bool is_insistent(Session *s) {
        uint64_t now = now_usec(CLOCK_MONOTONIC);

        if (now - s->first_interrupt > INTERRUPTS_WITHIN) {
                s->first_interrupt = now;
                s->interrupts = 0;
        }
        return ++s->interrupts > INTERRUPTS_MAX;
}

static void handle_signal(Session *s, int number) {
        switch (number) {
        case SIGWINCH:
                send_size(s);
                return;
        case SIGTSTP:
                stop_ourselves(s);
                return;
        case SIGCONT:
                make_raw(s);
                send_size(s);
                return;
        }
        bool deadly = number == SIGINT || number == SIGTERM || number == SIGHUP || number == SIGQUIT;
        if (terminal_is_raw() || !s->client->signal_received) {
                if (deadly)
                        end(s, STREAM_END_SIGNAL, 128 + number);
                return;
        }
        if (deadly && is_insistent(s))
                end(s, STREAM_END_SIGNAL, 128 + number);
        else if (s->client->signal_received(number, s->client->userdata) < 0)
                end(s, STREAM_END_SIGNAL, 128 + number);
}

static void read_signals(Session *s) {
        struct signalfd_siginfo info;

        while (!s->ended && read(s->signals, &info, sizeof(info)) == sizeof(info))
                handle_signal(s, (int) info.ssi_signo);
}

/* ---- output ---- */

/* Our own non-blocking open file of a pipe or terminal: the flag on the inherited one would be seen by everybody who
 * shares it. Where there is none, writing may block. */
static int open_output(int fd) {
        struct stat st;
        char path[32];

        if (fstat(fd, &st) >= 0 && (S_ISFIFO(st.st_mode) || isatty(fd))) {
                snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
                int opened = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
                if (opened >= 0)
                        return opened;
        }
        int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        return copy < 0 ? negative_errno() : copy;
}

static void write_output(Session *s) {
        while (s->output_size > 0 && !s->ended) {
                ssize_t n = write(s->output_fd, s->output, s->output_size);
                if (n >= 0) {
                        s->output += n;
                        s->output_size -= (size_t) n;
                } else if (errno == EAGAIN)
                        return;
                else if (errno != EINTR) {
                        /* Standard error that nobody reads is no reason to stop. */
                        if (s->output_fd == s->outputs[0])
                                end(s, STREAM_END_OUTPUT, 128 + SIGPIPE);
                        s->output_size = 0;
                }
        }
}

static void note_screen(Session *s, const char *data, size_t n) {
        static const char on[] = "\x1b[?1049h", off[] = "\x1b[?1049l";

        for (const char *p = data; n > 0 && (p = memchr(p, '\x1b', n - (size_t) (p - data))); p++) {
                size_t left = n - (size_t) (p - data);
                if (left < sizeof(on) - 1)
                        return;
                if (memcmp(p, on, sizeof(on) - 1) == 0)
                        s->alternate_screen = true;
                else if (memcmp(p, off, sizeof(off) - 1) == 0)
                        s->alternate_screen = false;
        }
}

static void handle_frame(Session *s, const StreamHeader *header, const void *payload) {
        int32_t code = 255;

        switch (header->type) {
        case STREAM_STDOUT:
        case STREAM_STDERR:
                if (terminal_is_raw())
                        note_screen(s, payload, header->length);
                s->output_fd = s->outputs[header->type == STREAM_STDERR];
                s->output = payload;
                s->output_size = header->length;
                write_output(s);
                break;
        case STREAM_STARTED:
                s->result->started = true;
                if (s->client->raw)
                        send_size(s);
                break;
        case STREAM_EXIT:
                if (header->length == sizeof(code))
                        memcpy(&code, payload, sizeof(code));
                end(s, STREAM_END_EXIT, code);
                break;
        case STREAM_ERROR:
                stream_parse_error(payload, header->length, &s->result->error);
                end(s, STREAM_END_ERROR, 0);
                break;
        default:
                break;
        }
}

static void handle_frames(Session *s) {
        StreamHeader header;
        const void *payload;

        while (!s->ended && s->output_size == 0) {
                int r = stream_next(&s->frames, &s->frames_size, &header, &payload);
                if (r == 0)
                        return;
                if (r < 0) {
                        error_set(&s->result->error, ERROR_CORRUPT,
                                  "the stream from the container is damaged");
                        end(s, STREAM_END_ERROR, 0);
                        return;
                }
                handle_frame(s, &header, payload);
        }
}

static void read_stream(Session *s) {
        for (int i = 0; i < PACKETS_PER_TURN && !s->ended && s->output_size == 0; i++) {
                ssize_t n = recv(s->client->stream, s->packet, sizeof(s->packet), MSG_DONTWAIT);
                if (n < 0 && (errno == EAGAIN || errno == EINTR))
                        return;
                if (n <= 0) {
                        end(s, STREAM_END_CLOSED, 0);
                        return;
                }
                s->frames = s->packet;
                s->frames_size = (size_t) n;
                handle_frames(s);
        }
}

/* ---- input ---- */

static void send_input(Session *s) {
        size_t sent = 0;
        int r = 0;

        while (sent < s->input.size && r >= 0) {
                size_t n = MIN(s->input.size - sent, (size_t) STREAM_PAYLOAD_MAX);
                r = stream_send(s->client->stream, STREAM_STDIN, s->input.data + sent, n);
                if (r >= 0)
                        sent += n;
        }
        if (sent > 0) {
                memmove(s->input.data, s->input.data + sent, s->input.size - sent);
                s->input.size -= sent;
        }
        if (r >= 0 && s->input_ended) {
                r = stream_send(s->client->stream, STREAM_STDIN_EOF, NULL, 0);
                if (r >= 0)
                        s->input_ended = false;
        }
        /* Whatever else is wrong with the stream, its reading end tells. */
        if (r < 0 && r != -EAGAIN) {
                s->input.size = 0;
                s->input_ended = false;
        }
}

static void read_stdin(Session *s) {
        uint8_t buffer[STREAM_PAYLOAD_MAX];
        int r;

        ssize_t n = read(STDIN_FILENO, buffer, sizeof(buffer));
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n <= 0) {
                s->stdin_open = false;
                s->input_ended = true;
        } else if (terminal_is_raw()) {
                DetachKeys *keys = (DetachKeys *) &s->client->keys;
                r = detach_keys_filter(keys, buffer, (size_t) n, &s->input);
                if (r > 0)
                        end(s, STREAM_END_DETACHED, 0);
        } else
                (void) string_buffer_append(&s->input, buffer, (size_t) n);
        send_input(s);
}

/* ---- the loop ---- */

static void process_bus(Session *s) {
        int r;

        do
                r = sd_bus_process(s->client->bus, NULL);
        while (r > 0);
        if (s->client->failed && *s->client->failed)
                end(s, STREAM_END_FAILED, 0);
}

static int poll_timeout(const Session *s) {
        uint64_t until;

        if (!s->client->bus || sd_bus_get_timeout(s->client->bus, &until) < 0 || until == UINT64_MAX)
                return -1;
        uint64_t now = now_usec(CLOCK_MONOTONIC);
        return until <= now ? 0 : (int) MIN((until - now) / 1000 + 1, (uint64_t) 3600 * 1000);
}

static void prepare(Session *s, struct pollfd fds[static _POLL_MAX]) {
        sd_bus *bus = s->client->bus;
        bool input_waits = s->input.size > 0 || s->input_ended;

        fds[POLL_STREAM] = (struct pollfd){
                .fd = s->client->stream,
                .events = (s->output_size == 0 ? POLLIN : 0) | (input_waits ? POLLOUT : 0),
        };
        fds[POLL_STDIN] =
                (struct pollfd){ .fd = s->stdin_open && !input_waits ? STDIN_FILENO : -1, .events = POLLIN };
        fds[POLL_OUTPUT] =
                (struct pollfd){ .fd = s->output_size > 0 ? s->output_fd : -1, .events = POLLOUT };
        fds[POLL_SIGNALS] = (struct pollfd){ .fd = s->signals, .events = POLLIN };
        fds[POLL_BUS] = (struct pollfd){ .fd = -1 };
        if (bus && sd_bus_is_open(bus) > 0)
                fds[POLL_BUS] = (struct pollfd){ .fd = sd_bus_get_fd(bus),
                                                 .events = (short) sd_bus_get_events(bus) };
        /* A stream that is neither read nor written would report its hang-up again and again. */
        if (fds[POLL_STREAM].events == 0)
                fds[POLL_STREAM].fd = -1;
}

static int turn(Session *s) {
        struct pollfd fds[_POLL_MAX];

        if (s->client->bus)
                process_bus(s);
        if (s->ended)
                return 0;
        prepare(s, fds);
        if (poll(fds, _POLL_MAX, poll_timeout(s)) < 0)
                return errno == EINTR ? 0 : negative_errno();
        if (fds[POLL_SIGNALS].revents)
                read_signals(s);
        if (fds[POLL_OUTPUT].revents) {
                write_output(s);
                handle_frames(s);
        }
        if (fds[POLL_STREAM].revents & POLLOUT)
                send_input(s);
        if (fds[POLL_STREAM].revents & (POLLIN | POLLHUP | POLLERR))
                read_stream(s);
        if (fds[POLL_STDIN].revents && !s->ended)
                read_stdin(s);
        return 0;
}

/* A program that was left in the middle leaves the terminal in its own modes. */
static void leave_terminal(Session *s) {
        static const char reset[] =
                "\x1b[0m\x1b[?25h\x1b[?1l\x1b>\x1b[?2004l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l";
        static const char main_screen[] = "\x1b[?1049l";

        if (!terminal_is_raw())
                return;
        if (isatty(STDOUT_FILENO)) {
                if (s->alternate_screen)
                        (void) write_full(STDOUT_FILENO, main_screen, sizeof(main_screen) - 1);
                (void) write_full(STDOUT_FILENO, reset, sizeof(reset) - 1);
        }
        terminal_restore();
}

/* Programs draw when the size changes, so it changes. */
static void ask_to_redraw(Session *s) {
        unsigned rows, columns;

        if (!s->client->redraw || !s->client->terminal || terminal_size(STDIN_FILENO, &rows, &columns) < 0)
                return;
        StreamResize size = { .rows = rows + 1, .columns = columns };
        (void) stream_send(s->client->stream, STREAM_RESIZE, &size, sizeof(size));
        send_size(s);
}

static int open_session(Session *s) {
        sigset_t set;

        stream_client_block_signals();
        handled_signals(&set, s->client->raw);
        if (s->client->raw)
                (void) sigprocmask(SIG_BLOCK, &set, NULL);
        s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        if (s->signals < 0)
                return negative_errno();
        for (int i = 0; i < 2; i++)
                if ((s->outputs[i] = open_output(i + 1)) < 0)
                        return s->outputs[i];
        int r = fd_set_nonblock(s->client->stream, true);
        if (r < 0)
                return r;
        make_raw(s);
        ask_to_redraw(s);
        return 0;
}

/* What came too late to be passed on is not meant for us either. */
static void close_session(Session *s) {
        struct signalfd_siginfo info;
        sigset_t set;

        leave_terminal(s);
        while (s->signals >= 0 && read(s->signals, &info, sizeof(info)) > 0)
                ;
        handled_signals(&set, true);
        (void) sigprocmask(SIG_UNBLOCK, &set, NULL);
        safe_close(s->signals);
        close_many(s->outputs, 2);
        string_buffer_done(&s->input);
        free(s);
}

int stream_client_run(const StreamClient *client, StreamResult *ret) {
        Session *s = new0(Session, 1);
        int r;

        if (!s)
                return -ENOMEM;
        *ret = (StreamResult){};
        s->client = client;
        s->result = ret;
        s->signals = s->outputs[0] = s->outputs[1] = -EBADF;
        s->stdin_open = client->send_stdin;
        r = open_session(s);
        while (r >= 0 && !s->ended)
                r = turn(s);
        close_session(s);
        return r;
}
