/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What content-store.c, blob-writer.c and layer-unpack.c share. */

#include <pthread.h>
#include <semaphore.h>

#include "content-store.h"

struct ContentStore {
        int fd, blobs_fd, layers_fd, images_fd;
        ContentHooks hooks;
        sem_t unpack_slots;
        char **aside; /* what was layers, in layers/: content_delete_aside() */

        /* content_sync(): one syncfs() serves all who asked before it began. */
        pthread_mutex_t sync_mutex;
        pthread_cond_t sync_done;
        uint64_t syncs_begun, syncs_done;
        bool syncing;
        int sync_result;
};

bool content_cancelled(ContentStore *content);
void content_progress(ContentStore *content, const char *id, const char *status, uint64_t current,
                      uint64_t total);
/* All that was written before the call is on disk. */
int content_sync(ContentStore *content);

/* The layers must be unpacked, unless they are an artifact's; what they take then goes into the record. ERROR_CORRUPT when
 * a layer or its blob is not here. */
int content_complete_record(ContentStore *content, ImageRecord *record, Error *error);

/* Waits until the writer has more than `offset` bytes. Returns how many it has, or 0 when it is committed and `offset`
 * is its size; a negative errno when it was aborted, or the store's owner has cancelled. */
int64_t blob_writer_wait(BlobWriter *writer, uint64_t offset, Error *error);
/* blob_writer_wait() would return at once. */
bool blob_writer_is_ahead(BlobWriter *writer, uint64_t offset);
int blob_writer_fd(BlobWriter *writer); /* borrowed; for pread() */
bool blob_writer_is_committed(BlobWriter *writer);
