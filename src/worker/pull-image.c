/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log.h"
#include "manifest.h"
#include "pull.h"
#include "report.h"
#include "string-util.h"
#include "strv.h"
#include "trust.h"

/* What the registry said of the image. */
typedef struct PullImage {
        char *digest;              /* of what the reference leads to: an index, or the manifest itself */
        RegistryDocument document; /* of the manifest */
        Manifest manifest;
        char *config;
        size_t config_size;
        ImageRecord record; /* without unpacked sizes */
} PullImage;

static void pull_image_done(PullImage *image) {
        free(image->digest);
        registry_document_done(&image->document);
        manifest_done(&image->manifest);
        free(image->config);
        object_done(&image_record_type, &image->record);
}

/* ---- the documents ---- */

static int get_manifest(Pull *pull, const char *reference, RegistryDocument *ret_document,
                        Manifest *ret_manifest, Error *error) {
        int r = registry_get_manifest(pull->session, reference, MEDIA_TYPES_ACCEPTED,
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
        return r;
}

static int get_documents(Pull *pull, const Reference *reference, PullImage *image, Error *error) {
        int r = get_manifest(pull, reference->digest ?: reference->tag, &image->document, &image->manifest,
                             error);
        if (r >= 0 && free_and_strdup(&image->digest, image->document.digest) < 0)
                r = error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        for (unsigned depth = 0; r >= 0 && image->manifest.is_index; depth++)
                r = depth < INDEX_DEPTH_MAX
                            ? resolve_index(pull, image, error)
                            : error_set(error, ERROR_LIMIT, "its indexes are nested too deep");
        return r;
}

static int fetch_config(Pull *pull, const Descriptor *config, PullImage *image, Error *error) {
        int r = registry_read_blob(pull->session, config->digest, config->size, "its config", &image->config,
                                   error);

        if (r >= 0)
                image->config_size = config->size;
        return r;
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
static int check_platform(Pull *pull, const ImageRecord *record, Error *error) {
        _cleanup_(platform_done) Platform platform = {};

        if (isempty(pull->worker->request.platform) || record->kind == IMAGE_ARTIFACT)
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

/* With several, `existed` is to be said of all of them together. */
static int send_image(Pull *pull, const ImageRecord *record, const Reference *reference, bool existed,
                      Error *error) {
        _cleanup_strv_free_ char **names = NULL;

        if (image_names(&pull->worker->request, reference, &names) < 0)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        return worker_send_image(pull->worker, record, names, existed && !pull->worker->request.all_tags,
                                 error);
}

static int fetch_image(Pull *pull, PullImage *image, ImageRecord *ret, Error *error) {
        int r = get_config(pull, image, error);
        if (r < 0)
                return r;
        r = check_platform(pull, &image->record, error);
        if (r < 0)
                return r;
        r = pull_layers(pull, &image->record.layers, image->record.kind != IMAGE_ARTIFACT, error);
        if (r < 0)
                return r;
        return content_publish_image(pull->content, image->document.data, image->document.size,
                                     image->manifest.media_type, image->config, image->config_size, ret,
                                     error);
}

/* The registry could not be asked, and the caller has the image in an older form: that will do. Returns 1, or 0 when there
 * is nothing of the kind. */
static int use_what_is_here(Pull *pull, const Reference *reference, const Error *why, Error *error) {
        const WorkerRequest *request = &pull->worker->request;
        ImageRecord record;

        if (!request->ask_first || !digest_is_valid(request->base_digest) || why->kind != ERROR_REGISTRY ||
            content_find_image(pull->content, request->base_digest, &record, NULL) <= 0)
                return 0;
        _cleanup_free_ char *warning =
                format_string("what is here may not be the newest: %s", error_text(why));
        const WorkerResult result = { .warning = warning };
        report_existing(pull, &record);
        int r = send_image(pull, &record, reference, true, error);
        if (r >= 0)
                r = report_result(pull->worker, &result, error);
        object_done(&image_record_type, &record);
        return r < 0 ? r : 1;
}

/* What is here, or is fetched now, goes to berthd. */
static int bring_image(Pull *pull, PullImage *image, const Reference *reference, bool *ret_existed,
                       Error *error) {
        ImageRecord record;
        int r;

        bool existed = content_find_image(pull->content, image->document.digest, &record, NULL) > 0;
        if (existed && !has_all_blobs(pull, &record)) {
                object_done(&image_record_type, &record);
                existed = false;
        }
        if (existed)
                report_existing(pull, &record);
        else {
                r = fetch_image(pull, image, &record, error);
                if (r < 0)
                        return r;
        }
        r = check_platform(pull, &record, error);
        if (r >= 0)
                r = send_image(pull, &record, reference, existed, error);
        object_done(&image_record_type, &record);
        *ret_existed = existed;
        return r;
}

int pull_image(Pull *pull, const Reference *reference, bool *ret_existed, Error *error) {
        _cleanup_(pull_image_done) PullImage image = {};
        _cleanup_error_ Error why = {};

        int r = trust_check_reference(&pull->remote, reference, pull->purpose, &why);
        if (r >= 0)
                r = get_documents(pull, reference, &image, &why);
        if (r >= 0)
                r = trust_check(&pull->remote, pull->session, reference, image.digest, image.document.digest,
                                pull->purpose, &why);
        if (r >= 0)
                return bring_image(pull, &image, reference, ret_existed, error);
        int u = use_what_is_here(pull, reference, &why, error);
        if (u == 0)
                error_move(error, &why);
        *ret_existed = true;
        return u == 0 ? r : MIN(u, 0);
}
