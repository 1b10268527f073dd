/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <jansson.h>
#include <string.h>

#include "byte-stream.h"
#include "json-read.h"
#include "manifest.h"
#include "remote.h"
#include "report.h"
#include "string-util.h"
#include "strv.h"

/* A manifest or an index as it is, of an image here or of one in a registry; or, more talkative, what Docker's
 * `manifest inspect --verbose` says: each manifest with its descriptor. */

typedef struct Inspect {
        Worker *worker;
        const char *purpose;
        Reference reference;
        ContentStore *content; /* NULL: in the registry */
        Remote remote;
        Registry *registry;
        RegistrySession *session;
} Inspect;

static void inspect_done(Inspect *inspect) {
        registry_session_free(inspect->session);
        registry_free(inspect->registry);
        remote_done(&inspect->remote);
        content_close(inspect->content);
        reference_done(&inspect->reference);
}

static int out_of_memory(Error *error) {
        return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
}

/* ---- the documents ---- */

static int get_document(Inspect *inspect, const char *reference, RegistryDocument *ret, Error *error) {
        size_t limit = image_limits()->manifest_size;

        if (!inspect->content)
                return registry_get_manifest(inspect->session, reference, MEDIA_TYPES_ACCEPTED, limit, ret,
                                             error);
        RegistryDocument document = { .digest = strdup(reference) };
        int r = document.digest ? content_read_blob(inspect->content, reference, limit, &document.data,
                                                    &document.size, error)
                                : out_of_memory(error);
        if (r < 0)
                registry_document_done(&document);
        else
                *ret = document;
        return r;
}

static int get_config(Inspect *inspect, const Descriptor *config, char **ret, size_t *ret_size,
                      Error *error) {
        uint64_t limit = image_limits()->config_size;

        if (inspect->content)
                return content_read_blob(inspect->content, config->digest, limit, ret, ret_size, error);
        if (config->size > limit)
                return error_set(error, ERROR_LIMIT, "its config is larger than %llu bytes",
                                 (unsigned long long) limit);
        *ret_size = config->size;
        return registry_read_blob(inspect->session, config->digest, config->size, "its config", ret, error);
}

/* ---- in words ---- */

static json_t *platform_to_json(const Platform *platform) {
        return isempty(platform->os) && isempty(platform->architecture)
                       ? NULL
                       : json_pack("{s:s, s:s, s:s*}", "architecture", strempty(platform->architecture),
                                   "os", strempty(platform->os), "variant", platform->variant);
}

/* That of a manifest which no index describes is in its config. */
static int find_platform(Inspect *inspect, const Manifest *manifest, json_t **ret, Error *error) {
        _cleanup_free_ char *config = NULL;
        ImageRecord record;
        size_t size;

        if (manifest->artifact_type)
                return 0;
        int r = get_config(inspect, &manifest->config, &config, &size, error);
        if (r >= 0)
                r = image_config_parse(config, size, &record, error);
        if (r < 0)
                return r;
        const Platform platform = { record.os, record.architecture, record.variant };
        *ret = platform_to_json(&platform);
        object_done(&image_record_type, &record);
        return 0;
}

static json_t *entry_to_json(Inspect *inspect, const RegistryDocument *document, const Manifest *manifest,
                             json_t *platform, json_t *content) {
        Reference bare = { inspect->reference.registry, inspect->reference.repository, NULL,
                           document->digest };
        _cleanup_free_ char *name = reference_to_string(&bare);
        const char *key = startswith(manifest->media_type, "application/vnd.docker.") ? "SchemaV2Manifest"
                                                                                      : "OCIManifest";

        return json_pack("{s:s, s:{s:s, s:s, s:I, s:o*}, s:o}", "Ref", strempty(name), "Descriptor",
                         "mediaType", manifest->media_type, "digest", document->digest, "size",
                         (json_int_t) document->size, "platform", platform, key, content);
}

static int describe(Inspect *inspect, const RegistryDocument *document, const Manifest *manifest,
                    const Platform *platform, json_t **ret, Error *error) {
        json_t *platform_json = platform ? platform_to_json(platform) : NULL, *content = NULL;
        int r = platform ? 0 : find_platform(inspect, manifest, &platform_json, error);

        if (r >= 0)
                r = json_read(document->data, document->size, "manifest", &content, error);
        if (r < 0) {
                json_decref(platform_json);
                return r;
        }
        *ret = entry_to_json(inspect, document, manifest, platform_json, content);
        return *ret ? 0 : out_of_memory(error);
}

