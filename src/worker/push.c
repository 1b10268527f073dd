/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/eventfd.h>
#include <unistd.h>

#include "digest.h"
#include "fd-util.h"
#include "manifest-edit.h"
#include "push.h"
#include "report.h"
#include "string-util.h"
#include "strv.h"
#include "upload.h"

/* A manifest as the registry gets it. */
typedef struct PushDocument {
        char *data;
        size_t size;
        const char *media_type; /* borrowed from the record, or a constant */
        char digest[DIGEST_TEXT_SIZE];
} PushDocument;

static void push_document_done(PushDocument *document) {
        free(document->data);
}

static int out_of_memory(Error *error) {
        return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
}

/* ---- what is pushed ---- */

static int find_record(Push *push, const char *digest, ImageRecord *ret, Error *error) {
        int r = content_find_image(push->content, digest, ret, error);

        if (r == 0)
                return error_set(error, ERROR_NO_SUCH_IMAGE,
                                 "image %.19s is not complete here (berthctl verify --repair)", digest);
        return r;
}

/* With the changes in it, if there are any. */
static int make_document(Push *push, const ImageRecord *record, const DescriptorChange *changes, size_t n,
                         bool to_oci, PushDocument *ret, Error *error) {
        _cleanup_free_ char *data = NULL;
        size_t size;

        int r = content_read_blob(push->content, record->digest, image_limits()->manifest_size, &data, &size,
                                  error);
        if (r < 0)
                return r;
        ret->media_type = to_oci ? media_type_to_oci(record->media_type) : record->media_type;
        if (n > 0)
                r = manifest_edit(data, size, changes, n, to_oci, &ret->data, &ret->size, error);
        else {
                ret->data = TAKE_PTR(data);
                ret->size = size;
        }
        if (r >= 0)
                digest_of(ret->data, ret->size, ret->digest);
        return r;
}

static int put_document(Push *push, const PushDocument *document, const char *reference, Error *error) {
        int r = push->sessions[0] ? 0 : registry_session_new(push->registry, &push->sessions[0], error);

        return r < 0 ? r
                     : registry_put_manifest(push->sessions[0], reference, document->media_type,
                                             document->data, document->size, document->digest, error);
}

/* ---- an image ---- */

static bool must_compress(const Push *push, const ImageRecord *record, const ImageLayer *layer) {
        bool wanted = record->made_here || !isempty(push->worker->request.compression);

        return wanted && record->kind == IMAGE_RUNNABLE && endswith(strempty(layer->media_type), ".tar");
}

static int by_size(const void *a, const void *b) {
        const ImageLayer *x = ((const PushBlob *) a)->layer, *y = ((const PushBlob *) b)->layer;

        return x->size < y->size ? 1 : x->size > y->size ? -1 : 0;
}

static bool is_listed(const Push *push, const ImageLayer *layer) {
        for (size_t i = 0; i < push->n_blobs; i++)
                if (streq(push->blobs[i].layer->digest, layer->digest))
                        return true;
        return false;
}

/* The largest first, so that the last ones to end are small; each digest once. */
static int list_blobs(Push *push, const ImageRecord *record, const ImageLayer *config, Error *error) {
        push->blobs = new0(PushBlob, record->layers.n + 1);
        if (!push->blobs)
                return out_of_memory(error);
        for (size_t i = 0; i < record->layers.n; i++) {
                const ImageLayer *layer = LIST_ITEM(&record->layers, ImageLayer, i);
                if (!is_listed(push, layer))
                        push->blobs[push->n_blobs++] =
                                (PushBlob){ .layer = layer, .compress = must_compress(push, record, layer) };
        }
        qsort(push->blobs, push->n_blobs, sizeof(PushBlob), by_size);
        if (!is_listed(push, config))
                push->blobs[push->n_blobs++] = (PushBlob){ .layer = config, .quiet = true };
        return 0;
}

static void forget_blobs(Push *push) {
        for (size_t i = 0; i < push->n_blobs; i++)
                object_done(&image_layer_type, &push->blobs[i].sent);
        push->n_blobs = 0;
        push->blobs = (free(push->blobs), NULL);
}

