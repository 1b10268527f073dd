/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "fd-util.h"
#include "human.h"
#include "log-print.h"
#include "pager.h"
#include "stream.h"
#include "string-util.h"
#include "terminal.h"
#include "time-util.h"

/* What is buffered per stream before it is written. */
#define BUFFER_SIZE (64 * 1024)

static_assert(HUMAN_MAX >= RFC3339_MAX, "either form of a time fits");

typedef struct Printer {
        const LogRequest *request;
        bool in_line[2]; /* of standard output and error: the last frame was a part of a line */
        FILE *out[2];
} Printer;

static int call_logs(Ctl *ctl, const LogRequest *q, Error *error) {
        _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
        int fd;

        int r = ctl_message_new(ctl, q->path, CONTAINER_INTERFACE, "Logs", &m, error);
        if (r < 0)
                return r;
        if ((r = sd_bus_message_open_container(m, 'a', "{sv}")) < 0 ||
            (r = sd_bus_message_append(m, "{sv}{sv}{sv}", "Follow", "b", q->follow, "Stdout", "b", true,
                                       "Stderr", "b", true)) < 0 ||
            (q->tail_set && (r = sd_bus_message_append(m, "{sv}", "Tail", "t", q->tail)) < 0) ||
            (q->since > 0 && (r = sd_bus_message_append(m, "{sv}", "Since", "t", q->since)) < 0) ||
            (q->until > 0 && (r = sd_bus_message_append(m, "{sv}", "Until", "t", q->until)) < 0) ||
            (r = sd_bus_message_close_container(m)) < 0)
                return error_set_errno(error, r, "cannot talk to berthd");
        if ((r = ctl_call(ctl, m, CALL_SHORT, &reply, error)) < 0)
                return r;
        if ((r = sd_bus_message_read_basic(reply, 'h', &fd)) < 0)
                return error_set_errno(error, r, "cannot understand berthd");
        int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        return copy < 0 ? error_set_errno(error, negative_errno(), "cannot read the log") : copy;
}

static void print_prefix(const Printer *p, FILE *out, uint64_t time) {
        char buffer[HUMAN_MAX];

        if (p->request->short_name)
                fprintf(out, "%s %s: ", format_log_time(time, buffer), p->request->short_name);
        else if (p->request->timestamps)
                fprintf(out, "%s ", format_rfc3339(time, buffer));
}

/* Among the lines of `status`, a container's control characters must not play with the terminal. */
static void print_clean(FILE *out, const void *payload, size_t n) {
        _cleanup_free_ char *text = strndup(payload, n);
        _cleanup_free_ char *clean = text ? text_sanitize(text) : NULL;

        fputs(strempty(clean), out);
}

static void print_frame(Printer *p, const StreamHeader *h, const void *payload) {
        bool is_error = h->type == STREAM_STDERR;
        FILE *out = p->out[is_error];

        /* The other one first: both may lead to the same terminal or file. */
        (void) fflush(p->out[!is_error]);
        if (!p->in_line[is_error])
                print_prefix(p, out, h->time);
        if (p->request->short_name)
                print_clean(out, payload, h->length);
        else
                (void) fwrite(payload, 1, h->length, out);
        p->in_line[is_error] = h->flags & STREAM_PARTIAL;
        if (!p->in_line[is_error])
                fputc('\n', out);
}

/* Returns 1 at the end. */
static int print_packet(Printer *p, const void *packet, size_t size, Error *error) {
        StreamHeader header;
        const void *payload;
        int r;

        while ((r = stream_next(&packet, &size, &header, &payload)) > 0) {
                if (header.type == STREAM_STDOUT || header.type == STREAM_STDERR)
                        print_frame(p, &header, payload);
                else if (header.type == STREAM_ERROR) {
                        stream_parse_error(payload, header.length, error);
                        return -EIO;
                } else if (header.type == STREAM_EXIT)
                        return 1;
        }
        return r < 0 ? error_set_errno(error, r, "the log is damaged") : 0;
}

/* What is there goes out before we wait for more, so that a follower sees a line when it is written. */
static int flush(Printer *p, Error *error) {
        for (int i = 0; i < 2; i++)
                if (fflush(p->out[i]) != 0)
                        return error_set_errno(error, negative_errno(), "cannot print the log");
        return 0;
}

static int print_stream(Printer *p, int fd, Error *error) {
        _cleanup_free_ char *packet = malloc(STREAM_PACKET_MAX);
        int r = packet ? 0 : error_set_errno(error, -ENOMEM, "cannot read the log");

        while (r == 0) {
                ssize_t n = recv(fd, packet, STREAM_PACKET_MAX, MSG_DONTWAIT);
                if (n < 0 && errno == EAGAIN) {
                        if ((r = flush(p, error)) < 0)
                                return r;
                        n = recv(fd, packet, STREAM_PACKET_MAX, 0);
                }
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return error_set_errno(error, negative_errno(), "cannot read the log");
                r = n == 0 ? 1 : print_packet(p, packet, (size_t) n, error);
        }
        return r < 0 ? r : flush(p, error);
}

int log_stream_print(Ctl *ctl, const LogRequest *request, Error *error) {
        /* A pager has only one input. */
        FILE *errors = request->short_name || pager_is_open() ? stdout : stderr;
        Printer printer = { .request = request, .out = { stdout, errors } };

        _cleanup_close_ int fd = call_logs(ctl, request, error);
        if (fd < 0)
                return fd;
        (void) setvbuf(stdout, NULL, _IOFBF, BUFFER_SIZE);
        (void) setvbuf(stderr, NULL, _IOFBF, BUFFER_SIZE);
        int r = print_stream(&printer, fd, error);
        if (request->short_name && printer.in_line[0])
                putchar('\n');
        fflush(stdout);
        (void) setvbuf(stderr, NULL, _IONBF, 0);
        return r;
}
