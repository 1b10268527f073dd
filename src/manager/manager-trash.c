/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "file-util.h"
#include "image-mount.h"
#include "job.h"
#include "log.h"
#include "string-util.h"
#include "strv.h"

/* A directory of so many entries is deleted within the loop: less work than starting a worker. */
#define SMALL_TREE 64
#define SMALL_DEPTH 8
/* So many names are sent to a worker in one request (WORKER_PACKET_MAX). */
#define NAMES_MAX 1000

/* ---- directories of removed containers and volumes ---- */

/* Counts down *budget; false when it does not suffice. */
static bool tree_is_small(int dir_fd, const char *path, unsigned depth, unsigned *budget) {
        _cleanup_closedir_ DIR *dir = opendir_at(dir_fd, path);
        struct dirent *entry;

        if (!dir || depth > SMALL_DEPTH)
                return false;
        while ((entry = readdir_no_dot(dir))) {
                if (*budget == 0)
                        return false;
                (*budget)--;
                if (entry->d_type == DT_DIR && !tree_is_small(dirfd(dir), entry->d_name, depth + 1, budget))
                        return false;
        }
        return true;
}

static void empty_trash(Manager *m);

static void on_removed(const Error *error, void *userdata) {
        Manager *m = userdata;

        m->remover = NULL;
        if (error)
                log_warning("Failed to delete the files of what was removed: %s", error_text(error));
        empty_trash(m);
}

/* The first n have been handed over. */
static void forget_trash(Manager *m, size_t n) {
        size_t all = strv_length(m->trash);

        for (size_t i = 0; i < n; i++)
                free(m->trash[i]);
        memmove(m->trash, m->trash + n, (all - n + 1) * sizeof(char *));
}

static void empty_trash(Manager *m) {
        static const WorkerHooks hooks = { .ended = on_removed };
        _cleanup_error_ Error error = {};
        WorkerRequest request;

        if (m->remover || strv_isempty(m->trash))
                return;
        object_init(&worker_request_type, &request);
        int r = free_and_strdup(&request.verb, "remove");
        if (r >= 0)
                r = free_and_strdup(&request.state_directory, STATE_DIRECTORY);
        size_t n = MIN(strv_length(m->trash), (size_t) NAMES_MAX);
        for (size_t i = 0; r >= 0 && i < n; i++)
                r = strv_consume(&request.paths, string_join(STATE_DIRECTORY "/", m->trash[i]));
        if (r >= 0)
                r = worker_start(m->event, &request, NULL, 0, &hooks, m, &m->remover, &error);
        if (r < 0)
                log_warning("Failed to delete the files of what was removed: %s", error_text(&error));
        else
                forget_trash(m, n);
        object_done(&worker_request_type, &request);
}

void manager_remove_tree(Manager *m, const char *path) {
        unsigned budget = SMALL_TREE;

        if (!m->many_removals && tree_is_small(m->state_fd, path, 0, &budget) &&
            remove_tree_at(m->state_fd, path) >= 0)
                return;
        if (strv_extend(&m->trash, path) < 0)
                log_oom(); /* the next start of berthd finds it */
        empty_trash(m);
}

/* ---- files of removed images ---- */

static void on_pruned(const Error *error, void *userdata) {
        Manager *m = userdata;

        m->pruner = NULL;
        if (error)
                log_warning("Failed to delete files of the store: %s", error_text(error));
        manager_continue_pruning(m);
}

static void on_prune_progress(const WorkerProgress *progress, void *userdata) {
        Manager *m = userdata;

        if (!streq_ptr(progress->status, "released"))
                return;
        m->pruner_released = true;
        manager_run_jobs(m);
}

static int add_garbage(Manager *m, const ImageRecord *record, WorkerRequest *request) {
        ImageGarbage garbage = {};

        if (image_store_by_digest(m->images, record->digest))
                return 0; /* it has come back */
        int r = image_store_garbage_of(m->images, record, &garbage);
        for (size_t i = 0; r >= 0 && garbage.blobs && garbage.blobs[i]; i++)
                r = strv_extend(&request->blobs, garbage.blobs[i]);
        for (size_t i = 0; r >= 0 && garbage.layers && garbage.layers[i]; i++)
                r = strv_extend(&request->layers, garbage.layers[i]);
        for (size_t i = 0; r >= 0 && garbage.records && garbage.records[i]; i++)
                r = strv_extend(&request->records, garbage.records[i]);
        image_garbage_done(&garbage);
        return r;
}

