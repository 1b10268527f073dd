/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <pthread.h>

#include "chunk-queue.h"

#define N_CHUNKS 8

struct ChunkQueue {
        pthread_mutex_t mutex;
        pthread_cond_t changed;
        unsigned n_consumers;
        uint64_t produced; /* chunks */
        uint64_t consumed[CHUNK_QUEUE_CONSUMERS_MAX];
        bool holds[CHUNK_QUEUE_CONSUMERS_MAX]; /* chunk number consumed[i] is in use */
        bool ended, aborted;
        size_t sizes[N_CHUNKS];
        uint8_t data[N_CHUNKS][CHUNK_SIZE];
};

int chunk_queue_new(unsigned n_consumers, ChunkQueue **ret) {
        /* Not zeroed: the chunks need not be touched before they are used. */
        ChunkQueue *queue = malloc(sizeof(ChunkQueue));

        if (!queue)
                return -ENOMEM;
        assert(n_consumers <= CHUNK_QUEUE_CONSUMERS_MAX);
        pthread_mutex_init(&queue->mutex, NULL);
        pthread_cond_init(&queue->changed, NULL);
        queue->n_consumers = n_consumers;
        queue->produced = 0;
        queue->ended = queue->aborted = false;
        for (unsigned i = 0; i < CHUNK_QUEUE_CONSUMERS_MAX; i++) {
                queue->consumed[i] = 0;
                queue->holds[i] = false;
        }
        *ret = queue;
        return 0;
}

ChunkQueue *chunk_queue_free(ChunkQueue *queue) {
        if (!queue)
                return NULL;
        pthread_mutex_destroy(&queue->mutex);
        pthread_cond_destroy(&queue->changed);
        free(queue);
        return NULL;
}

static bool is_full(const ChunkQueue *queue) {
        for (unsigned i = 0; i < queue->n_consumers; i++)
                if (queue->consumed[i] != UINT64_MAX && queue->produced - queue->consumed[i] >= N_CHUNKS)
                        return true;
        return false;
}

void *chunk_queue_produce(ChunkQueue *queue) {
        pthread_mutex_lock(&queue->mutex);
        while (!queue->aborted && is_full(queue))
                pthread_cond_wait(&queue->changed, &queue->mutex);
        void *chunk = queue->aborted ? NULL : queue->data[queue->produced % N_CHUNKS];
        pthread_mutex_unlock(&queue->mutex);
        return chunk;
}

void chunk_queue_commit(ChunkQueue *queue, size_t size) {
        pthread_mutex_lock(&queue->mutex);
        queue->sizes[queue->produced++ % N_CHUNKS] = size;
        pthread_cond_broadcast(&queue->changed);
        pthread_mutex_unlock(&queue->mutex);
}

ssize_t chunk_queue_consume(ChunkQueue *queue, unsigned consumer, const void **ret) {
        ssize_t n;

        pthread_mutex_lock(&queue->mutex);
        if (queue->holds[consumer]) {
                queue->holds[consumer] = false;
                queue->consumed[consumer]++;
                pthread_cond_broadcast(&queue->changed);
        }
        while (!queue->aborted && !queue->ended && queue->consumed[consumer] == queue->produced)
                pthread_cond_wait(&queue->changed, &queue->mutex);
        if (queue->aborted)
                n = -ECANCELED;
        else if (queue->consumed[consumer] == queue->produced)
                n = 0;
        else {
                size_t slot = queue->consumed[consumer] % N_CHUNKS;
                *ret = queue->data[slot];
                n = queue->sizes[slot];
                queue->holds[consumer] = true;
        }
        pthread_mutex_unlock(&queue->mutex);
        return n;
}

static void change(ChunkQueue *queue, bool *flag) {
        pthread_mutex_lock(&queue->mutex);
        *flag = true;
        pthread_cond_broadcast(&queue->changed);
        pthread_mutex_unlock(&queue->mutex);
}

void chunk_queue_end(ChunkQueue *queue) {
        change(queue, &queue->ended);
}

void chunk_queue_abort(ChunkQueue *queue) {
        change(queue, &queue->aborted);
}

void chunk_queue_leave(ChunkQueue *queue, unsigned consumer) {
        pthread_mutex_lock(&queue->mutex);
        queue->consumed[consumer] = UINT64_MAX;
        queue->holds[consumer] = false;
        pthread_cond_broadcast(&queue->changed);
        pthread_mutex_unlock(&queue->mutex);
}
