/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One thread fills chunks, several others each see all of them, in order: the bytes of a layer go to the digest and to the
 * file system at the same time. A chunk is used again once everybody has let go of it, so the slowest sets the pace. */

#include "macro.h"

#define CHUNK_QUEUE_CONSUMERS_MAX 2
#define CHUNK_SIZE (256 * 1024)

typedef struct ChunkQueue ChunkQueue;

int chunk_queue_new(unsigned n_consumers, ChunkQueue **ret);
ChunkQueue *chunk_queue_free(ChunkQueue *queue); /* when all threads are done with it */
DEFINE_CLEANUP(ChunkQueue *, chunk_queue_free);

/* Waits for a free chunk of CHUNK_SIZE bytes. NULL when the queue was aborted. */
void *chunk_queue_produce(ChunkQueue *queue);
void chunk_queue_commit(ChunkQueue *queue, size_t size); /* size > 0; the chunk that produce() gave */
void chunk_queue_end(ChunkQueue *queue);                 /* nothing more comes */

/* Lets go of the last chunk and waits for the next. Its size, 0 at the end, -ECANCELED when aborted. */
ssize_t chunk_queue_consume(ChunkQueue *queue, unsigned consumer, const void **ret);
void chunk_queue_leave(ChunkQueue *queue, unsigned consumer); /* wants no more; the others go on */
void chunk_queue_abort(ChunkQueue *queue);                    /* everybody stops */
