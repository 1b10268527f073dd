/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/eventfd.h>
#include <unistd.h>

#include "fd-util.h"
#include "file-util.h"
#include "log.h"
#include "pull.h"
#include "report.h"
#include "string-util.h"
#include "strv.h"

/* Beside the blobs, for lock_layer() and for the slots of transfers. */
#define LOCK_FILE "blobs/sha256/.lock"
#define TAGS_MAX 10000

/* ---- set-up ---- */

bool pull_is_stopped(const Pull *pull) {
        return worker_cancelled() || pull->stopped;
}

static bool hook_cancelled(void *userdata) {
        return pull_is_stopped(userdata);
}

static void hook_progress(void *userdata, const char *id, const char *status, uint64_t current,
                          uint64_t total) {
        pull_layer_progress(userdata, id, status, current, total);
}

static void pull_done(Pull *pull) {
        registry_session_free(pull->session);
        for (size_t i = 0; i < pull->n_sessions; i++)
                registry_session_free(pull->sessions[i]);
        registry_free(pull->registry);
        remote_done(&pull->remote);
        content_close(pull->content);
        error_done(&pull->error);
        safe_close(pull->stop_fd);
        safe_close(pull->lock_fd);
        pthread_cond_destroy(&pull->layer_ended);
        pthread_mutex_destroy(&pull->transfers.lock);
        pthread_mutex_destroy(&pull->lock);
}

static int open_store(Pull *pull, Error *error) {
        const char *directory = pull->worker->request.state_directory;
        const ContentHooks hooks = { hook_progress, hook_cancelled, pull };

        int r = content_open(directory, &hooks, &pull->content, error);
        if (r < 0)
                return r;
        _cleanup_close_ int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
        pull->lock_fd = fd < 0 ? -EBADF : openat(fd, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        pull->stop_fd = eventfd(0, EFD_CLOEXEC);
        if (pull->lock_fd < 0 || pull->stop_fd < 0)
                return error_set_errno(error, negative_errno(), "cannot open %s/%s", directory, LOCK_FILE);
        unsigned downloads = pull->worker->request.downloads;
        pull->transfers.n = MIN(downloads > 0 ? downloads : TRANSFERS_DEFAULT, (unsigned) TRANSFERS_MAX);
        pull->transfers.lock_fd = pull->lock_fd;
        return 0;
}

static int open_registry(Pull *pull, const Reference *reference, Error *error) {
        int r = remote_open(pull->worker, &pull->remote, error);
        if (r >= 0)
                r = remote_registry(&pull->remote, pull->worker, reference, "pull", pull->purpose,
                                    pull->stop_fd, &pull->registry, error);
        return r < 0 ? r : registry_session_new(pull->registry, &pull->session, error);
}

/* What the store says lacks what it was for; what the registry's client says has it. */
static int complete_error(const Pull *pull, int r, Error *error) {
        if (worker_cancelled()) {
                error_done(error);
                *error = (Error){};
                return worker_set_cancelled(error);
        }
        if (error->message && startswith(error->message, "cannot "))
                return r;
        return error_prefix(error, r, "%s", pull->purpose);
}

/* ---- all tags ---- */

/* Of many tags some may be for other machines, or older than what is understood; the rest is still of use. */
static bool is_of_one_tag(ErrorKind kind) {
        return kind == ERROR_NO_SUCH_IMAGE || kind == ERROR_UNSUPPORTED;
}

static int pull_tag(Pull *pull, const Reference *repository, char *tag, bool *existed, Error *error) {
        Reference reference = *repository;
        bool here = false;

        reference.tag = tag;
        int r = pull_image(pull, &reference, &here, error);
        *existed &= here;
        return r;
}

static int pull_all_tags(Pull *pull, const Reference *repository, Error *error) {
        _cleanup_strv_free_ char **tags = NULL;
        _cleanup_error_ Error first = {};
        WorkerResult result = { .existed = true };
        const char *failed = NULL;
        size_t n_failed = 0;

        int r = registry_get_tags(pull->session, TAGS_MAX, &tags, error);
        if (r < 0)
                return r;
        STRV_FOREACH(tag, tags) {
                _cleanup_error_ Error own = {};
                r = pull_tag(pull, repository, *tag, &result.existed, &own);
                if (r >= 0)
                        continue;
                if (!is_of_one_tag(own.kind)) {
                        error_move(error, &own);
                        return r;
                }
                if (n_failed++ == 0)
                        failed = *tag;
                error_move(&first, &own);
        }
        if (n_failed == 0)
                return report_result(pull->worker, &result, error);
        const char *reason = startswith(error_text(&first), pull->purpose);
        return error_set(error, first.kind, "%zu of %zu tags are of no use here, as \"%s\": %s", n_failed,
                         strv_length(tags), failed,
                         reason ? reason + strspn(reason, ": ") : error_text(&first));
}

/* ---- the verb ---- */

/* As errors name it: what all tags belong to has none. */
static char *name_of(const WorkerRequest *request, const Reference *reference) {
        Reference repository = *reference;

        if (request->all_tags)
                repository.tag = NULL;
        return reference_to_string(&repository);
}

int verb_pull(Worker *worker, Error *error) {
        _cleanup_(reference_done) Reference reference = {};
        _cleanup_free_ char *name = NULL, *purpose = NULL;
        bool existed;

        int r = reference_parse(strempty(worker->request.reference), &reference, error);
        if (r < 0)
                return r;
        name = name_of(&worker->request, &reference);
        purpose = name ? string_join("cannot pull ", name) : NULL;
        if (!purpose)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");

        _cleanup_(pull_done) Pull pull = {
                .worker = worker,
                .purpose = purpose,
                .lock_fd = -EBADF,
                .stop_fd = -EBADF,
                .transfers = TRANSFER_SLOTS_NONE,
                .lock = PTHREAD_MUTEX_INITIALIZER,
                .layer_ended = PTHREAD_COND_INITIALIZER,
        };
        r = open_store(&pull, error);
        if (r >= 0)
                r = open_registry(&pull, &reference, error);
        if (r >= 0)
                r = worker->request.all_tags ? pull_all_tags(&pull, &reference, error)
                                             : pull_image(&pull, &reference, &existed, error);
        return r < 0 ? complete_error(&pull, r, error) : 0;
}
