/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The requests of a pull: a manifest as a whole, a blob as a stream that survives its connection. */
#include "digest.h"
#include "http-header.h"
#include "image-limits.h"
#include "image-spec.h"
#include "session.h"

void registry_document_done(RegistryDocument *document) {
        free(document->data);
        free(document->media_type);
        free(document->digest);
        *document = (RegistryDocument){};
}

/* ---- manifests ---- */

typedef struct ManifestBody {
        StringBuffer buffer;
        size_t limit;
        const Registry *registry;
} ManifestBody;

static int manifest_sink(void *userdata, const HttpResponse *response, const void *data, size_t size,
                         Error *error) {
        ManifestBody *body = userdata;

        if (response->received == 0)
                body->buffer.size = 0;
        if (size > body->limit - body->buffer.size)
                return image_limit_exceeded(error, "ManifestSize",
                                            "%s: its manifest is larger than %zu bytes",
                                            body->registry->purpose, body->limit);
        int r = string_buffer_append(&body->buffer, data, size);
        return r < 0 ? error_set(error, ERROR_OUT_OF_MEMORY, "out of memory") : 0;
}

/* The digest that was asked for, and the one that the registry says, must be that of the bytes. */
static int check_manifest_digest(const Registry *registry, const char *reference,
                                 const HttpResponse *response, const char *actual, Error *error) {
        if (digest_is_valid(reference) && !streq(reference, actual))
                return error_set(error, ERROR_CORRUPT, "%s: the registry sent another manifest, %s",
                                 registry->purpose, actual);
        const char *said = response->content_digest;
        if (said && digest_is_valid(said) && !streq(said, actual))
                return error_set(error, ERROR_CORRUPT,
                                 "%s: the manifest is damaged: its digest is %s, and should be %s",
                                 registry->purpose, actual, said);
        return 0;
}

static int get_manifest(RegistrySession *session, const char *reference, const char *accept, size_t limit,
                        RegistryDocument *ret, Error *error) {
        const Registry *registry = session->registry;
        _cleanup_(http_response_done) HttpResponse response = {};
        _cleanup_(registry_document_done) RegistryDocument document = {};
        _cleanup_free_ char *path = string_join("/manifests/", reference);
        ManifestBody body = { .limit = limit, .registry = registry };
        char digest[DIGEST_TEXT_SIZE];

        if (!path)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        const RegistryRequest request = {
                .path = path, .accept = accept, .sink = manifest_sink, .userdata = &body
        };
        int r = session_request(session, &request, &response, error);
        document.data = body.buffer.data;
        document.size = body.buffer.size;
        if (r < 0)
                return r;
        if (document.size == 0)
                return error_set(error, ERROR_REGISTRY, "%s: the registry sent an empty manifest",
                                 registry->purpose);
        digest_of(document.data, document.size, digest);
        r = check_manifest_digest(registry, reference, &response, digest, error);
        if (r < 0)
                return r;
        document.digest = strdup(digest);
        document.media_type = response.content_type ? media_type_of(response.content_type) : NULL;
        if (!document.digest || (response.content_type && !document.media_type))
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        *ret = document;
        document = (RegistryDocument){};
        return 0;
}

int registry_get_manifest(RegistrySession *session, const char *reference, const char *accept, size_t limit,
                          RegistryDocument *ret, Error *error) {
        for (;;) {
                _cleanup_error_ Error failure = {};

                int r = get_manifest(session, reference, accept, limit, ret, &failure);
                bool doubtful = failure.kind == ERROR_CORRUPT || failure.kind == ERROR_REGISTRY;
                if (r < 0 && doubtful && registry_distrust(session))
                        continue;
                error_move(error, &failure);
                return r;
        }
}

/* ---- blobs ---- */

typedef struct BlobBody {
        const Registry *registry;
        const char *digest;
        uint64_t position; /* what the sink has */
        uint64_t size;
        uint64_t skip; /* bytes of this answer that the sink has already */
        const Sink *sink;
} BlobBody;

