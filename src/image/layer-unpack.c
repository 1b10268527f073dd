/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <unistd.h>

#include "chunk-queue.h"
#include "compress.h"
#include "content-internal.h"
#include "digest.h"
#include "extract.h"
#include "fd-util.h"
#include "file-util.h"
#include "image-limits.h"
#include "random-util.h"
#include "string-util.h"

/* A layer is unpacked by three threads, which pass its bytes on in chunks:
 *
 *      blob (growing) ── decompress ──┬── digest of what came out
 *                                     └── tar ── files below layers/.tmp-…/fs
 *
 * The first is in charge: it starts the others, and when all have ended and the diff id is right it makes the files
 * durable (one sync for all) and gives the folder its name. The blob's own digest is the writer's business: it lets us
 * see the end of the blob only when it was right. */

#define READ_SIZE (256 * 1024)
#define TAR_ENTRY_OVERHEAD (16 * KIB)

enum {
        CONSUMER_DIGEST,
        CONSUMER_TAR,
        N_CONSUMERS,
};

struct LayerUnpack {
        ContentStore *content;
        char *blob_digest;      /* NULL: unknown before the end */
        char *expected_diff_id; /* NULL: to be found out */
        BlobWriter *writer;
        char *progress_id;
        uint64_t total; /* compressed bytes, 0: unknown */
        pthread_t thread;
        int event_fd;

        /* input */
        int blob_fd; /* borrowed from the writer, else ours */
        uint64_t position, available;
        uint8_t *buffer;

        ChunkQueue *queue;
        char *temporary; /* ".tmp-…" in layers */
        int temporary_fd, fs_fd;
        char diff_id[DIGEST_TEXT_SIZE];
        ExtractStatistics statistics;
        Error tar_error, error;
        int tar_result, result;
};

/* ---- the blob as a source ---- */

static void take_slot(LayerUnpack *unpack) {
        while (sem_wait(&unpack->content->unpack_slots) < 0)
                ;
}

static void give_slot_back(LayerUnpack *unpack) {
        sem_post(&unpack->content->unpack_slots);
}

/* While the network brings nothing, another layer may have the processor. */
static int64_t wait_for_writer(LayerUnpack *unpack, Error *error) {
        if (blob_writer_is_ahead(unpack->writer, unpack->position))
                return blob_writer_wait(unpack->writer, unpack->position, error);
        give_slot_back(unpack);
        int64_t n = blob_writer_wait(unpack->writer, unpack->position, error);
        take_slot(unpack);
        return n;
}

static ssize_t follow_writer(LayerUnpack *unpack, Error *error) {
        if (unpack->position < unpack->available)
                return 1;
        int64_t n = wait_for_writer(unpack, error);
        if (n > 0)
                unpack->available = n;
        return n;
}

static ssize_t blob_next(void *userdata, const void **ret, Error *error) {
        LayerUnpack *unpack = userdata;

        if (content_cancelled(unpack->content))
                return error_set(error, ERROR_CANCELLED, "cancelled");
        if (unpack->writer) {
                ssize_t r = follow_writer(unpack, error);
                if (r <= 0)
                        return r;
        }
        ssize_t n;
        do
                n = pread(unpack->blob_fd, unpack->buffer, READ_SIZE, unpack->position);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return error_set_errno(error, negative_errno(), "can't read the blob of a layer");
        unpack->position += n;
        *ret = unpack->buffer;
        /* While a transfer goes on, it is the transfer that people want to see. */
        if (!unpack->writer || blob_writer_is_committed(unpack->writer))
                content_progress(unpack->content, unpack->progress_id, "unpacking", unpack->position,
                                 unpack->total);
        return n;
}

/* ---- the threads ---- */

static void *digest_thread(void *userdata) {
        LayerUnpack *unpack = userdata;
        Digest *digest = digest_new();
        const void *data;
        ssize_t n;

        if (!digest) {
                chunk_queue_abort(unpack->queue);
                return NULL;
        }
        while ((n = chunk_queue_consume(unpack->queue, CONSUMER_DIGEST, &data)) > 0)
                digest_update(digest, data, n);
        digest_finish(digest, unpack->diff_id);
        digest_free(digest);
        return NULL;
}

static ssize_t queue_next(void *userdata, const void **ret, Error *error) {
        LayerUnpack *unpack = userdata;
        ssize_t n = chunk_queue_consume(unpack->queue, CONSUMER_TAR, ret);

        return n < 0 ? error_set(error, ERROR_CANCELLED, "cancelled") : n;
}

