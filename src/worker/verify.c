/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "content-internal.h"
#include "digest.h"
#include "fd-util.h"
#include "file-util.h"
#include "layer-check.h"
#include "log.h"
#include "reclaim.h"
#include "report.h"
#include "string-util.h"
#include "strv.h"
#include "verify.h"

#define HASH_STEP (8 * MIB)
#define THREADS_MAX 16

typedef struct VerifyBlob {
        const char *digest;
        uint64_t size; /* as the manifest says; 0: it does not */
        bool good;
} VerifyBlob;

typedef struct VerifyLayer {
        const char *diff_id;
        const ImageLayer *source; /* the layer of an image; any that has it */
} VerifyLayer;

/* ---- in parallel ---- */

typedef struct Crew {
        Verify *verify;
        int (*work)(Verify *verify, size_t i, Error *error);
        size_t n;
        atomic_size_t next;
        atomic_bool stopped;
} Crew;

static void *crew_thread(void *userdata) {
        Crew *crew = userdata;
        Verify *verify = crew->verify;
        size_t i;

        while (!crew->stopped && (i = crew->next++) < crew->n) {
                _cleanup_error_ Error error = {};
                int r = worker_cancelled() ? worker_set_cancelled(&error) : crew->work(verify, i, &error);
                if (r >= 0)
                        continue;
                crew->stopped = true;
                pthread_mutex_lock(&verify->lock);
                if (verify->error.kind == ERROR_NONE)
                        error_set_errno(&error, r, "can't verify the image store");
                error_move(&verify->error, &error);
                pthread_mutex_unlock(&verify->lock);
        }
        return NULL;
}

/* Does work(0) … work(n - 1), in as many threads as there are processors. */
static int for_all(Verify *verify, size_t n, int (*work)(Verify *verify, size_t i, Error *error),
                   Error *error) {
        long processors = MAX(sysconf(_SC_NPROCESSORS_ONLN), 1L);
        size_t most = MIN(n, (size_t) THREADS_MAX), wanted = MIN((size_t) processors, most);
        Crew crew = { .verify = verify, .work = work, .n = n };
        pthread_t threads[THREADS_MAX];
        size_t started = 0;

        while (started + 1 < wanted && pthread_create(&threads[started], NULL, crew_thread, &crew) == 0)
                started++;
        (void) crew_thread(&crew);
        for (size_t i = 0; i < started; i++)
                pthread_join(threads[i], NULL);
        if (verify->error.kind == ERROR_NONE)
                return 0;
        ErrorKind kind = verify->error.kind;
        error_move(error, &verify->error);
        return -error_kind_to_errno(kind);
}

/* ---- blobs ---- */

static int compare_blobs(const void *a, const void *b) {
        return strcmp(((const VerifyBlob *) a)->digest, ((const VerifyBlob *) b)->digest);
}

/* They are in the order of their digests. */
bool verify_blob_is_good(const Verify *verify, const char *digest) {
        const VerifyBlob key = { .digest = digest };
        const VerifyBlob *blob = verify->n_blobs > 0 ? bsearch(&key, verify->blobs, verify->n_blobs,
                                                               sizeof(VerifyBlob), compare_blobs)
                                                     : NULL;

        return blob && blob->good;
}

/* 1: its bytes are what its name says. 0: they are not, or can't be read, as *ret_why says. */
static int hash_blob(Verify *verify, VerifyBlob *blob, int fd, char **ret_why) {
        _cleanup_(digest_freep) Digest *digest = digest_new();
        char actual[DIGEST_TEXT_SIZE];
        struct stat st;

        if (!digest)
                return -ENOMEM;
        if (fstat(fd, &st) < 0)
                return negative_errno();
        if (blob->size > 0 && (uint64_t) st.st_size != blob->size) {
                *ret_why = format_string("it has %llu bytes instead of %llu",
                                         (unsigned long long) st.st_size, (unsigned long long) blob->size);
                return *ret_why ? 0 : -ENOMEM;
        }
        for (uint64_t left = st.st_size; left > 0;) {
                uint64_t n = MIN(left, (uint64_t) HASH_STEP);
                if (worker_cancelled())
                        return -ECANCELED;
                int r = digest_update_from_fd(digest, fd, n);
                if (r < 0) {
                        *ret_why = format_string("it can't be read: %s", strerror(-r));
                        return *ret_why ? 0 : -ENOMEM;
                }
                left -= n;
                verify_progress(verify, n);
        }
        digest_finish(digest, actual);
        if (streq(actual, blob->digest))
                return 1;
        *ret_why = format_string("its digest is %s", actual);
        return *ret_why ? 0 : -ENOMEM;
}

/* What is no file, or on a disk that is going, is damaged; what we lack ourselves is no fault of the blob's. */
static int explain_open(int r, char **ret_why) {
        if (r != -ELOOP && r != -EIO && r != -EUCLEAN && r != -ENXIO)
                return r;
        *ret_why = format_string("it can't be opened: %s", strerror(-r));
        return *ret_why ? 0 : -ENOMEM;
}

