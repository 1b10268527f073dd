/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Bytes on their way, block by block and without copies: a Source is pulled, a Sink is pushed. Stages (digest.h,
 * compress.h, tar-reader.h) take one and are one. Both are small values that borrow the object behind them. */

#include "error.h"
#include "macro.h"

typedef struct Source {
        /* The next block, valid until the next call: its size, 0 at the end, or a negative errno with *error set. */
        ssize_t (*next)(void *userdata, const void **ret, Error *error);
        void *userdata;
} Source;

static inline ssize_t source_next(const Source *source, const void **ret, Error *error) {
        return source->next(source->userdata, ret, error);
}

typedef struct Sink {
        /* Takes all of it. 0 or a negative errno with *error set. */
        int (*write)(void *userdata, const void *data, size_t size, Error *error);
        void *userdata;
} Sink;

static inline int sink_write(const Sink *sink, const void *data, size_t size, Error *error) {
        return sink->write(sink->userdata, data, size, error);
}

/* Pulls until the end and pushes. *ret_size (may be NULL): the bytes. */
int source_copy(const Source *source, const Sink *sink, uint64_t *ret_size, Error *error);

/* A file descriptor that is read. cancel_fd (-EBADF: none): when it becomes readable, the next read fails with
 * ERROR_CANCELLED, also while it waits for a slow pipe. */
typedef struct FdSource {
        int fd, cancel_fd;
        const char *name; /* for messages: "the archive" */
        uint64_t position;
        bool waits; /* not a regular file: may block */
        uint8_t *buffer;
} FdSource;
int fd_source_init(FdSource *source, int fd, int cancel_fd, const char *name);
void fd_source_done(FdSource *source);
Source fd_source(FdSource *source);

typedef struct FdSink {
        int fd, cancel_fd;
        const char *name;
        uint64_t position;
        bool waits;
        uint8_t *buffer;
        size_t used;
} FdSink;
/* Small writes are gathered: call fd_sink_flush at the end. */
int fd_sink_init(FdSink *sink, int fd, int cancel_fd, const char *name);
int fd_sink_flush(FdSink *sink, Error *error);
void fd_sink_done(FdSink *sink);
Sink fd_sink(FdSink *sink);

typedef struct MemorySource {
        const void *data;
        size_t size, block; /* gives at most `block` bytes at a time; 0: all at once */
} MemorySource;
Source memory_source(MemorySource *source);

/* Looks at the first bytes of an input and gives them again. */
typedef struct PeekSource {
        Source input;
        uint8_t *head;
        size_t size;
        bool given;
} PeekSource;
/* At least n bytes are in head after it, unless the input is shorter. */
int peek_source_fill(PeekSource *source, size_t n, Error *error);
Source peek_source(PeekSource *source);
void peek_source_done(PeekSource *source);
