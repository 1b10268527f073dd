/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <unistd.h>

#include "fd-util.h"
#include "image-build.h"
#include "manifest-edit.h"
#include "push.h"
#include "string-util.h"
#include "strv.h"
#include "upload.h"

static int out_of_memory(Error *error) {
        return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
}

/* The first failure is the one to tell; it ends all other transfers. */
static void stop(Push *push, Error *why) {
        pthread_mutex_lock(&push->lock);
        error_move(&push->error, why);
        push->stopped = true;
        pthread_mutex_unlock(&push->lock);
        (void) write_full(push->stop_fd, &(uint64_t){ 1 }, sizeof(uint64_t));
}

static void tell(Push *push, const PushBlob *blob, const char *status, uint64_t current, uint64_t total) {
        if (!blob->quiet)
                worker_progress(push->worker, blob->layer->digest, status, current, total);
}

/* ---- compressing ---- */

typedef struct Compressing {
        Push *push;
        BlobWriter *writer;
} Compressing;

static int write_compressed(void *userdata, const void *data, size_t size, Error *error) {
        Compressing *compressing = userdata;

        if (push_is_stopped(compressing->push))
                return worker_set_cancelled(error);
        return blob_writer_append(compressing->writer, data, size, error);
}

static int compress_bytes(Push *push, const PushBlob *blob, int fd, Compressor *compressor, Error *error) {
        _cleanup_(fd_source_done) FdSource input = {};
        const void *data;
        ssize_t n;

        if (fd_source_init(&input, fd, worker_cancel_fd(), "a layer") < 0)
                return out_of_memory(error);
        Source source = fd_source(&input);
        while ((n = source_next(&source, &data, error)) > 0) {
                int r = compressor_write(compressor, data, n, error);
                if (r < 0)
                        return r;
                tell(push, blob, "compressing", input.position, blob->layer->size);
        }
        return n < 0 ? (int) n : compressor_finish(compressor, error);
}

static int compress_into(Push *push, PushBlob *blob, BlobWriter *writer, Error *error) {
        Compressing compressing = { push, writer };
        const Sink sink = { write_compressed, &compressing };
        _cleanup_(compressor_freep) Compressor *compressor = NULL;
        _cleanup_close_ int fd = content_open_blob(push->content, blob->layer->digest);
        int level = push->worker->request.compression_level;

        if (fd < 0)
                return error_set_errno(error, fd, "can't open blob %.19s", blob->layer->digest);
        int r = compressor_new_with_level(push->compression, level, &sink, &compressor);
        if (r < 0)
                return r == -EINVAL
                               ? error_set(error, ERROR_INVALID, "there is no compression level %d", level)
                               : out_of_memory(error);
        r = compress_bytes(push, blob, fd, compressor, error);
        if (r < 0)
                return r;
        blob->sent.size = blob_writer_size(writer);
        return blob_writer_commit(writer, error);
}

/* For the next push, at once: it may be that this one does not come to its end. */
static int remember(Push *push, const PushBlob *blob, Error *error) {
        pthread_mutex_lock(&push->lock);
        ImageLayer *entry = list_append(&push->record->compressed, &image_layer_type);
        int r = entry ? object_copy(&image_layer_type, entry, &blob->sent) : -ENOMEM;
        r = r < 0 ? out_of_memory(error) : content_update_record(push->content, push->record, error);
        push->record_changed = true;
        pthread_mutex_unlock(&push->lock);
        return r;
}

static int set_sent(PushBlob *blob, const char *digest, const char *media_type, Error *error) {
        if (free_and_strdup(&blob->sent.digest, digest) < 0 ||
            free_and_strdup(&blob->sent.media_type, media_type) < 0 ||
            free_and_strdup(&blob->sent.diff_id, blob->layer->diff_id) < 0)
                return out_of_memory(error);
        return 0;
}

static int make_compressed(Push *push, PushBlob *blob, const char *media_type, Error *error) {
        _cleanup_(blob_writer_freep) BlobWriter *writer = NULL;

        tell(push, blob, "compressing", 0, blob->layer->size);
        int r = blob_writer_open(push->content, NULL, UINT64_MAX, false, &writer, error);
        if (r >= 0)
                r = compress_into(push, blob, writer, error);
        if (r >= 0)
                r = set_sent(blob, blob_writer_digest(writer), media_type, error);
        return r < 0 ? r : remember(push, blob, error);
}

/* What an earlier push has made of the layer becomes what is sent. Returns 1, or 0 when there is nothing. The list may grow
 * meanwhile, so nothing of it is used without the lock. */
static int find_compressed(Push *push, PushBlob *blob, const char *media_type, Error *error) {
        const List *known = &push->record->compressed;
        int r = 0;

        pthread_mutex_lock(&push->lock);
        for (size_t i = 0; i < known->n && r == 0; i++) {
                const ImageLayer *entry = LIST_ITEM(known, ImageLayer, i);
                if (!streq_ptr(entry->diff_id, blob->layer->diff_id) ||
                    !streq_ptr(media_type_to_oci(entry->media_type), media_type_to_oci(media_type)) ||
                    !digest_is_valid(entry->digest) ||
                    !content_has_blob(push->content, entry->digest, &blob->sent.size) ||
                    blob->sent.size != entry->size)
                        continue;
                r = set_sent(blob, entry->digest, media_type, error);
                if (r == 0)
                        r = 1;
        }
        pthread_mutex_unlock(&push->lock);
        return r;
}