static int set_blob_aside(Verify *verify, const char *digest, Error *error) {
        char aside[DIGEST_HEX_LENGTH + sizeof(".corrupt")];
        int dir_fd = verify->content->blobs_fd;

        snprintf(aside, sizeof(aside), "%s.corrupt", digest_hex(digest));
        if (renameat(dir_fd, digest_hex(digest), dir_fd, aside) < 0 || fsync(dir_fd) < 0)
                return error_set_errno(error, negative_errno(), "can't set blob %.19s aside", digest);
        return 0;
}

static int check_blob(Verify *verify, size_t i, Error *error) {
        VerifyBlob *blob = &verify->blobs[i];
        _cleanup_free_ char *why = NULL;
        Problem problem = { "damaged", "blob", blob->digest, .can_be_pulled = true };

        _cleanup_close_ int fd = content_open_blob(verify->content, blob->digest);
        if (fd == -ENOENT) {
                problem.kind = "missing";
                return verify_found(verify, &problem, error);
        }
        int r = fd < 0 ? explain_open(fd, &why) : hash_blob(verify, blob, fd, &why);
        if (r == -ECANCELED)
                return worker_set_cancelled(error);
        if (r < 0)
                return error_set_errno(error, r, "can't verify blob %.19s", blob->digest);
        blob->good = r > 0;
        if (blob->good)
                return 0;
        problem.detail = why;
        r = verify->repair ? set_blob_aside(verify, blob->digest, error) : 0;
        return r < 0 ? r : verify_found(verify, &problem, error);
}

/* ---- layers ---- */

/* The same layer may have come in several blobs. */
static const ImageLayer *find_source(const Verify *verify, const char *diff_id) {
        for (size_t i = 0; i < verify->inventory.n; i++) {
                const List *layers = &verify->inventory.images[i].record.layers;
                for (size_t k = 0; k < layers->n; k++) {
                        const ImageLayer *layer = LIST_ITEM(layers, ImageLayer, k);
                        if (streq_ptr(layer->diff_id, diff_id) && verify_blob_is_good(verify, layer->digest))
                                return layer;
                }
        }
        return NULL;
}

/* *ret_why: what is wrong with the layer, NULL: nothing. */
static int compare_layer(Verify *verify, const VerifyLayer *layer, const UnpackedCopy *copy,
                         bool *ret_missing, char **ret_why) {
        _cleanup_(layer_difference_done) LayerDifference difference = {};
        char path[DIGEST_HEX_LENGTH + sizeof("/fs")];
        uint64_t size;

        snprintf(path, sizeof(path), "%s/fs", digest_hex(layer->diff_id));
        _cleanup_close_ int fd =
                openat(verify->content->layers_fd, path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        *ret_missing = fd < 0 && faccessat(verify->content->layers_fd, digest_hex(layer->diff_id), F_OK,
                                           AT_SYMLINK_NOFOLLOW) < 0;
        if (fd < 0) {
                *ret_why = strdup(*ret_missing ? "" : "its files are not there");
                return *ret_why ? 0 : -ENOMEM;
        }
        int r = layer_compare(copy->fs_fd, fd, worker_cancelled, &difference);
        if (r < 0)
                return r;
        if (difference.n > 1)
                *ret_why = format_string("%s, and %llu more files differ", difference.first,
                                         (unsigned long long) difference.n - 1);
        else if (difference.n > 0)
                *ret_why = TAKE_PTR(difference.first);
        else if (!content_has_layer(verify->content, layer->diff_id, &size) || size != copy->size)
                *ret_why = strdup("its layer.json is wrong");
        else
                return 0;
        return *ret_why ? 0 : -ENOMEM;
}

static int report_layer(Verify *verify, const VerifyLayer *layer, UnpackedCopy *copy, bool missing,
                        const char *why, Error *error) {
        bool in_use = strv_contains(verify->worker->request.layers, digest_hex(layer->diff_id));
        Problem problem = { missing ? "missing" : "damaged", "layer", layer->diff_id,
                            .repaired = verify->repair };

        if (verify->repair) {
                int r = content_replace_layer(verify->content, layer->diff_id, copy->name);
                if (r < 0)
                        return error_set_errno(error, r, "can't replace layer %.19s", layer->diff_id);
                copy->name = (free(copy->name), NULL);
        }
        _cleanup_free_ char *detail =
                format_string("%s%s", why,
                              verify->repair && in_use
                                      ? "; containers that run now see the old one until they are restarted"
                                      : "");
        if (!detail)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        problem.detail = isempty(detail) ? NULL : detail;
        return verify_found(verify, &problem, error);
}

/* Without a whole blob it is not known what should be in it; whether it is there at all can be told. */
static int check_without_source(Verify *verify, const VerifyLayer *layer, Error *error) {
        Problem problem = { "missing", "layer", layer->diff_id, .can_be_pulled = true };

        if (faccessat(verify->content->layers_fd, digest_hex(layer->diff_id), F_OK, AT_SYMLINK_NOFOLLOW) >=
            0)
                return 0; /* the blob is reported */
        return verify_found(verify, &problem, error);
}

/* No copy came of a blob that is good. */
static int report_failure(Verify *verify, const VerifyLayer *layer, Error *why, int r, Error *error) {
        Problem problem = { NULL, "layer", layer->diff_id, why->message };

        if (why->kind == ERROR_CORRUPT || why->kind == ERROR_LIMIT)
                problem.kind = "damaged"; /* the image was never right */
        else if (why->kind == ERROR_NO_SPACE)
                problem.kind = "unchecked";
        else {
                error_move(error, why);
                return r;
        }
        return verify_found(verify, &problem, error);
}

static int check_layer(Verify *verify, size_t i, Error *error) {
        VerifyLayer *layer = &verify->layers[i];
        _cleanup_error_ Error unpacking = {};
        _cleanup_free_ char *why = NULL;
        UnpackedCopy copy = { .lock_fd = -EBADF, .fs_fd = -EBADF };
        bool missing = false;

        layer->source = find_source(verify, layer->diff_id);
        if (!layer->source)
                return check_without_source(verify, layer, error);
        int r = unpack_anew(verify->content, layer->source, &copy, &unpacking);
        if (r < 0)
                return report_failure(verify, layer, &unpacking, r, error);
        r = compare_layer(verify, layer, &copy, &missing, &why);
        if (r == -ECANCELED)
                r = worker_set_cancelled(error);
        else if (r < 0)
                error_set_errno(error, r, "can't verify layer %.19s", layer->diff_id);
        else if (why)
                r = report_layer(verify, layer, &copy, missing, why, error);
        unpacked_copy_remove(verify->content, &copy);
        verify_progress(verify, layer->source->size);
        return r;
}

/* ---- all together ---- */

static int list_pieces(Verify *verify) {
        size_t n = piece_table_length(verify->pieces);

        verify->blobs = new0(VerifyBlob, n + 1);
        verify->layers = new0(VerifyLayer, n + 1);
        if (!verify->blobs || !verify->layers)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                const ImagePiece *piece = piece_table_at(verify->pieces, i);
                if (piece->kind == PIECE_LAYER)
                        verify->layers[verify->n_layers++] = (VerifyLayer){ .diff_id = piece->digest };
                else {
                        verify->blobs[verify->n_blobs++] = (VerifyBlob){ piece->digest, piece->size };
                        /* A layer's blob is read twice: hashed, and unpacked. */
                        verify->total += 2 * piece->size;
                }
        }
        return 0;
}

