/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "content-internal.h"
#include "digest.h"
#include "fd-util.h"
#include "file-util.h"
#include "random-util.h"
#include "string-util.h"

/* A blob's bytes go straight into a file, and who unpacks it reads them from there (that is, from the page cache) as they
 * come. So the transfer never waits for the unpacking, and a transfer that breaks off leaves something to go on from.
 * The file is locked while it is written: two transfers of one blob don't share a partial file, and the sweep leaves
 * it alone. */

/* So that little is left for the sync at the end. */
#define WRITEBACK_STEP (8 * MIB)

typedef enum WriterState {
        WRITER_OPEN,
        WRITER_COMMITTED,
        WRITER_ABORTED,
} WriterState;

struct BlobWriter {
        ContentStore *content;
        int fd;
        char *path;     /* in blobs/sha256 */
        char *digest;   /* what it must be, NULL: unknown */
        uint64_t limit; /* UINT64_MAX: unknown */
        Digest *hash;
        char actual[DIGEST_TEXT_SIZE];
        bool resumable;
        uint64_t writeback; /* up to here the kernel has been told to write */

        pthread_mutex_t mutex; /* for what followers look at */
        pthread_cond_t changed;
        uint64_t received;
        uint64_t followed; /* the furthest that a follower was told of */
        WriterState state;
        Error why;
};

/* The partial file, locked, at whatever size. -EBUSY: somebody else is at it. */
static int open_partial(ContentStore *content, const char *path) {
        for (unsigned attempt = 0; attempt < 10; attempt++) {
                struct stat mine, there;
                _cleanup_close_ int fd = openat(content->blobs_fd, path,
                                                O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);

                if (fd < 0)
                        return negative_errno();
                if (flock(fd, LOCK_EX | LOCK_NB) < 0)
                        return errno == EWOULDBLOCK ? -EBUSY : negative_errno();
                /* Before we had the lock it may have been completed and renamed, or removed. */
                if (fstat(fd, &mine) >= 0 &&
                    fstatat(content->blobs_fd, path, &there, AT_SYMLINK_NOFOLLOW) >= 0 &&
                    mine.st_ino == there.st_ino)
                        return TAKE_FD(fd);
        }
        return -EBUSY;
}

