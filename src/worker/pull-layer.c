/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "fd-util.h"
#include "image-spec.h"
#include "pull.h"
#include "string-util.h"

#define LOCK_RETRY_MSEC 100
/* What the network brings comes in small pieces. They are gathered, since each write wakes the unpacking. */
#define GATHER_SIZE (256 * 1024)

typedef struct PullLayer {
        Pull *pull;
        const ImageLayer *layer;
        bool counted; /* among the layers that are fetched */
        pthread_t thread;
        atomic_bool fetching; /* what the unpacking says meanwhile is of no interest */

        /* of the transfer under way */
        RegistrySession *session;
        int slot;
        BlobWriter *writer;
        LayerUnpack *unpack; /* NULL: an artifact's blob is just kept */
        bool unpack_failed;  /* that is why the transfer was ended */
        uint8_t *gathered;
        size_t n_gathered;
} PullLayer;

/* ---- who fetches ---- */

/* Waits until a layer may be begun: no more of them at a time than there are slots. False when the pull has stopped. */
static bool begin_layer(PullLayer *job) {
        Pull *pull = job->pull;

        pthread_mutex_lock(&pull->lock);
        while (pull->n_begun >= pull->transfers.n && !pull_is_stopped(pull))
                pthread_cond_wait(&pull->layer_ended, &pull->lock);
        job->counted = !pull_is_stopped(pull);
        pull->n_begun += job->counted;
        pthread_mutex_unlock(&pull->lock);
        return job->counted;
}

/* The next one may begin. */
static void end_layer(PullLayer *job) {
        if (!job->counted)
                return;
        pthread_mutex_lock(&job->pull->lock);
        job->counted = false;
        job->pull->n_begun--;
        pthread_cond_signal(&job->pull->layer_ended);
        pthread_mutex_unlock(&job->pull->lock);
}

static int take_session(Pull *pull, RegistrySession **ret, Error *error) {
        pthread_mutex_lock(&pull->lock);
        *ret = pull->n_sessions > 0 ? pull->sessions[--pull->n_sessions] : NULL;
        pthread_mutex_unlock(&pull->lock);
        return *ret ? 0 : registry_session_new(pull->registry, ret, error);
}

static void give_session_back(Pull *pull, RegistrySession *session) {
        if (!session)
                return;
        pthread_mutex_lock(&pull->lock);
        bool kept = pull->n_sessions < ELEMENTSOF(pull->sessions);
        if (kept)
                pull->sessions[pull->n_sessions++] = session;
        pthread_mutex_unlock(&pull->lock);
        if (!kept)
                registry_session_free(session);
}

static void on_waiting(void *userdata) {
        const PullLayer *job = userdata;

        worker_progress(job->pull->worker, job->layer->digest, "waiting", 0, job->layer->size);
}

static int take_connection(PullLayer *job, Error *error) {
        const int stop_fds[] = { worker_cancel_fd(), job->pull->stop_fd };

        int r = transfer_slot_take(&job->pull->transfers, stop_fds, on_waiting, job);
        if (r == -ECANCELED)
                return error_set(error, ERROR_CANCELLED, "cancelled");
        if (r < 0)
                return error_set_errno(error, r, "cannot lock a slot for a transfer");
        job->slot = r;
        return take_session(job->pull, &job->session, error);
}

static void give_connection_back(PullLayer *job) {
        if (job->slot >= 0)
                transfer_slot_give_back(&job->pull->transfers, job->slot);
        job->slot = -1;
        give_session_back(job->pull, job->session);
        job->session = NULL;
}

/* The first failure is the one to tell; it ends all other transfers. */
static void stop(Pull *pull, Error *why) {
        pthread_mutex_lock(&pull->lock);
        error_move(&pull->error, why);
        pull->stopped = true;
        pthread_mutex_unlock(&pull->lock);
        (void) write_full(pull->stop_fd, &(uint64_t){ 1 }, sizeof(uint64_t));
}

static bool is_out_of_space(Pull *pull) {
        pthread_mutex_lock(&pull->lock);
        bool full = pull->error.kind == ERROR_NO_SPACE;
        pthread_mutex_unlock(&pull->lock);
        return full;
}

/* ---- the lock of a digest ---- */

/* One byte of the lock file stands for a digest: the one at the offset that its first digits are. So there is nothing
 * to clean up, also after a kill. Two digests that share a byte would only wait for each other, never both for one
 * another, since who holds a lock does not wait for a second one. */
static int set_lock(const PullLayer *job, short type) {
        char digits[15 + 1] = {};

        memcpy(digits, digest_hex(job->layer->digest), sizeof(digits) - 1);
        return lock_byte(job->pull->lock_fd, strtoull(digits, NULL, 16), type);
}