static int take_stock(Verify *verify, Error *error) {
        int r = inventory_load(verify->content, &verify->inventory, error);
        if (r < 0)
                return r;
        r = inventory_pieces(&verify->inventory, &verify->pieces);
        if (r >= 0)
                r = list_pieces(verify);
        return r < 0 ? error_set_errno(error, r, "can't list the image store") : 0;
}

static int verify_all(Verify *verify, Error *error) {
        int r = take_stock(verify, error);

        if (r >= 0)
                r = verify_files(verify, error);
        /* Who repairs, deletes: nobody may add meanwhile. Else what comes now is no business of ours. */
        if (r >= 0 && !verify->repair) {
                r = verify_orphans(verify, error);
                worker_progress(verify->worker, WORKER_ITEM_STORE, WORKER_STATUS_LISTED, 0, verify->total);
        }
        if (r >= 0)
                r = for_all(verify, verify->n_blobs, check_blob, error);
        if (r >= 0)
                r = for_all(verify, verify->n_layers, check_layer, error);
        if (r >= 0)
                r = verify_records(verify, error);
        if (r >= 0 && verify->repair)
                r = verify_orphans(verify, error);
        if (r >= 0)
                worker_progress(verify->worker, WORKER_ITEM_STORE, "done", verify->total, verify->total);
        return r;
}

static void verify_done(Verify *verify) {
        json_decref(verify->problems);
        piece_table_free(verify->pieces);
        inventory_done(&verify->inventory);
        error_done(&verify->error);
        free(verify->blobs);
        free(verify->layers);
        content_close(verify->content);
        safe_close(verify->state_fd);
        pthread_mutex_destroy(&verify->lock);
}

static bool hook_cancelled(void *userdata) {
        return worker_cancelled();
}

int verb_verify(Worker *worker, Error *error) {
        const ContentHooks hooks = { .cancelled = hook_cancelled };
        _cleanup_(verify_done) Verify verify = {
                .worker = worker,
                .repair = worker->request.repair,
                .state_fd = open(worker->request.state_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                .lock = PTHREAD_MUTEX_INITIALIZER,
                .problems = json_array(),
        };

        if (!verify.problems)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        if (verify.state_fd < 0)
                return error_set_errno(error, negative_errno(), "can't open %s",
                                       worker->request.state_directory);
        int r = content_open(worker->request.state_directory, &hooks, &verify.content, error);
        if (r >= 0)
                r = verify_all(&verify, error);
        if (r < 0)
                return r;
        json_t *report = verify_report(&verify);
        if (!report)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        r = report_document(worker, worker->fds[0], report, error);
        json_decref(report);
        return r;
}
