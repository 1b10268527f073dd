/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "upload.h"
#include "http-header.h"
#include "image-spec.h"
#include "retry.h"
#include "session.h"
#include "string-util.h"

/* A blob goes over in one PUT, unless the registry wants pieces: then in PATCHes, and a PUT without a body ends it. Whatever
 * happens on the way, the registry is the one who knows how much it has: after a failure it is asked, and an upload that
 * it knows nothing of any more begins again. Only what it has acknowledged counts as progress, so a registry that
 * forgets everything each time is not tried for ever. */

#define CHUNK_SIZE (16 * MIB)
#define CHUNK_SIZE_MIN (256 * KIB)

typedef struct Upload {
        RegistrySession *session;
        const RegistryBlob *blob;
        char *location;    /* NULL: it has not begun */
        uint64_t position; /* what the registry has */
        uint64_t best;     /* the largest position so far */
        uint64_t chunk;    /* 0: all that is left at once */
        uint64_t chunk_min;
        Backoff backoff;
} Upload;

static void upload_done(Upload *upload) {
        free(upload->location);
}

static int out_of_memory(Error *error) {
        return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
}

static const char *purpose(const Upload *upload) {
        return upload->session->registry->purpose;
}

/* ---- is it there? ---- */

int registry_has_blob(RegistrySession *session, const char *digest, Error *error) {
        _cleanup_free_ char *path = string_join("/blobs/", digest);
        _cleanup_(http_response_done) HttpResponse response = {};
        _cleanup_error_ Error why = {};
        const RegistryRequest request = { .method = HTTP_HEAD, .path = path };

        if (!path)
                return out_of_memory(error);
        int r = session_request(session, &request, &response, &why);
        if (r >= 0)
                return 1;
        if (response.status == 404)
                return 0;
        error_move(error, &why);
        return r;
}

/* ---- beginning ---- */

static int take_location(Upload *upload, HttpResponse *response, Error *error) {
        if (response->location)
                free_and_replace(upload->location, TAKE_PTR(response->location));
        if (!upload->location)
                return error_set(error, ERROR_REGISTRY,
                                 "%s: the registry accepts an upload, but does not say where",
                                 purpose(upload));
        return 0;
}

/* Asks for a place to upload to. With a query for a mount the answer may be 201: then there is nothing to upload, which is
 * BLOB_MOUNTED. */
static int post(Upload *upload, const char *query, Error *error) {
        _cleanup_free_ char *path = string_join("/blobs/uploads/", query);
        _cleanup_(http_response_done) HttpResponse response = {};
        const RegistryRequest request = { .method = HTTP_POST, .path = path };

        if (!path)
                return out_of_memory(error);
        int r = session_request(upload->session, &request, &response, error);
        if (r < 0)
                return r;
        if (response.status == 201 && !isempty(query))
                return BLOB_MOUNTED;
        upload->position = 0;
        upload->chunk_min = response.chunk_min;
        if (upload->chunk_min > 0)
                upload->chunk = MAX(upload->chunk ?: CHUNK_SIZE, upload->chunk_min);
        return take_location(upload, &response, error);
}

/* A registry that does not let us look into the other repository says so; the bytes then go over the wire. */
static int begin_with_mount(Upload *upload, Error *error) {
        _cleanup_error_ Error ignored = {};
        _cleanup_free_ char *query =
                string_join("?mount=", upload->blob->digest, "&from=", upload->blob->mount_from);

        if (!query)
                return out_of_memory(error);
        int r = post(upload, query, &ignored);
        if (r >= 0 || ignored.kind == ERROR_CANCELLED) {
                error_move(error, &ignored);
                return r;
        }
        return post(upload, "", error);
}

static int begin(Upload *upload, Error *error) {
        free_and_replace(upload->location, (char *) NULL);
        if (upload->blob->mount_from && upload->best == 0 && upload->backoff.retries == 0)
                return begin_with_mount(upload, error);
        return post(upload, "", error);
}

/* ---- sending ---- */

static void report(void *userdata, uint64_t position) {
        const RegistryBlob *blob = userdata;

        if (blob->progress)
                blob->progress(blob->userdata, position);
}

static char *final_url(const Upload *upload) {
        return string_join(upload->location, strchr(upload->location, '?') ? "&" : "?", "digest=sha256%3A",
                           digest_hex(upload->blob->digest));
}

/* One request: the next piece, or what is left and the end. *ret_last: it was the end. */
static int send_next(Upload *upload, HttpResponse *response, bool *ret_last, Error *error) {
        const RegistryBlob *blob = upload->blob;
        uint64_t left = blob->size - upload->position;
        bool last = upload->chunk == 0 || left == 0;
        _cleanup_free_ char *url = last ? final_url(upload) : strdup(upload->location);
        const HttpBody body = {
                .media_type = "application/octet-stream",
                .data = blob->data,
                .fd = blob->fd,
                .start = upload->position,
                .size = upload->chunk > 0 ? MIN(left, upload->chunk) : left,
                .ranged = upload->chunk > 0 || upload->position > 0,
                .sent = report,
                .userdata = (void *) blob,
        };
        const RegistryRequest request = {
                .method = last ? HTTP_PUT : HTTP_PATCH,
                .url = url,
                .body = left > 0 ? &body : NULL,
                .once = true,
        };

        if (!url)
                return out_of_memory(error);
        *ret_last = last;
        return session_request(upload->session, &request, response, error);
}

