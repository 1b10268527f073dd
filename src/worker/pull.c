/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/eventfd.h>
#include <unistd.h>

#include "digest.h"
#include "fd-util.h"
#include "file-util.h"
#include "manifest.h"
#include "pull.h"
#include "reference.h"
#include "string-util.h"
#include "strv.h"

/* Beside the blobs, for lock_layer(). */
#define LOCK_FILE "blobs/sha256/.lock"

/* What the registry said of the image. */
typedef struct PullImage {
        RegistryDocument document; /* of the manifest */
        Manifest manifest;
        char *config;
        size_t config_size;
        ImageRecord record; /* without unpacked sizes */
} PullImage;

static void pull_image_done(PullImage *image) {
        registry_document_done(&image->document);
        manifest_done(&image->manifest);
        free(image->config);
        object_done(&image_record_type, &image->record);
}

/* ---- the documents ---- */

static int get_manifest(Pull *pull, const char *reference, RegistryDocument *ret_document,
                        Manifest *ret_manifest, Error *error) {
        int r = registry_get_manifest(pull->slots[0].session, reference, MEDIA_TYPES_ACCEPTED,
                                      image_limits()->manifest_size, ret_document, error);
        if (r < 0)
                return r;
        return manifest_parse(ret_document->data, ret_document->size, ret_document->media_type, ret_manifest,
                              error);
}

/* Of an index, the manifest that fits the platform takes its place. */
static int resolve_index(Pull *pull, PullImage *image, Error *error) {
        _cleanup_(platform_done) Platform platform = {};
        _cleanup_(manifest_done) Manifest index = image->manifest;
        const Descriptor *chosen;

        image->manifest = (Manifest){};
        registry_document_done(&image->document);
        int r = platform_parse(pull->worker->request.platform, &platform, error);
        if (r < 0)
                return r;
        r = manifest_select(&index, &platform, &chosen, error);
        if (r < 0)
                return r;
        r = get_manifest(pull, chosen->digest, &image->document, &image->manifest, error);
        if (r < 0)
                return r;
        if (image->manifest.is_index)
                return error_set(error, ERROR_UNSUPPORTED, "an index in an index is not supported");
        return 0;
}

static int string_sink(void *userdata, const void *data, size_t size, Error *error) {
        int r = string_buffer_append(userdata, data, size);
        return r < 0 ? error_set(error, ERROR_OUT_OF_MEMORY, "out of memory") : 0;
}

static int fetch_config(Pull *pull, const Descriptor *config, PullImage *image, Error *error) {
        _cleanup_(string_buffer_done) StringBuffer buffer = {};
        const Sink sink = { string_sink, &buffer };
        char digest[DIGEST_TEXT_SIZE];

        int r = registry_get_blob(pull->slots[0].session, config->digest, 0, config->size, &sink, error);
        if (r < 0)
                return r;
        digest_of(strempty(buffer.data), buffer.size, digest);
        if (!streq(digest, config->digest))
                return error_set(error, ERROR_CORRUPT,
                                 "its config is damaged: its digest is %s, and should be %s", digest,
                                 config->digest);
        image->config = TAKE_PTR(buffer.data);
        image->config_size = buffer.size;
        return 0;
}

static int get_config(Pull *pull, PullImage *image, Error *error) {
        const Descriptor *config = &image->manifest.config;

        if (!content_has_blob(pull->content, config->digest, NULL) ||
            content_read_blob(pull->content, config->digest, image_limits()->config_size, &image->config,
                              &image->config_size, NULL) < 0) {
                int r = fetch_config(pull, config, image, error);
                if (r < 0)
                        return r;
        }
        return image_record_build(&image->manifest, image->document.digest, image->document.size,
                                  image->config, image->config_size, &image->record, error);
}

/* A registry that knows no indexes gives what it has; whoever named a platform wants that one. */
static int check_platform(Pull *pull, const PullImage *image, Error *error) {
        _cleanup_(platform_done) Platform platform = {};
        const ImageRecord *record = &image->record;

        if (isempty(pull->worker->request.platform))
                return 0;
        int r = platform_parse(pull->worker->request.platform, &platform, error);
        if (r < 0)
                return r;
        if (streq_ptr(record->os, platform.os) && streq_ptr(record->architecture, platform.architecture))
                return 0;
        return error_set(error, ERROR_NO_SUCH_IMAGE, "it is for %s/%s, not for %s", strempty(record->os),
                         strempty(record->architecture), pull->worker->request.platform);
}

/* ---- the whole ---- */