static int unpack_tar(LayerUnpack *unpack, Error *error) {
        const ImageLimits *limits = image_limits();
        const TarLimits tar_limits = {
                .path = limits->path_length,
                .depth = tar_limits_default.depth,
                .entries = limits->entries,
                .xattrs = tar_limits_default.xattrs,
                .content = limits->unpacked_size,
                .path_hint = IMAGE_LIMIT_HINT("PathLength"),
                .entries_hint = IMAGE_LIMIT_HINT("Entries"),
                .content_hint = IMAGE_LIMIT_HINT("UnpackedSize"),
        };
        Source source = { .next = queue_next, .userdata = unpack };
        ExtractOptions options = { .layer = true, .keep_owner = true, .no_privileges = geteuid() != 0 };
        _cleanup_(tar_reader_freep) TarReader *reader = NULL;
        _cleanup_(tree_done) Tree tree = { .parent_fd = -EBADF };

        if (tree_init(&tree, unpack->fs_fd, "", true) < 0 ||
            tar_reader_new(&source, &tar_limits, &reader) < 0)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        return extract_archive(&tree, reader, &options, &unpack->statistics, error);
}

static void *tar_thread(void *userdata) {
        LayerUnpack *unpack = userdata;

        unpack->tar_result = unpack_tar(unpack, &unpack->tar_error);
        /* What follows the end of the archive only counts for the digest. */
        chunk_queue_leave(unpack->queue, CONSUMER_TAR);
        if (unpack->tar_result < 0)
                chunk_queue_abort(unpack->queue);
        return NULL;
}

/* How much of a tar is headers and padding is the archive's affair; but there is an end to it. */
static uint64_t tar_size_max(const ImageLimits *limits) {
        uint64_t headers, sum;

        if (__builtin_mul_overflow(limits->entries, TAR_ENTRY_OVERHEAD, &headers) ||
            __builtin_add_overflow(headers, limits->unpacked_size, &sum))
                return UINT64_MAX;
        return sum;
}

static int decompress(LayerUnpack *unpack, Error *error) {
        const ImageLimits *limits = image_limits();
        const DecompressLimits decompress_limits = {
                .output = tar_size_max(limits),
                .free_output = decompress_limits_default.free_output,
                .ratio = limits->compression_ratio,
                .output_hint = IMAGE_LIMIT_HINT("UnpackedSize"),
                .ratio_hint = IMAGE_LIMIT_HINT("CompressionRatio"),
        };
        Source source = { .next = blob_next, .userdata = unpack };
        _cleanup_(decompressor_freep) Decompressor *d = NULL;

        if (decompressor_new(&source, &decompress_limits, &d) < 0)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        for (;;) {
                uint8_t *chunk = chunk_queue_produce(unpack->queue);
                size_t used = 0;
                ssize_t n = 1;

                if (!chunk)
                        return error_set(error, ERROR_CANCELLED, "cancelled");
                while (used < CHUNK_SIZE &&
                       (n = decompressor_read(d, chunk + used, CHUNK_SIZE - used, error)) > 0)
                        used += n;
                if (n < 0)
                        return n;
                if (used > 0)
                        chunk_queue_commit(unpack->queue, used);
                if (n == 0)
                        return 0;
        }
}

static int run_pipeline(LayerUnpack *unpack, Error *error) {
        pthread_t digester, tarrer;

        int r = chunk_queue_new(N_CONSUMERS, &unpack->queue);
        if (r >= 0)
                r = -pthread_create(&digester, NULL, digest_thread, unpack);
        if (r < 0)
                return error_set_errno(error, r, "can't start a thread");
        r = -pthread_create(&tarrer, NULL, tar_thread, unpack);
        if (r < 0) {
                chunk_queue_abort(unpack->queue);
                pthread_join(digester, NULL);
                return error_set_errno(error, r, "can't start a thread");
        }
        Error decompress_error = {};
        r = decompress(unpack, &decompress_error);
        if (r < 0)
                chunk_queue_abort(unpack->queue);
        else
                chunk_queue_end(unpack->queue);
        pthread_join(digester, NULL);
        pthread_join(tarrer, NULL);

        /* When one fails, the others are told to stop: what they say then is not the reason. */
        if (unpack->tar_result < 0 && unpack->tar_error.kind != ERROR_CANCELLED) {
                r = unpack->tar_result;
                error_move(error, &unpack->tar_error);
        } else if (r < 0)
                error_move(error, &decompress_error);
        else if (unpack->tar_result < 0) {
                r = unpack->tar_result;
                error_move(error, &unpack->tar_error);
        }
        error_done(&decompress_error);
        return r;
}