static int describe_entry(Inspect *inspect, const Descriptor *entry, json_t *list, Error *error) {
        _cleanup_(registry_document_done) RegistryDocument document = {};
        _cleanup_(manifest_done) Manifest manifest = {};
        json_t *item;

        int r = get_document(inspect, entry->digest, &document, error);
        if (r >= 0)
                r = manifest_parse(document.data, document.size, entry->media_type, &manifest, error);
        if (r >= 0)
                r = describe(inspect, &document, &manifest, &entry->platform, &item, error);
        if (r < 0)
                return r;
        return json_array_append_new(list, item) < 0 ? out_of_memory(error) : 0;
}

static int describe_all(Inspect *inspect, const RegistryDocument *document, json_t **ret, Error *error) {
        _cleanup_(manifest_done) Manifest manifest = {};

        int r = manifest_parse(document->data, document->size, document->media_type, &manifest, error);
        if (r < 0)
                return r;
        if (!manifest.is_index)
                return describe(inspect, document, &manifest, NULL, ret, error);
        *ret = json_array();
        for (size_t i = 0; *ret && r >= 0 && i < manifest.manifests.n; i++)
                r = describe_entry(inspect, LIST_ITEM(&manifest.manifests, Descriptor, i), *ret, error);
        return *ret ? r : out_of_memory(error);
}

/* ---- the whole ---- */

static int write_out(Inspect *inspect, const char *data, size_t size, Error *error) {
        _cleanup_(fd_sink_done) FdSink output = {};

        if (fd_sink_init(&output, inspect->worker->fds[1], worker_cancel_fd(), "the manifest") < 0)
                return out_of_memory(error);
        Sink sink = fd_sink(&output);
        int r = sink_write(&sink, data, size, error);
        return r < 0 ? r : fd_sink_flush(&output, error);
}

static int write_description(Inspect *inspect, const RegistryDocument *document, Error *error) {
        _cleanup_json_ json_t *description = NULL;
        int r = describe_all(inspect, document, &description, error);
        _cleanup_free_ char *text = r >= 0 ? json_dumps(description, JSON_COMPACT) : NULL;

        if (r < 0)
                return r;
        return text ? write_out(inspect, text, strlen(text), error) : out_of_memory(error);
}

static int inspect_open(Inspect *inspect, Error *error) {
        if (!strv_isempty(inspect->worker->request.records))
                return report_open_content(inspect->worker, &inspect->content, error);
        int r = remote_open(inspect->worker, &inspect->remote, error);
        if (r >= 0)
                r = remote_registry(&inspect->remote, inspect->worker, &inspect->reference, "pull",
                                    inspect->purpose, -EBADF, &inspect->registry, error);
        return r < 0 ? r : registry_session_new(inspect->registry, &inspect->session, error);
}

static int inspect_manifest(Inspect *inspect, Error *error) {
        const WorkerRequest *request = &inspect->worker->request;
        _cleanup_(registry_document_done) RegistryDocument document = {};
        const Reference *reference = &inspect->reference;
        _cleanup_free_ char *local = inspect->content ? string_join("sha256:", request->records[0]) : NULL;

        if (inspect->content && !digest_is_valid(local))
                return error_set(error, ERROR_INVALID, "the request has no digest");
        int r = get_document(inspect, local ?: reference->digest ?: reference->tag, &document, error);
        if (r >= 0)
                r = request->verbose ? write_description(inspect, &document, error)
                                     : write_out(inspect, document.data, document.size, error);
        if (r < 0)
                return r;
        const WorkerResult result = { .digest = document.digest, .size = document.size };
        return report_result(inspect->worker, &result, error);
}

int verb_inspect_manifest(Worker *worker, Error *error) {
        _cleanup_(inspect_done) Inspect inspect = { .worker = worker };
        _cleanup_free_ char *name = NULL, *purpose = NULL;

        int r = reference_parse(strempty(worker->request.reference), &inspect.reference, error);
        if (r < 0)
                return r;
        name = reference_to_string(&inspect.reference);
        inspect.purpose = purpose = name ? string_join("cannot inspect ", name) : NULL;
        if (!purpose)
                return out_of_memory(error);
        r = inspect_open(&inspect, error);
        if (r >= 0)
                r = inspect_manifest(&inspect, error);
        return r < 0 ? remote_complete_error(purpose, r, error) : 0;
}