static int open_temporary(BlobWriter *writer) {
        free(writer->path);
        writer->path = format_string(".tmp-%016llx", (unsigned long long) random_u64());
        if (!writer->path)
                return -ENOMEM;
        writer->resumable = false;
        writer->fd = openat(writer->content->blobs_fd, writer->path,
                            O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (writer->fd < 0)
                return negative_errno();
        return flock(writer->fd, LOCK_EX | LOCK_NB) < 0 ? negative_errno() : 0;
}

/* Hashes what an earlier transfer has left. */
static int take_up(BlobWriter *writer) {
        struct stat st;

        if (fstat(writer->fd, &st) < 0)
                return negative_errno();
        if ((uint64_t) st.st_size > writer->limit)
                return ftruncate(writer->fd, 0) < 0 ? negative_errno() : 0;
        int r = digest_update_from_fd(writer->hash, writer->fd, st.st_size);
        if (r >= 0)
                writer->received = writer->writeback = st.st_size;
        return r;
}

static int open_file(BlobWriter *writer, bool resume) {
        if (!resume || !writer->digest)
                return open_temporary(writer);
        writer->path = string_join(".partial-", digest_hex(writer->digest));
        if (!writer->path)
                return -ENOMEM;
        int fd = open_partial(writer->content, writer->path);
        if (fd == -EBUSY)
                return open_temporary(writer);
        if (fd < 0)
                return fd;
        writer->fd = fd;
        writer->resumable = true;
        return take_up(writer);
}

int blob_writer_open(ContentStore *content, const char *digest, uint64_t size, bool resume, BlobWriter **ret,
                     Error *error) {
        _cleanup_(blob_writer_freep) BlobWriter *writer = new0(BlobWriter, 1);

        if (!writer)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        writer->content = content;
        writer->fd = -EBADF;
        writer->limit = size;
        pthread_mutex_init(&writer->mutex, NULL);
        pthread_cond_init(&writer->changed, NULL);
        writer->hash = digest_new();
        if (!writer->hash || (digest && free_and_strdup(&writer->digest, digest) < 0))
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        int r = open_file(writer, resume);
        if (r < 0)
                return error_set_errno(error, r, "can't make a file in the image store");
        *ret = TAKE_PTR(writer);
        return 0;
}

uint64_t blob_writer_size(BlobWriter *writer) {
        return writer->received; /* written by the same thread only */
}

int blob_writer_reset(BlobWriter *writer, Error *error) {
        int r = 0;

        pthread_mutex_lock(&writer->mutex);
        if (writer->followed > 0)
                r = -EBUSY;
        else if (ftruncate(writer->fd, 0) < 0)
                r = negative_errno();
        else
                writer->received = writer->writeback = 0;
        pthread_mutex_unlock(&writer->mutex);
        if (r < 0)
                return error_set_errno(error, r, "can't begin the transfer of a blob again");
        digest_reset(writer->hash);
        return 0;
}

static int write_at(BlobWriter *writer, const uint8_t *data, size_t size, uint64_t offset) {
        while (size > 0) {
                ssize_t n = pwrite(writer->fd, data, size, offset);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return negative_errno();
                data += n;
                size -= n;
                offset += n;
        }
        if (offset - writer->writeback >= WRITEBACK_STEP) {
                (void) sync_file_range(writer->fd, writer->writeback, offset - writer->writeback,
                                       SYNC_FILE_RANGE_WRITE);
                writer->writeback = offset;
        }
        return 0;
}

int blob_writer_append(BlobWriter *writer, const void *data, size_t size, Error *error) {
        if (size > writer->limit - writer->received)
                return error_set(error, ERROR_CORRUPT, "blob %.19s is longer than the %llu bytes announced",
                                 strempty(writer->digest), (unsigned long long) writer->limit);
        int r = write_at(writer, data, size, writer->received);
        if (r < 0)
                return error_set_errno(error, r, "can't write a blob");
        digest_update(writer->hash, data, size);

        pthread_mutex_lock(&writer->mutex);
        writer->received += size;
        pthread_cond_broadcast(&writer->changed);
        pthread_mutex_unlock(&writer->mutex);
        return 0;
}

static void set_state(BlobWriter *writer, WriterState state, const Error *why) {
        pthread_mutex_lock(&writer->mutex);
        writer->state = state;
        if (why)
                error_set(&writer->why, why->kind, "%s", strempty(why->message));
        pthread_cond_broadcast(&writer->changed);
        pthread_mutex_unlock(&writer->mutex);
}

static int verify(BlobWriter *writer, Error *error) {
        if (writer->limit != UINT64_MAX && writer->received != writer->limit)
                return error_set(error, ERROR_CORRUPT, "blob %.19s has %llu bytes instead of %llu",
                                 strempty(writer->digest), (unsigned long long) writer->received,
                                 (unsigned long long) writer->limit);
        digest_finish(writer->hash, writer->actual);
        if (writer->digest && !streq(writer->digest, writer->actual))
                return error_set(error, ERROR_CORRUPT, "the content of blob %s is wrong: its digest is %s",
                                 writer->digest, writer->actual);
        return 0;
}

int blob_writer_commit(BlobWriter *writer, Error *error) {
        Error why = {};
        int r = verify(writer, &why);

        if (r >= 0) {
                r = fdatasync(writer->fd) < 0 ? negative_errno() : 0;
                if (r >= 0 && renameat(writer->content->blobs_fd, writer->path, writer->content->blobs_fd,
                                       digest_hex(writer->actual)) < 0)
                        r = negative_errno();
                if (r < 0)
                        error_set_errno(&why, r, "can't store blob %.19s", writer->actual);
        }
        if (r < 0) {
                blob_writer_abort(writer, false, &why);
                error_move(error, &why);
                error_done(&why);
                return r;
        }
        set_state(writer, WRITER_COMMITTED, NULL);
        return 0;
}

const char *blob_writer_digest(BlobWriter *writer) {
        return writer->actual;
}

void blob_writer_abort(BlobWriter *writer, bool keep, const Error *why) {
        if (writer->state != WRITER_OPEN)
                return;
        if (writer->path && !(keep && writer->resumable && writer->received > 0))
                (void) unlinkat(writer->content->blobs_fd, writer->path, 0);
        set_state(writer, WRITER_ABORTED, why);
}

BlobWriter *blob_writer_free(BlobWriter *writer) {
        if (!writer)
                return NULL;
        if (writer->fd >= 0)
                blob_writer_abort(writer, false, NULL);
        safe_close(writer->fd);
        digest_free(writer->hash);
        pthread_cond_destroy(&writer->changed);
        pthread_mutex_destroy(&writer->mutex);
        error_done(&writer->why);
        free(writer->digest);
        free(writer->path);
        free(writer);
        return NULL;
}

/* ---- for the follower ---- */

int64_t blob_writer_wait(BlobWriter *writer, uint64_t offset, Error *error) {
        int64_t r;

        pthread_mutex_lock(&writer->mutex);
        while (writer->state == WRITER_OPEN && writer->received <= offset &&
               !content_cancelled(writer->content)) {
                /* A signal does not wake a condition: look at the cancel flag now and then. */
                struct timespec deadline;
                clock_gettime(CLOCK_REALTIME, &deadline);
                deadline.tv_sec += 1;
                pthread_cond_timedwait(&writer->changed, &writer->mutex, &deadline);
        }
        if (writer->received > offset && writer->state != WRITER_ABORTED)
                r = writer->followed = writer->received;
        else if (writer->state == WRITER_COMMITTED)
                r = 0;
        else if (writer->state == WRITER_ABORTED && writer->why.kind != ERROR_NONE)
                r = error_set(error, writer->why.kind, "%s", strempty(writer->why.message));
        else
                r = error_set(error, ERROR_CANCELLED, "cancelled");
        pthread_mutex_unlock(&writer->mutex);
        return r;
}

bool blob_writer_is_ahead(BlobWriter *writer, uint64_t offset) {
        pthread_mutex_lock(&writer->mutex);
        bool ahead = writer->state != WRITER_OPEN || writer->received > offset;
        pthread_mutex_unlock(&writer->mutex);
        return ahead;
}

int blob_writer_fd(BlobWriter *writer) {
        return writer->fd;
}

bool blob_writer_is_committed(BlobWriter *writer) {
        pthread_mutex_lock(&writer->mutex);
        bool committed = writer->state == WRITER_COMMITTED;
        pthread_mutex_unlock(&writer->mutex);
        return committed;
}