/* ---- the folder ---- */

static int make_folder(LayerUnpack *unpack) {
        int layers_fd = unpack->content->layers_fd;

        unpack->temporary = format_string(".tmp-%016llx", (unsigned long long) random_u64());
        if (!unpack->temporary)
                return -ENOMEM;
        unpack->temporary_fd = mkdir_open_at(layers_fd, unpack->temporary, 0700);
        if (unpack->temporary_fd < 0)
                return unpack->temporary_fd;
        /* The sweep leaves alone what is locked. */
        if (flock(unpack->temporary_fd, LOCK_EX | LOCK_NB) < 0)
                return negative_errno();
        unpack->fs_fd = mkdir_open_at(unpack->temporary_fd, "fs", 0755);
        if (unpack->fs_fd < 0)
                return unpack->fs_fd;
        return fchmod(unpack->fs_fd, 0755) < 0 ? negative_errno() : 0;
}

/* What was unpacked is what it should be; the folder gets its description. */
static int complete_folder(LayerUnpack *unpack, Error *error) {
        ImageLayer layer = { .diff_id = unpack->diff_id, .unpacked_size = unpack->statistics.size };

        if (unpack->expected_diff_id && !streq(unpack->expected_diff_id, unpack->diff_id))
                return error_set(error, ERROR_CORRUPT,
                                 "the content of layer %s is wrong: its uncompressed digest is %s",
                                 unpack->expected_diff_id, unpack->diff_id);
        int r = object_save_at(&image_layer_type, &layer, unpack->temporary_fd, "layer.json", false);
        return r < 0 ? error_set_errno(error, r, "can't store layer %.19s", unpack->diff_id) : 0;
}

static int publish_folder(LayerUnpack *unpack, Error *error) {
        ContentStore *content = unpack->content;

        int r = complete_folder(unpack, error);
        if (r < 0)
                return r;
        r = content_sync(content);
        if (r >= 0 && renameat2(content->layers_fd, unpack->temporary, content->layers_fd,
                                digest_hex(unpack->diff_id), RENAME_NOREPLACE) < 0)
                r = negative_errno();
        if (r == -EEXIST) /* somebody else was faster; ours is removed */
                return 0;
        if (r < 0)
                return error_set_errno(error, r, "can't store layer %.19s", unpack->diff_id);
        unpack->temporary = (free(unpack->temporary), NULL);
        return 0;
}

static void remove_folder(LayerUnpack *unpack) {
        unpack->fs_fd = safe_close(unpack->fs_fd);
        if (unpack->temporary)
                (void) remove_tree_at(unpack->content->layers_fd, unpack->temporary);
        unpack->temporary_fd = safe_close(unpack->temporary_fd);
}

/* ---- all together ---- */

static int open_input(LayerUnpack *unpack, Error *error) {
        unpack->buffer = malloc(READ_SIZE);
        if (!unpack->buffer)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        if (unpack->writer) {
                unpack->blob_fd = blob_writer_fd(unpack->writer);
                return 0;
        }
        int fd = content_open_blob(unpack->content, unpack->blob_digest);
        if (fd < 0)
                return error_set_errno(error, fd, "can't open blob %.19s", unpack->blob_digest);
        unpack->blob_fd = fd;
        return 0;
}

/* The layer is here: only the blob is awaited. */
static int await_writer(LayerUnpack *unpack, Error *error) {
        int64_t n = 1;

        while (unpack->writer && n > 0) {
                n = wait_for_writer(unpack, error);
                if (n > 0)
                        unpack->position = n;
        }
        return MIN(n, (int64_t) 0);
}

/* *ret_made: there is a folder to be published. */
static int unpack_layer(LayerUnpack *unpack, bool *ret_made, Error *error) {
        if (unpack->expected_diff_id &&
            content_has_layer(unpack->content, unpack->expected_diff_id, &unpack->statistics.size)) {
                strcpy(unpack->diff_id, unpack->expected_diff_id);
                return await_writer(unpack, error);
        }
        int r = make_folder(unpack);
        if (r < 0)
                return error_set_errno(error, r, "can't make a folder in the image store");
        r = open_input(unpack, error);
        if (r >= 0)
                r = run_pipeline(unpack, error);
        *ret_made = r >= 0;
        return r;
}

static void *unpack_thread(void *userdata) {
        LayerUnpack *unpack = userdata;
        bool made = false;

        take_slot(unpack);
        unpack->result = unpack_layer(unpack, &made, &unpack->error);
        /* What follows waits for the disk, and the next layer need not. */
        give_slot_back(unpack);
        if (made)
                unpack->result = publish_folder(unpack, &unpack->error);
        remove_folder(unpack);
        if (unpack->result >= 0)
                content_progress(unpack->content, unpack->progress_id, "done", unpack->total, unpack->total);
        (void) eventfd_write(unpack->event_fd, 1);
        return NULL;
}