static bool has_all_blobs(Pull *pull, const ImageRecord *record) {
        for (size_t i = 0; i < record->layers.n; i++)
                if (!content_has_blob(pull->content, LIST_ITEM(&record->layers, ImageLayer, i)->digest,
                                      NULL))
                        return false;
        return content_has_blob(pull->content, record->id, NULL);
}

static void report_existing(Pull *pull, const ImageRecord *record) {
        for (size_t i = 0; i < record->layers.n; i++) {
                const ImageLayer *layer = LIST_ITEM(&record->layers, ImageLayer, i);
                worker_progress(pull->worker, layer->digest, "exists", layer->size, layer->size);
        }
}

/* The names that the image gets: what was asked for, or the reference itself. With a digest, the tag beside it was
 * only for people to read. */
static int image_names(const WorkerRequest *request, const Reference *reference, char ***ret) {
        Reference bare = *reference;

        if (!strv_isempty(request->names))
                return strv_copy_into(request->names, ret);
        if (bare.digest)
                bare.tag = NULL;
        _cleanup_strv_free_ char **names = NULL;
        int r = strv_consume(&names, reference_to_string(&bare));
        if (r >= 0)
                *ret = TAKE_PTR(names);
        return r;
}

static int send_image(Pull *pull, const ImageRecord *record, const Reference *reference, bool existed,
                      Error *error) {
        _cleanup_strv_free_ char **names = NULL;

        if (image_names(&pull->worker->request, reference, &names) < 0)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        return worker_send_image(pull->worker, record, names, existed, error);
}

static int fetch_image(Pull *pull, PullImage *image, ImageRecord *ret, Error *error) {
        int r = get_config(pull, image, error);
        if (r < 0)
                return r;
        r = check_platform(pull, image, error);
        if (r < 0)
                return r;
        r = pull_layers(pull, &image->record.layers, error);
        if (r < 0)
                return r;
        return content_publish_image(pull->content, image->document.data, image->document.size,
                                     image->manifest.media_type, image->config, image->config_size, ret,
                                     error);
}

static int pull_image(Pull *pull, const Reference *reference, Error *error) {
        _cleanup_(pull_image_done) PullImage image = {};
        ImageRecord record = {};

        int r = get_manifest(pull, reference->digest ?: reference->tag, &image.document, &image.manifest,
                             error);
        if (r < 0)
                return r;
        if (image.manifest.is_index) {
                r = resolve_index(pull, &image, error);
                if (r < 0)
                        return r;
        }

        bool existed = content_find_image(pull->content, image.document.digest, &record, NULL) > 0;
        if (existed && has_all_blobs(pull, &record))
                report_existing(pull, &record);
        else {
                if (existed)
                        object_done(&image_record_type, &record);
                existed = false;
                r = fetch_image(pull, &image, &record, error);
                if (r < 0)
                        return r;
        }
        r = send_image(pull, &record, reference, existed, error);
        object_done(&image_record_type, &record);
        return r;
}

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
        for (size_t i = 0; i < PULL_DOWNLOADS_MAX; i++)
                registry_session_free(pull->slots[i].session);
        registry_free(pull->registry);
        remote_done(&pull->remote);
        content_close(pull->content);
        error_done(&pull->error);
        safe_close(pull->stop_fd);
        safe_close(pull->lock_fd);
        pthread_cond_destroy(&pull->slot_free);
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
        return 0;
}

static int open_registry(Pull *pull, const Reference *reference, Error *error) {
        int r = remote_open(pull->worker, &pull->remote, error);
        if (r >= 0)
                r = remote_registry(&pull->remote, pull->worker, reference, "pull", pull->purpose,
                                    pull->stop_fd, &pull->registry, error);
        return r < 0 ? r : registry_session_new(pull->registry, &pull->slots[0].session, error);
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

int verb_pull(Worker *worker, Error *error) {
        _cleanup_(reference_done) Reference reference = {};
        _cleanup_free_ char *name = NULL, *purpose = NULL;

        int r = reference_parse(strempty(worker->request.reference), &reference, error);
        if (r < 0)
                return r;
        name = reference_to_string(&reference);
        purpose = name ? string_join("cannot pull ", name) : NULL;
        if (!purpose)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");

        _cleanup_(pull_done) Pull pull = {
                .worker = worker,
                .purpose = purpose,
                .lock_fd = -EBADF,
                .stop_fd = -EBADF,
                .lock = PTHREAD_MUTEX_INITIALIZER,
                .slot_free = PTHREAD_COND_INITIALIZER,
        };
        r = open_store(&pull, error);
        if (r >= 0)
                r = open_registry(&pull, &reference, error);
        if (r >= 0)
                r = pull_image(&pull, &reference, error);
        return r < 0 ? complete_error(&pull, r, error) : 0;
}