static int lock_layer(PullLayer *job, Error *error) {
        struct pollfd fds[] = {
                { .fd = worker_cancel_fd(), .events = POLLIN },
                { .fd = job->pull->stop_fd, .events = POLLIN },
        };

        for (;;) {
                int r = set_lock(job, F_WRLCK);
                if (r != -EAGAIN)
                        return r < 0 ? error_set_errno(error, r, "cannot lock layer %s", job->layer->digest)
                                     : 0;
                if (poll(fds, ELEMENTSOF(fds), LOCK_RETRY_MSEC) > 0)
                        return error_set(error, ERROR_CANCELLED, "cancelled");
        }
}

static void unlock_layer(PullLayer *job) {
        (void) set_lock(job, F_UNLCK);
}

/* ---- fetching ---- */

static bool unpacking_has_ended(const PullLayer *job) {
        struct pollfd fd = { .fd = job->unpack ? unpack_fd(job->unpack) : -EBADF, .events = POLLIN };

        return poll(&fd, 1, 0) > 0;
}

/* Gives what was gathered to the writer. */
static int flush_gathered(PullLayer *job, Error *error) {
        size_t size = job->n_gathered;

        job->n_gathered = 0;
        return size > 0 ? blob_writer_append(job->writer, job->gathered, size, error) : 0;
}

/* An unpacking that has ended before the last byte has found something wrong. */
static int write_gathered(PullLayer *job, Error *error) {
        int r = flush_gathered(job, error);
        if (r < 0)
                return r;
        uint64_t received = blob_writer_size(job->writer);
        if (received < job->layer->size && unpacking_has_ended(job)) {
                job->unpack_failed = true;
                return error_set(error, ERROR_FAILED, "the unpacking failed"); /* unpack_wait() knows why */
        }
        worker_progress(job->pull->worker, job->layer->digest, "downloading", received, job->layer->size);
        return 0;
}