/* What berthd keeps in memory of the image is to be what the disk has, also when the push fails. */
static int report_record(Push *push, ImageRecord *record, Error *error) {
        if (!push->record_changed)
                return 0;
        push->record_changed = false;
        return worker_send_image(push->worker, record, NULL, false, error);
}

static int make_image_document(Push *push, const ImageRecord *record, PushDocument *ret, Error *error) {
        _cleanup_free_ DescriptorChange *changes = new0(DescriptorChange, push->n_blobs + 1);
        bool to_oci = push->compression == COMPRESSION_ZSTD && media_type_is_docker(record->media_type);
        size_t n = 0;

        if (!changes)
                return out_of_memory(error);
        for (size_t i = 0; i < push->n_blobs; i++) {
                const PushBlob *blob = &push->blobs[i];
                if (blob->compress)
                        changes[n++] = (DescriptorChange){ blob->layer->digest, blob->sent.digest,
                                                           blob->sent.size, blob->sent.media_type };
        }
        return make_document(push, record, changes, n, to_oci && n > 0, ret, error);
}

static int push_image(Push *push, ImageRecord *record, PushDocument *ret, Error *error) {
        ImageLayer config = { .digest = record->id, .media_type = (char *) "" };

        if (!content_has_blob(push->content, record->id, &config.size))
                return error_set(error, ERROR_CORRUPT, "the config of image %.19s is missing here",
                                 record->digest);
        push->record = record;
        int r = list_blobs(push, record, &config, error);
        if (r >= 0)
                r = push_blobs(push, error);
        int told = report_record(push, record, error);
        if (r >= 0)
                r = told < 0 ? told : make_image_document(push, record, ret, error);
        forget_blobs(push);
        return r;
}

/* ---- an index ---- */

/* The image of an entry, up to its manifest, which is pushed by its digest. */
static int push_entry(Push *push, const ImageDescriptor *entry, DescriptorChange *change, char **ret_digest,
                      Error *error) {
        _cleanup_(push_document_done) PushDocument document = {};
        ImageRecord record;

        int r = find_record(push, entry->digest, &record, error);
        if (r < 0)
                return r;
        if (record.kind == IMAGE_INDEX)
                r = error_set(error, ERROR_UNSUPPORTED, "an index in an index is not supported");
        if (r >= 0)
                r = push_image(push, &record, &document, error);
        if (r >= 0)
                r = put_document(push, &document, document.digest, error);
        if (r >= 0 && !(*ret_digest = strdup(document.digest)))
                r = out_of_memory(error);
        if (r >= 0)
                *change = (DescriptorChange){ entry->digest, *ret_digest, document.size,
                                              streq_ptr(document.media_type, record.media_type)
                                                      ? entry->media_type
                                                      : media_type_to_oci(entry->media_type) };
        object_done(&image_record_type, &record);
        return r;
}

static int push_entries(Push *push, const ImageRecord *index, DescriptorChange *changes, char **digests,
                        PushDocument *ret, Error *error) {
        size_t n = 0;

        for (size_t i = 0; i < index->manifests.n; i++) {
                const ImageDescriptor *entry = LIST_ITEM(&index->manifests, ImageDescriptor, i);
                int r = push_entry(push, entry, &changes[n], &digests[i], error);
                if (r < 0)
                        return r;
                n += !streq(changes[n].digest, changes[n].from);
        }
        return make_document(push, index, changes, n, false, ret, error);
}

static int push_index(Push *push, const ImageRecord *index, PushDocument *ret, Error *error) {
        _cleanup_free_ DescriptorChange *changes = new0(DescriptorChange, index->manifests.n + 1);
        _cleanup_strv_free_ char **digests = new0(char *, index->manifests.n + 1);

        return changes && digests ? push_entries(push, index, changes, digests, ret, error)
                                  : out_of_memory(error);
}

/* ---- the whole ---- */