static int start_pruner(Manager *m, const char *verb, WorkerRequest *request, Error *error) {
        static const WorkerHooks hooks = { .progress = on_prune_progress, .ended = on_pruned };

        m->pruner_released = false;
        if (free_and_strdup(&request->verb, verb) < 0 ||
            free_and_strdup(&request->state_directory, STATE_DIRECTORY) < 0)
                return error_set_errno(error, -ENOMEM, "no worker for \"%s\"", verb);
        return worker_start(m->event, request, NULL, 0, &hooks, m, &m->pruner, error);
}

static void prune(Manager *m) {
        _cleanup_error_ Error error = {};
        WorkerRequest request;
        int r = 0;

        /* What is needed is asked now: an image may have come back meanwhile. */
        object_init(&worker_request_type, &request);
        for (size_t i = 0; r >= 0 && i < m->garbage.n; i++)
                r = add_garbage(m, LIST_ITEM(&m->garbage, ImageRecord, i), &request);
        list_done(&m->garbage, &image_record_type);
        if (strv_length(request.blobs) + strv_length(request.layers) + strv_length(request.records) >
            NAMES_MAX) {
                request.blobs = strv_free(request.blobs);
                request.layers = strv_free(request.layers);
                request.records = strv_free(request.records);
                request.everything = true;
        }
        if (r >= 0 && (request.everything || request.blobs || request.layers || request.records))
                r = start_pruner(m, "prune", &request, &error);
        if (r < 0)
                log_warning("Failed to delete the files of removed images: %s", error_text(&error));
        object_done(&worker_request_type, &request);
}

void manager_continue_pruning(Manager *m) {
        if (!m->pruner && m->garbage.n > 0 && !manager_uses_store(m))
                prune(m);
        if (!m->pruner || m->pruner_released)
                manager_run_jobs(m);
}

void manager_prune_image(Manager *m, const ImageRecord *record) {
        ImageRecord *copy = list_append(&m->garbage, &image_record_type);

        if (!copy || object_copy(&image_record_type, copy, record) < 0)
                log_oom();
        else
                manager_continue_pruning(m);
}

static int add_layers(const ImageRecord *record, char ***layers) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < record->layers.n; i++) {
                const char *diff_id = LIST_ITEM(&record->layers, ImageLayer, i)->diff_id;
                if (digest_is_valid(diff_id) && !strv_contains(*layers, digest_hex(diff_id)))
                        r = strv_extend(layers, digest_hex(diff_id));
        }
        return r;
}

static bool runs_on(Manager *m, const Image *image) {
        Container *c, *next;

        HASH_ITER(by_id, m->containers_by_id, c, next)
                if (container_is_active(c) && container_uses_image(c, image->record.digest))
                        return true;
        return false;
}

int manager_layers_in_use(Manager *m, char ***ret) {
        _cleanup_strv_free_ char **layers = NULL;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < image_store_count(m->images); i++) {
                const Image *image = image_store_at(m->images, i);
                if (runs_on(m, image) || image_is_mounted(image))
                        r = add_layers(&image->record, &layers);
        }
        if (r >= 0)
                *ret = TAKE_PTR(layers);
        return r;
}

/* What earlier workers and an earlier berthd left half-made, and layers that were replaced by whole ones. */
void manager_sweep(Manager *m) {
        _cleanup_error_ Error error = {};
        WorkerRequest request;

        empty_trash(m);
        if (m->pruner)
                return; /* the next one will do */
        object_init(&worker_request_type, &request);
        request.everything =
                manager_layers_in_use(m, &request.layers) >= 0 && strv_length(request.layers) <= NAMES_MAX;
        if (!request.everything)
                request.layers = strv_free(request.layers);
        if (start_pruner(m, "sweep", &request, &error) < 0)
                log_warning("Failed to sweep the store: %s", error_text(&error));
        object_done(&worker_request_type, &request);
}
