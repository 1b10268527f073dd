/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "byte-stream.h"

#define BLOCK_SIZE (256 * 1024)

int source_copy(const Source *source, const Sink *sink, uint64_t *ret_size, Error *error) {
        uint64_t size = 0;

        for (;;) {
                const void *data;
                ssize_t n = source_next(source, &data, error);
                if (n < 0)
                        return n;
                if (n == 0)
                        break;
                int r = sink_write(sink, data, n, error);
                if (r < 0)
                        return r;
                size += n;
        }
        if (ret_size)
                *ret_size = size;
        return 0;
}

/* Whether reading or writing the descriptor may wait for somebody, who may make us wait for ever. */
static bool fd_may_wait(int fd) {
        struct stat st;

        return fstat(fd, &st) < 0 || !S_ISREG(st.st_mode);
}

static int wait_or_cancel(int fd, int cancel_fd, short events, bool waits, Error *error) {
        struct pollfd p[] = { { .fd = cancel_fd, .events = POLLIN }, { .fd = fd, .events = events } };

        if (cancel_fd < 0 && !waits)
                return 0;
        for (;;) {
                /* A regular file is always ready: then this only asks whether to go on. */
                int n = poll(p, waits ? 2 : 1, waits ? -1 : 0);
                if (n < 0 && errno != EINTR)
                        return error_set_errno(error, negative_errno(), "can't wait for data");
                if (n >= 0 && (p[0].revents & POLLIN))
                        return error_set(error, ERROR_CANCELLED, "cancelled");
                if (n >= 0)
                        return 0;
        }
}

int fd_source_init(FdSource *source, int fd, int cancel_fd, const char *name) {
        *source = (FdSource){
                .fd = fd,
                .cancel_fd = cancel_fd,
                .name = name,
                .waits = fd_may_wait(fd),
                .buffer = malloc(BLOCK_SIZE),
        };
        return source->buffer ? 0 : -ENOMEM;
}

void fd_source_done(FdSource *source) {
        free(source->buffer);
        source->buffer = NULL;
}

static ssize_t fd_source_next(void *userdata, const void **ret, Error *error) {
        FdSource *source = userdata;

        for (;;) {
                int r = wait_or_cancel(source->fd, source->cancel_fd, POLLIN, source->waits, error);
                if (r < 0)
                        return r;
                ssize_t n = read(source->fd, source->buffer, BLOCK_SIZE);
                if (n < 0 && (errno == EINTR || errno == EAGAIN))
                        continue;
                if (n < 0)
                        return error_set_errno(error, negative_errno(), "can't read %s", source->name);
                source->position += n;
                *ret = source->buffer;
                return n;
        }
}

Source fd_source(FdSource *source) {
        return (Source){ .next = fd_source_next, .userdata = source };
}

int fd_sink_init(FdSink *sink, int fd, int cancel_fd, const char *name) {
        *sink = (FdSink){
                .fd = fd,
                .cancel_fd = cancel_fd,
                .name = name,
                .waits = fd_may_wait(fd),
                .buffer = malloc(BLOCK_SIZE),
        };
        if (!sink->buffer)
                return -ENOMEM;
        /* A pipe that polls as writable takes PIPE_BUF bytes for sure; more may block beyond any cancel. The open
         * file description is shared with the caller, so O_NONBLOCK is not ours to set. */
        return 0;
}

void fd_sink_done(FdSink *sink) {
        free(sink->buffer);
        sink->buffer = NULL;
}

static int fd_sink_write_now(FdSink *sink, const uint8_t *data, size_t size, Error *error) {
        while (size > 0) {
                int r = wait_or_cancel(sink->fd, sink->cancel_fd, POLLOUT, sink->waits, error);
                if (r < 0)
                        return r;
                ssize_t n = write(sink->fd, data, size);
                if (n < 0 && (errno == EINTR || errno == EAGAIN))
                        continue;
                if (n < 0)
                        return error_set_errno(error, negative_errno(), "can't write %s", sink->name);
                data += n;
                size -= n;
                sink->position += n;
        }
        return 0;
}

int fd_sink_flush(FdSink *sink, Error *error) {
        int r = fd_sink_write_now(sink, sink->buffer, sink->used, error);

        sink->used = 0;
        return r;
}

static int fd_sink_write(void *userdata, const void *data, size_t size, Error *error) {
        FdSink *sink = userdata;

        if (sink->used + size > BLOCK_SIZE) {
                int r = fd_sink_flush(sink, error);
                if (r < 0)
                        return r;
        }
        if (size >= BLOCK_SIZE / 2)
                return fd_sink_write_now(sink, data, size, error);
        memcpy(sink->buffer + sink->used, data, size);
        sink->used += size;
        return 0;
}

Sink fd_sink(FdSink *sink) {
        return (Sink){ .write = fd_sink_write, .userdata = sink };
}

static ssize_t memory_source_next(void *userdata, const void **ret, Error *error) {
        MemorySource *source = userdata;
        size_t n = source->block > 0 ? MIN(source->block, source->size) : source->size;

        *ret = source->data;
        source->data = (const uint8_t *) source->data + n;
        source->size -= n;
        return n;
}

Source memory_source(MemorySource *source) {
        return (Source){ .next = memory_source_next, .userdata = source };
}

int peek_source_fill(PeekSource *source, size_t n, Error *error) {
        while (source->size < n) {
                const void *data;
                ssize_t k = source_next(&source->input, &data, error);
                if (k <= 0)
                        return k;
                uint8_t *head = realloc(source->head, source->size + k);
                if (!head)
                        return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
                memcpy(head + source->size, data, k);
                source->head = head;
                source->size += k;
        }
        return 0;
}

static ssize_t peek_source_next(void *userdata, const void **ret, Error *error) {
        PeekSource *source = userdata;

        if (source->given || source->size == 0)
                return source_next(&source->input, ret, error);
        source->given = true;
        *ret = source->head;
        return source->size;
}

Source peek_source(PeekSource *source) {
        return (Source){ .next = peek_source_next, .userdata = source };
}

void peek_source_done(PeekSource *source) {
        free(source->head);
        source->head = NULL;
}