static int layer_sink(void *userdata, const void *data, size_t size, Error *error) {
        PullLayer *job = userdata;

        for (const uint8_t *p = data; size > 0;) {
                size_t n = MIN(size, GATHER_SIZE - job->n_gathered);
                memcpy(job->gathered + job->n_gathered, p, n);
                job->n_gathered += n;
                p += n;
                size -= n;
                if (job->n_gathered == GATHER_SIZE) {
                        int r = write_gathered(job, error);
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

static int download(PullLayer *job, Error *error) {
        const Sink sink = { layer_sink, job };

        uint64_t start = blob_writer_size(job->writer);
        worker_progress(job->pull->worker, job->layer->digest, "downloading", start, job->layer->size);
        int r = registry_get_blob(job->session, job->layer->digest, start, job->layer->size, &sink, error);
        if (r >= 0)
                r = flush_gathered(job, error);
        return r < 0 ? r : blob_writer_commit(job->writer, error);
}

/* Ends a transfer that failed. What came is kept for the next time, unless it is in doubt or in the way. */
static void abort_writer(PullLayer *job, const Error *error) {
        bool doubtful = job->unpack_failed ? !pull_is_stopped(job->pull) : error->kind == ERROR_CORRUPT;
        bool full = error->kind == ERROR_NO_SPACE || is_out_of_space(job->pull);

        if (!doubtful && !full)
                (void) flush_gathered(job, NULL);
        blob_writer_abort(job->writer, !doubtful && !full, job->unpack_failed ? NULL : error);
}

static int start_unpacking(PullLayer *job, Error *error) {
        if (!job->pull->unpack)
                return 0;
        return unpack_start(job->pull->content, job->layer, job->writer, job->layer->digest, &job->unpack,
                            error);
}

/* Nobody else says that the blob of an artifact is complete. */
static int end_unpacking(PullLayer *job, Error *error) {
        if (job->unpack)
                return unpack_wait(TAKE_PTR(job->unpack), NULL, NULL, error);
        worker_progress(job->pull->worker, job->layer->digest, "done", job->layer->size, job->layer->size);
        return 0;
}

/* Downloads into the writer while the layer is unpacked behind it. */
static int fetch_with_writer(PullLayer *job, bool *ret_committed, Error *error) {
        _cleanup_error_ Error failure = {};

        job->fetching = true;
        int r = start_unpacking(job, error);
        if (r < 0)
                return r;
        r = download(job, &failure);
        job->fetching = false;
        *ret_committed = r >= 0;
        if (r >= 0) {
                give_connection_back(job);
                end_layer(job);
        } else {
                abort_writer(job, &failure);
                if (!job->unpack_failed)
                        error_move(error, &failure);
                if (!job->unpack)
                        return r;
        }
        int u = end_unpacking(job, error);
        return r < 0 && !job->unpack_failed ? r : u;
}

/* One transfer, from what an earlier one has left or from the beginning. *ret_doubtful: what it took up may have been
 * damaged, or a mirror's is. */
static int fetch_once(PullLayer *job, bool resume, bool *ret_doubtful, Error *error) {
        _cleanup_(blob_writer_freep) BlobWriter *writer = NULL;
        bool committed = false;

        int r = blob_writer_open(job->pull->content, job->layer->digest, job->layer->size, resume, &writer,
                                 error);
        if (r < 0)
                return r;
        job->writer = writer;
        job->unpack_failed = false;
        job->n_gathered = 0;
        bool resumed = blob_writer_size(writer) > 0;
        r = fetch_with_writer(job, &committed, error);
        *ret_doubtful = r < 0 && !committed && error->kind == ERROR_CORRUPT &&
                        (resumed || registry_distrust(job->session));
        return r;
}

/* As long as another try may bring what the last one did not. */
static int fetch_undamaged(PullLayer *job, Error *error) {
        for (bool resume = true;; resume = false) {
                _cleanup_error_ Error failure = {};
                bool doubtful = false;

                int r = fetch_once(job, resume, &doubtful, &failure);
                if (doubtful)
                        continue;
                error_move(error, &failure);
                return r;
        }
}

static int fetch(PullLayer *job, Error *error) {
        job->gathered = malloc(GATHER_SIZE);
        if (!job->gathered)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        int r = take_connection(job, error);
        if (r >= 0)
                r = fetch_undamaged(job, error);
        give_connection_back(job);
        return r;
}

/* The blob is here, only its layer is not. */
static int unpack_only(PullLayer *job, Error *error) {
        LayerUnpack *unpack;

        end_layer(job);
        int r = unpack_start(job->pull->content, job->layer, NULL, job->layer->digest, &unpack, error);
        return r < 0 ? r : unpack_wait(unpack, NULL, NULL, error);
}

static int bring(PullLayer *job, Error *error) {
        const ImageLayer *layer = job->layer;
        ContentStore *content = job->pull->content;

        if (!content_has_blob(content, layer->digest, NULL))
                return fetch(job, error);
        if (job->pull->unpack && !content_has_layer(content, layer->diff_id, NULL))
                return unpack_only(job, error);
        worker_progress(job->pull->worker, layer->digest, "exists", layer->size, layer->size);
        return 0;
}

static void *layer_thread(void *userdata) {
        _cleanup_error_ Error error = {};
        PullLayer *job = userdata;

        int r = lock_layer(job, &error);
        if (r >= 0) {
                r = bring(job, &error);
                unlock_layer(job);
        }
        free(job->gathered);
        if (r < 0)
                stop(job->pull, &error);
        end_layer(job);
        return NULL;
}

void pull_layer_progress(Pull *pull, const char *id, const char *status, uint64_t current, uint64_t total) {
        for (size_t i = 0; i < pull->n_layers; i++)
                if (streq(pull->layers[i].layer->digest, id) && pull->layers[i].fetching)
                        return;
        worker_progress(pull->worker, id, status, current, total);
}

/* ---- all of them ---- */

static int by_size(const void *a, const void *b) {
        const ImageLayer *x = ((const PullLayer *) a)->layer, *y = ((const PullLayer *) b)->layer;

        return x->size < y->size ? 1 : x->size > y->size ? -1 : 0;
}

static bool is_listed(const Pull *pull, const ImageLayer *layer) {
        for (size_t i = 0; i < pull->n_layers; i++)
                if (streq(pull->layers[i].layer->digest, layer->digest))
                        return true;
        return false;
}

/* The largest first, so that the last ones to end are small; each digest once, since an image may have the same layer
 * several times. */
static int list_layers(Pull *pull, const List *layers, Error *error) {
        pull->layers = new0(PullLayer, MAX(layers->n, (size_t) 1));
        if (!pull->layers)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        for (size_t i = 0; i < layers->n; i++) {
                const ImageLayer *layer = LIST_ITEM(layers, ImageLayer, i);
                if (is_listed(pull, layer))
                        continue;
                pull->layers[pull->n_layers++] = (PullLayer){ .pull = pull, .layer = layer, .slot = -1 };
                worker_progress(pull->worker, layer->digest, "waiting", 0, layer->size);
        }
        qsort(pull->layers, pull->n_layers, sizeof(PullLayer), by_size);
        return 0;
}

/* Starts the layers one after the other as others end. Returns how many there are to be joined. */
static size_t start_layers(Pull *pull) {
        size_t n;

        for (n = 0; n < pull->n_layers; n++) {
                PullLayer *job = &pull->layers[n];
                if (!begin_layer(job))
                        break;
                int r = -pthread_create(&job->thread, NULL, layer_thread, job);
                if (r < 0) {
                        _cleanup_error_ Error error = {};
                        error_set_errno(&error, r, "cannot start a thread");
                        stop(pull, &error);
                        end_layer(job);
                        break;
                }
        }
        return n;
}

int pull_layers(Pull *pull, const List *layers, bool unpack, Error *error) {
        pull->unpack = unpack;
        int r = list_layers(pull, layers, error);
        if (r < 0)
                return r;
        size_t n = start_layers(pull);
        for (size_t i = 0; i < n; i++)
                pthread_join(pull->layers[i].thread, NULL);
        pull->n_layers = 0;
        free(pull->layers);
        pull->layers = NULL;

        if (worker_cancelled())
                return worker_set_cancelled(error);
        if (!pull->stopped)
                return 0;
        ErrorKind kind = pull->error.kind;
        error_move(error, &pull->error);
        return -error_kind_to_errno(kind);
}