/* Under its tag, or under its digest alone. */
static int put_by_name(Push *push, const PushDocument *document, const Reference *reference, Error *error) {
        if (reference->digest && !streq(reference->digest, document->digest))
                return error_set(error, ERROR_INVALID, "its manifest is %s, which can't have another digest",
                                 document->digest);
        return put_document(push, document, reference->tag ?: reference->digest, error);
}

static int report_pushed(Push *push, const ImageRecord *record, const PushDocument *document,
                         const char *name, Error *error) {
        char *names[] = { (char *) name, NULL };
        const WorkerResult result = { .size = push->size, .digest = (char *) document->digest };

        push->size = 0;
        int r = worker_send_image(push->worker, record, names, false, error);
        return r < 0 ? r : report_result(push->worker, &result, error);
}

static int push_one(Push *push, const char *hex, const char *name, Error *error) {
        _cleanup_(push_document_done) PushDocument document = {};
        _cleanup_(reference_done) Reference reference = {};
        _cleanup_free_ char *digest = string_join("sha256:", hex);
        ImageRecord record;

        if (!digest_is_valid(digest))
                return error_set(error, ERROR_INVALID, "\"%.100s\" is not a digest", hex);
        int r = reference_parse(name, &reference, error);
        if (r >= 0)
                r = find_record(push, digest, &record, error);
        if (r < 0)
                return r;
        r = record.kind == IMAGE_INDEX ? push_index(push, &record, &document, error)
                                       : push_image(push, &record, &document, error);
        if (r >= 0)
                r = put_by_name(push, &document, &reference, error);
        if (r >= 0)
                r = report_pushed(push, &record, &document, name, error);
        object_done(&image_record_type, &record);
        return r;
}

static void push_done(Push *push) {
        for (size_t i = 0; i < PUSH_UPLOADS; i++)
                registry_session_free(push->sessions[i]);
        registry_free(push->registry);
        remote_done(&push->remote);
        content_close(push->content);
        strv_free(push->there);
        error_done(&push->error);
        safe_close(push->stop_fd);
        pthread_mutex_destroy(&push->lock);
}

static int read_compression(Push *push, Error *error) {
        const char *word = push->worker->request.compression;

        if (!isempty(word) && !streq(word, "gzip") && !streq(word, "zstd"))
                return error_set(error, ERROR_INVALID,
                                 "\"%.40s\" is no compression; there are gzip and zstd", word);
        push->compression = isempty(word) || streq(word, "gzip") ? COMPRESSION_GZIP : COMPRESSION_ZSTD;
        return 0;
}

static int push_open(Push *push, const Reference *reference, Error *error) {
        int r = read_compression(push, error);

        if (r < 0)
                return r;
        push->stop_fd = eventfd(0, EFD_CLOEXEC);
        if (push->stop_fd < 0)
                return error_set_errno(error, negative_errno(), "cannot make an event");
        r = report_open_content(push->worker, &push->content, error);
        if (r >= 0)
                r = remote_open(push->worker, &push->remote, error);
        if (r >= 0)
                r = remote_registry(&push->remote, push->worker, reference, "pull,push", push->purpose,
                                    push->stop_fd, &push->registry, error);
        return r;
}

int verb_push(Worker *worker, Error *error) {
        const WorkerRequest *request = &worker->request;
        _cleanup_(reference_done) Reference reference = {};
        _cleanup_free_ char *purpose = NULL;
        size_t n = strv_length(request->records);

        if (n == 0 || n != strv_length(request->names))
                return error_set(error, ERROR_INVALID, "push takes as many names as records");
        int r = reference_parse(request->names[0], &reference, error);
        if (r < 0)
                return r;
        purpose = string_join("cannot push ", request->names[0]);
        if (!purpose)
                return out_of_memory(error);

        _cleanup_(push_done) Push push = {
                .worker = worker,
                .purpose = purpose,
                .stop_fd = -EBADF,
                .lock = PTHREAD_MUTEX_INITIALIZER,
        };
        r = push_open(&push, &reference, error);
        for (size_t i = 0; i < n && r >= 0; i++)
                r = push_one(&push, request->records[i], request->names[i], error);
        return r < 0 ? remote_complete_error(purpose, r, error) : 0;
}