/* Reads off the first piece of an answer where in the blob it begins, and checks that it is as long as the manifest
 * says. */
static int begin_answer(BlobBody *body, const HttpResponse *response, Error *error) {
        uint64_t first = 0, last, total = body->size;

        if (response->status == 206) {
                if (!response->content_range ||
                    parse_content_range(response->content_range, &first, &last, &total) < 0 ||
                    first > body->position)
                        return error_set(error, ERROR_REGISTRY,
                                         "%s: the registry sent another part of %s than it was asked for",
                                         body->registry->purpose, body->digest);
        } else if (response->content_length != UINT64_MAX)
                total = response->content_length;
        if (total != UINT64_MAX && total != body->size)
                return error_set(error, ERROR_CORRUPT,
                                 "%s: the registry has %llu bytes of %s, and the manifest says %llu",
                                 body->registry->purpose, (unsigned long long) total, body->digest,
                                 (unsigned long long) body->size);
        body->skip = body->position - first;
        return 0;
}

static int blob_sink(void *userdata, const HttpResponse *response, const void *data, size_t size,
                     Error *error) {
        BlobBody *body = userdata;

        if (response->received == 0) {
                int r = begin_answer(body, response, error);
                if (r < 0)
                        return r;
        }
        size_t skip = MIN(body->skip, size);
        body->skip -= skip;
        data = (const char *) data + skip;
        size -= skip;
        if (size > body->size - body->position)
                return error_set(error, ERROR_CORRUPT,
                                 "%s: %s is longer than the %llu bytes of its manifest",
                                 body->registry->purpose, body->digest, (unsigned long long) body->size);
        if (size == 0)
                return 0;
        int r = sink_write(body->sink, data, size, error);
        if (r >= 0)
                body->position += size;
        return r;
}

int registry_get_blob(RegistrySession *session, const char *digest, uint64_t start, uint64_t size,
                      const Sink *sink, Error *error) {
        const Registry *registry = session->registry;
        _cleanup_free_ char *path = string_join("/blobs/", digest);
        BlobBody body = {
                .registry = registry, .digest = digest, .position = start, .size = size, .sink = sink
        };

        if (!path)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        const RegistryRequest request = {
                .path = path, .position = &body.position, .sink = blob_sink, .userdata = &body
        };
        while (body.position < size) {
                _cleanup_(http_response_done) HttpResponse response = {};
                uint64_t before = body.position;
                int r = session_request(session, &request, &response, error);
                if (r < 0)
                        return r;
                if (body.position == before)
                        return error_set(error, ERROR_CORRUPT, "%s: %s ends after %llu of %llu bytes",
                                         registry->purpose, digest, (unsigned long long) body.position,
                                         (unsigned long long) size);
        }
        return 0;
}

static int buffer_sink(void *userdata, const void *data, size_t size, Error *error) {
        int r = string_buffer_append(userdata, data, size);
        return r < 0 ? error_set(error, ERROR_OUT_OF_MEMORY, "out of memory") : 0;
}

int registry_read_blob(RegistrySession *session, const char *digest, uint64_t size, const char *what,
                       char **ret, Error *error) {
        _cleanup_(string_buffer_done) StringBuffer buffer = {};
        const Sink sink = { buffer_sink, &buffer };
        char actual[DIGEST_TEXT_SIZE];

        int r = string_buffer_append(&buffer, "", 0);
        if (r < 0)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        r = registry_get_blob(session, digest, 0, size, &sink, error);
        if (r < 0)
                return r;
        digest_of(buffer.data, buffer.size, actual);
        if (!streq(actual, digest))
                return error_set(error, ERROR_CORRUPT,
                                 "%s: %s is damaged: its digest is %s, and should be %s",
                                 session->registry->purpose, what, actual, digest);
        *ret = TAKE_PTR(buffer.data);
        return 0;
}