static int use_compressed(Push *push, PushBlob *blob, Error *error) {
        bool docker = push->compression == COMPRESSION_GZIP && media_type_is_docker(blob->layer->media_type);
        const char *media_type = image_layer_media_type(docker, push->compression);

        int r = find_compressed(push, blob, media_type, error);
        return r != 0 ? r : make_compressed(push, blob, media_type, error);
}

/* ---- uploading ---- */

typedef struct Sending {
        Push *push;
        const PushBlob *blob;
} Sending;

static void on_sent(void *userdata, uint64_t sent) {
        const Sending *sending = userdata;

        tell(sending->push, sending->blob, "pushing", sent, sending->blob->sent.size);
}

static bool is_known_there(Push *push, const char *digest) {
        pthread_mutex_lock(&push->lock);
        bool known = strv_contains(push->there, digest);
        pthread_mutex_unlock(&push->lock);
        return known;
}

static int note_there(Push *push, const char *digest, uint64_t sent, Error *error) {
        pthread_mutex_lock(&push->lock);
        push->size += sent;
        int r = strv_extend(&push->there, digest);
        pthread_mutex_unlock(&push->lock);
        return r < 0 ? out_of_memory(error) : 0;
}

static int upload(Push *push, RegistrySession *session, const PushBlob *blob, Error *error) {
        const ImageLayer *sent = &blob->sent;
        Sending sending = { push, blob };
        _cleanup_close_ int fd = content_open_blob(push->content, sent->digest);
        const RegistryBlob request = {
                .digest = sent->digest,
                .size = sent->size,
                .fd = fd,
                .mount_from = strv_map_get(push->worker->request.mounts, sent->digest),
                .progress = on_sent,
                .userdata = &sending,
        };

        if (fd < 0)
                return error_set_errno(error, fd, "can't open blob %.19s", sent->digest);
        int r = registry_put_blob(session, &request, error);
        if (r < 0)
                return r;
        tell(push, blob, r == BLOB_MOUNTED ? "mounted" : "done", sent->size, sent->size);
        return note_there(push, sent->digest, r == BLOB_MOUNTED ? 0 : sent->size, error);
}

static int bring(Push *push, RegistrySession *session, PushBlob *blob, Error *error) {
        int r = blob->compress ? use_compressed(push, blob, error)
                               : set_sent(blob, blob->layer->digest, blob->layer->media_type, error);
        if (r < 0)
                return r;
        if (!blob->compress)
                blob->sent.size = blob->layer->size;
        r = is_known_there(push, blob->sent.digest) ? 1
                                                    : registry_has_blob(session, blob->sent.digest, error);
        if (r == 0)
                return upload(push, session, blob, error);
        if (r < 0)
                return r;
        tell(push, blob, "exists", blob->sent.size, blob->sent.size);
        return note_there(push, blob->sent.digest, 0, error);
}

/* ---- all of them ---- */

typedef struct Uploader {
        Push *push;
        size_t number; /* of its session */
        pthread_t thread;
} Uploader;

static PushBlob *take_blob(Push *push) {
        pthread_mutex_lock(&push->lock);
        PushBlob *blob =
                push->next < push->n_blobs && !push_is_stopped(push) ? &push->blobs[push->next++] : NULL;
        pthread_mutex_unlock(&push->lock);
        return blob;
}

static void *upload_thread(void *userdata) {
        const Uploader *uploader = userdata;
        Push *push = uploader->push;
        RegistrySession **session = &push->sessions[uploader->number];
        _cleanup_error_ Error error = {};
        PushBlob *blob;
        int r = *session ? 0 : registry_session_new(push->registry, session, &error);

        while (r >= 0 && (blob = take_blob(push)))
                r = bring(push, *session, blob, &error);
        if (r < 0)
                stop(push, &error);
        return NULL;
}

bool push_is_stopped(const Push *push) {
        return worker_cancelled() || push->stopped;
}

int push_blobs(Push *push, Error *error) {
        Uploader uploaders[PUSH_UPLOADS];
        size_t n = 0;
        int r = 0;

        push->next = 0;
        for (size_t i = 0; i < push->n_blobs; i++)
                tell(push, &push->blobs[i], "waiting", 0, push->blobs[i].layer->size);
        for (; n < MIN((size_t) PUSH_UPLOADS, push->n_blobs) && r >= 0; n++) {
                uploaders[n] = (Uploader){ .push = push, .number = n };
                r = -pthread_create(&uploaders[n].thread, NULL, upload_thread, &uploaders[n]);
                if (r < 0)
                        break;
        }
        if (n == 0 && r < 0)
                return error_set_errno(error, r, "cannot start a thread");
        for (size_t i = 0; i < n; i++)
                pthread_join(uploaders[i].thread, NULL);

        if (worker_cancelled())
                return worker_set_cancelled(error);
        if (!push->stopped)
                return 0;
        ErrorKind kind = push->error.kind;
        error_move(error, &push->error);
        return -error_kind_to_errno(kind);
}