static void note_position(Upload *upload, uint64_t position) {
        upload->position = MIN(position, upload->blob->size);
        if (upload->position >= upload->best + RETRY_PROGRESS)
                upload->backoff = (Backoff){};
        upload->best = MAX(upload->best, upload->position);
}

/* A piece has arrived, or the registry was asked how much has. */
static int take_range(Upload *upload, HttpResponse *response, uint64_t otherwise, Error *error) {
        uint64_t received = otherwise;

        if (response->range && parse_upload_range(response->range, &received) < 0)
                return error_set(error, ERROR_REGISTRY,
                                 "%s: the registry says \"Range: %.40s\" of an upload", purpose(upload),
                                 response->range);
        if (received > upload->blob->size)
                return error_set(error, ERROR_REGISTRY, "%s: the registry has more of %s than was sent",
                                 purpose(upload), upload->blob->digest);
        note_position(upload, received);
        return take_location(upload, response, error);
}

static int check_digest(const char *what, const HttpResponse *response, const char *digest, const char *ours,
                        Error *error) {
        const char *theirs = response->content_digest;

        if (!theirs || !digest_is_valid(theirs) || streq(theirs, ours))
                return 0;
        return error_set(error, ERROR_CORRUPT, "%s: the registry has stored %s as %s", what, digest, theirs);
}

/* ---- after a failure ---- */

/* What the registry has of it decides where to go on. */
static int ask_position(Upload *upload, Error *error) {
        _cleanup_(http_response_done) HttpResponse response = {};
        _cleanup_error_ Error why = {};
        const RegistryRequest request = { .method = HTTP_GET, .url = upload->location };

        int r = session_request(upload->session, &request, &response, &why);
        if (r >= 0 && response.range)
                return take_range(upload, &response, 0, error);
        if (r < 0 && response.status == 0) { /* nobody answers, or it was cancelled */
                error_move(error, &why);
                return r;
        }
        free_and_replace(upload->location, (char *) NULL);
        return 0;
}

/* It was too much at a time. Returns false when it can't be less. */
static bool shrink_chunk(Upload *upload) {
        uint64_t chunk = upload->chunk > 0 ? upload->chunk / 2 : MIN(CHUNK_SIZE, upload->blob->size / 2);

        if (chunk < MAX(upload->chunk_min, CHUNK_SIZE_MIN))
                return false;
        upload->chunk = chunk;
        free_and_replace(upload->location, (char *) NULL);
        return true;
}

/* The upload is not what the registry thinks it is: a part of it came twice, or it has been dropped. */
static bool is_out_of_step(const Upload *upload, long status) {
        return status == 404 || status == 409 || status == 416 || (status == 400 && upload->position > 0);
}

/* Prepares the next attempt, or gives up with the failure r. */
static int recover(Upload *upload, const HttpResponse *response, int r, Error *failure, Error *error) {
        if (response->status == 413 && shrink_chunk(upload))
                return 0;
        bool lost = is_out_of_step(upload, response->status);
        int w = lost || session_is_temporary(upload->session, response)
                        ? session_wait(upload->session, &upload->backoff, response, failure)
                        : -EAGAIN;
        if (w == -ECANCELED)
                return error_set(error, ERROR_CANCELLED, "cancelled");
        if (w < 0) {
                error_move(error, failure);
                return r;
        }
        if (response->status != 404 && response->status != 400)
                return ask_position(upload, error);
        free_and_replace(upload->location, (char *) NULL);
        return 0;
}

int registry_put_blob(RegistrySession *session, const RegistryBlob *blob, Error *error) {
        _cleanup_(upload_done) Upload upload = { .session = session, .blob = blob };

        for (;;) {
                _cleanup_(http_response_done) HttpResponse response = {};
                _cleanup_error_ Error failure = {};
                bool last = false;

                int r = upload.location ? 0 : begin(&upload, error);
                if (r < 0 || r == BLOB_MOUNTED)
                        return r;
                uint64_t end = upload.position + MIN(blob->size - upload.position, upload.chunk);
                report((void *) blob, upload.position);
                r = send_next(&upload, &response, &last, &failure);
                if (r < 0)
                        r = recover(&upload, &response, r, &failure, error);
                else if (last)
                        return check_digest(purpose(&upload), &response, blob->digest, blob->digest, error);
                else
                        r = take_range(&upload, &response, end, error);
                if (r < 0)
                        return r;
        }
}

/* ---- manifests ---- */

int registry_put_manifest(RegistrySession *session, const char *reference, const char *media_type,
                          const void *data, size_t size, const char *digest, Error *error) {
        const Registry *registry = session->registry;
        _cleanup_free_ char *path = string_join("/manifests/", reference);
        _cleanup_(http_response_done) HttpResponse response = {};
        const HttpBody body = { .media_type = media_type, .data = data, .fd = -EBADF, .size = size };
        const RegistryRequest request = { .method = HTTP_PUT, .path = path, .body = &body };

        if (!path)
                return out_of_memory(error);
        int r = session_request(session, &request, &response, error);
        return r < 0 ? r : check_digest(registry->purpose, &response, "the manifest", digest, error);
}