static LayerUnpack *unpack_free(LayerUnpack *unpack) {
        if (!unpack)
                return NULL;
        if (!unpack->writer)
                safe_close(unpack->blob_fd);
        safe_close(unpack->event_fd);
        chunk_queue_free(unpack->queue);
        error_done(&unpack->tar_error);
        error_done(&unpack->error);
        free(unpack->temporary);
        free(unpack->buffer);
        free(unpack->progress_id);
        free(unpack->expected_diff_id);
        free(unpack->blob_digest);
        free(unpack);
        return NULL;
}
DEFINE_CLEANUP(LayerUnpack *, unpack_free);

static int unpack_new(ContentStore *content, const ImageLayer *layer, BlobWriter *writer,
                      const char *progress_id, LayerUnpack **ret, Error *error) {
        _cleanup_(unpack_freep) LayerUnpack *unpack = new0(LayerUnpack, 1);

        if (!unpack)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        unpack->content = content;
        unpack->writer = writer;
        unpack->total = layer->size;
        unpack->blob_fd = unpack->temporary_fd = unpack->fs_fd = unpack->event_fd = -EBADF;
        if (free_and_strdup(&unpack->blob_digest, layer->digest) < 0 ||
            free_and_strdup(&unpack->expected_diff_id, layer->diff_id) < 0 ||
            free_and_strdup(&unpack->progress_id, progress_id) < 0)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        *ret = TAKE_PTR(unpack);
        return 0;
}

int unpack_start(ContentStore *content, const ImageLayer *layer, BlobWriter *writer, const char *progress_id,
                 LayerUnpack **ret, Error *error) {
        _cleanup_(unpack_freep) LayerUnpack *unpack = NULL;

        int r = unpack_new(content, layer, writer, progress_id, &unpack, error);
        if (r < 0)
                return r;
        unpack->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (unpack->event_fd < 0)
                return error_set_errno(error, negative_errno(), "can't make an event descriptor");
        r = -pthread_create(&unpack->thread, NULL, unpack_thread, unpack);
        if (r < 0)
                return error_set_errno(error, r, "can't start a thread");
        *ret = TAKE_PTR(unpack);
        return 0;
}

int unpack_fd(LayerUnpack *unpack) {
        return unpack->event_fd;
}

int unpack_wait(LayerUnpack *unpack, char **ret_diff_id, uint64_t *ret_size, Error *error) {
        _cleanup_(unpack_freep) _unused_ LayerUnpack *owned = unpack;

        pthread_join(unpack->thread, NULL);
        if (unpack->result < 0) {
                error_move(error, &unpack->error);
                return unpack->result;
        }
        if (ret_size)
                *ret_size = unpack->statistics.size;
        if (!ret_diff_id)
                return 0;
        *ret_diff_id = strdup(unpack->diff_id);
        return *ret_diff_id ? 0 : error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
}

/* ---- beside the layer ---- */

int unpack_anew(ContentStore *content, const ImageLayer *layer, UnpackedCopy *ret, Error *error) {
        _cleanup_(unpack_freep) LayerUnpack *unpack = NULL;

        int r = unpack_new(content, layer, NULL, layer->digest, &unpack, error);
        if (r < 0)
                return r;
        take_slot(unpack);
        r = make_folder(unpack);
        if (r < 0)
                error_set_errno(error, r, "can't make a folder in the image store");
        if (r >= 0)
                r = open_input(unpack, error);
        if (r >= 0)
                r = run_pipeline(unpack, error);
        if (r >= 0)
                r = complete_folder(unpack, error);
        give_slot_back(unpack);
        if (r < 0) {
                remove_folder(unpack);
                return r;
        }
        *ret = (UnpackedCopy){
                .name = TAKE_PTR(unpack->temporary),
                .lock_fd = TAKE_FD(unpack->temporary_fd),
                .fs_fd = TAKE_FD(unpack->fs_fd),
                .size = unpack->statistics.size,
        };
        return 0;
}

void unpacked_copy_remove(ContentStore *content, UnpackedCopy *copy) {
        copy->fs_fd = safe_close(copy->fs_fd);
        if (copy->name)
                (void) remove_tree_at(content->layers_fd, copy->name);
        copy->name = (free(copy->name), NULL);
        copy->lock_fd = safe_close(copy->lock_fd);
}
