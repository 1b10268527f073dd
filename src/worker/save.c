/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "byte-stream.h"
#include "fd-util.h"
#include "json-read.h"
#include "manifest.h"
#include "reference.h"
#include "report.h"
#include "string-util.h"
#include "strv.h"
#include "tar-writer.h"

/* The archive is an OCI image layout, and has the manifest.json besides for which Docker looks. Blobs go in as they lie in
 * the store, each once. */

typedef struct Save {
        Worker *worker;
        ContentStore *content;
        TarWriter *tar;
        char **written; /* hex digits of the blobs that are in the archive */
        json_t *index;  /* lists */
        json_t *docker;
        uint64_t size;
} Save;

static int out_of_memory(Error *error) {
        return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
}

static int write_header(Save *save, const char *path, TarType type, uint64_t size, Error *error) {
        TarEntry entry = {
                .type = type,
                .path = path,
                .mode = type == TAR_DIRECTORY ? 0755 : 0644,
                .size = size,
        };

        return tar_writer_entry(save->tar, &entry, NULL, 0, NULL, 0, error);
}

static int write_text(Save *save, const char *path, const char *text, Error *error) {
        int r = write_header(save, path, TAR_FILE, strlen(text), error);

        return r < 0 ? r : tar_writer_data(save->tar, text, strlen(text), error);
}

static int write_json(Save *save, const char *path, json_t *json, Error *error) {
        _cleanup_free_ char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

        json_decref(json);
        return text ? write_text(save, path, text, error) : out_of_memory(error);
}

static int copy_blob(Save *save, int fd, const char *digest, uint64_t size, Error *error) {
        _cleanup_(fd_source_done) FdSource input = {};
        uint64_t done = 0;

        if (fd_source_init(&input, fd, worker_cancel_fd(), "a blob") < 0)
                return out_of_memory(error);
        Source source = fd_source(&input);
        while (done < size) {
                const void *data;
                ssize_t n = source_next(&source, &data, error);
                if (n < 0)
                        return n;
                if (n == 0)
                        return error_set(error, ERROR_CORRUPT, "blob %.19s became shorter", digest);
                n = MIN((uint64_t) n, size - done);
                int r = tar_writer_data(save->tar, data, n, error);
                if (r < 0)
                        return r;
                done += n;
                worker_progress(save->worker, digest, "writing", done, size);
        }
        worker_progress(save->worker, digest, "done", size, size);
        return 0;
}

static int write_blob(Save *save, const char *digest, Error *error) {
        _cleanup_free_ char *path = string_join("blobs/sha256/", digest_hex(digest));
        uint64_t size;

        if (strv_contains(save->written, digest_hex(digest)))
                return 0;
        if (!path || strv_extend(&save->written, digest_hex(digest)) < 0)
                return out_of_memory(error);
        _cleanup_close_ int fd = content_open_blob(save->content, digest);
        if (fd < 0 || !content_has_blob(save->content, digest, &size))
                return error_set_errno(error, fd < 0 ? fd : -ENOENT, "can't open blob %.19s", digest);
        int r = write_header(save, path, TAR_FILE, size, error);
        return r < 0 ? r : copy_blob(save, fd, digest, size, error);
}

static int write_blobs(Save *save, const ImageRecord *record, Error *error);

static int write_entry(Save *save, const ImageDescriptor *entry, Error *error) {
        ImageRecord record;

        int r = content_find_image(save->content, entry->digest, &record, error);
        if (r <= 0)
                return r < 0 ? r
                             : error_set(error, ERROR_NO_SUCH_IMAGE,
                                         "image %.19s of the index is not complete here", entry->digest);
        r = record.kind == IMAGE_INDEX
                    ? error_set(error, ERROR_UNSUPPORTED, "an index in an index is not supported")
                    : write_blobs(save, &record, error);
        object_done(&image_record_type, &record);
        return r;
}

/* Those of an index are its manifests, each with its own. */
static int write_blobs(Save *save, const ImageRecord *record, Error *error) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < record->manifests.n; i++)
                r = write_entry(save, LIST_ITEM(&record->manifests, ImageDescriptor, i), error);
        for (size_t i = 0; r >= 0 && i < record->layers.n; i++)
                r = write_blob(save, LIST_ITEM(&record->layers, ImageLayer, i)->digest, error);
        if (r >= 0)
                r = write_blob(save, record->id, error);
        if (r >= 0)
                r = write_blob(save, record->digest, error);
        return r;
}

/* ---- the two tables of contents ---- */

/* One entry for each name, or one without. */
static int add_to_index(Save *save, const ImageRecord *record, const char *name, Error *error) {
        json_t *platform = isempty(record->architecture)
                                   ? NULL
                                   : json_pack("{s:s, s:s}", "architecture", record->architecture, "os",
                                               strempty(record->os));
        json_t *entry =
                json_pack("{s:s, s:s, s:I, s:o*}", "mediaType", record->media_type, "digest", record->digest,
                          "size", (json_int_t) record->manifest_size, "platform", platform);

        if (entry && name) {
                _cleanup_(reference_done) Reference reference = {};
                int r = reference_parse(name, &reference, error);
                if (r < 0) {
                        json_decref(entry);
                        return r;
                }
                (void) json_object_set_new(entry, "annotations",
                                           json_pack("{s:s, s:s*}", "io.containerd.image.name", name,
                                                     "org.opencontainers.image.ref.name", reference.tag));
        }
        return json_array_append_new(save->index, entry) < 0 ? out_of_memory(error) : 0;
}

static int add_to_docker(Save *save, const ImageRecord *record, char *const *tags, Error *error) {
        _cleanup_free_ char *config = string_join("blobs/sha256/", digest_hex(record->id));
        json_t *layers = json_array(), *names = json_array();

        for (size_t i = 0; layers && i < record->layers.n; i++)
                (void) json_array_append_new(
                        layers, json_sprintf("blobs/sha256/%s",
                                             digest_hex(LIST_ITEM(&record->layers, ImageLayer, i)->digest)));
        for (char *const *tag = tags; names && tag && *tag; tag++)
                (void) json_array_append_new(names, json_string(*tag));
        json_t *entry = json_pack("{s:s, s:o, s:o}", "Config", strempty(config), "RepoTags", names, "Layers",
                                  layers);
        return json_array_append_new(save->docker, entry) < 0 ? out_of_memory(error) : 0;
}

/* "debian:12" as Docker writes it; a name with a digest is no tag. */
static int add_tag(char ***tags, const char *name, Error *error) {
        _cleanup_(reference_done) Reference reference = {};
        int r = reference_parse(name, &reference, error);

        if (r < 0 || !reference.tag)
                return r;
        reference.digest = (free(reference.digest), NULL);
        return strv_consume(tags, reference_to_familiar(&reference)) < 0 ? out_of_memory(error) : 0;
}

/* All names of the image whose first place in the request is i. */
static int save_image(Save *save, size_t first, Error *error) {
        const WorkerRequest *request = &save->worker->request;
        _cleanup_free_ char *digest = string_join("sha256:", request->records[first]);
        _cleanup_strv_free_ char **tags = NULL;
        bool named = false;
        ImageRecord record;

        if (!digest || !digest_is_valid(digest))
                return error_set(error, ERROR_INVALID, "\"%.100s\" is not a digest",
                                 strempty(request->records[first]));
        int r = content_find_image(save->content, digest, &record, error);
        if (r <= 0)
                return r < 0 ? r
                             : error_set(error, ERROR_NO_SUCH_IMAGE, "image %.19s is not complete here",
                                         digest);
        r = write_blobs(save, &record, error);
        for (size_t i = first; r >= 0 && request->records[i]; i++) {
                if (!streq(request->records[i], request->records[first]) || isempty(request->names[i]))
                        continue;
                r = add_to_index(save, &record, request->names[i], error);
                if (r >= 0)
                        r = add_tag(&tags, request->names[i], error);
                named = true;
        }
        if (r >= 0 && !named)
                r = add_to_index(save, &record, NULL, error);
        if (r >= 0 && record.kind == IMAGE_RUNNABLE) /* Docker's table knows nothing else */
                r = add_to_docker(save, &record, tags, error);
        object_done(&image_record_type, &record);
        return r;
}

static int save_images(Save *save, Error *error) {
        char *const *records = save->worker->request.records;
        int r = write_text(save, "oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}", error);

        if (r >= 0)
                r = write_header(save, "blobs", TAR_DIRECTORY, 0, error);
        if (r >= 0)
                r = write_header(save, "blobs/sha256", TAR_DIRECTORY, 0, error);
        for (size_t i = 0; r >= 0 && records[i]; i++) {
                bool seen = false;
                for (size_t k = 0; k < i; k++)
                        seen = seen || streq(records[k], records[i]);
                if (!seen)
                        r = save_image(save, i, error);
        }
        if (r < 0)
                return r;
        r = write_json(save, "index.json",
                       json_pack("{s:i, s:s, s:O}", "schemaVersion", 2, "mediaType", MEDIA_TYPE_OCI_INDEX,
                                 "manifests", save->index),
                       error);
        if (r >= 0)
                r = write_json(save, "manifest.json", json_incref(save->docker), error);
        return r < 0 ? r : tar_writer_finish(save->tar, error);
}

static void save_done(Save *save) {
        tar_writer_free(save->tar);
        content_close(save->content);
        strv_free(save->written);
        json_decref(save->index);
        json_decref(save->docker);
}

int verb_save(Worker *worker, Error *error) {
        _cleanup_(save_done) Save save = { .worker = worker, .index = json_array(), .docker = json_array() };
        _cleanup_(fd_sink_done) FdSink output = {};
        size_t n = strv_length(worker->request.records);

        if (n == 0 || n != strv_length(worker->request.names))
                return error_set(error, ERROR_INVALID, "save takes as many names as records");
        int r = report_open_content(worker, &save.content, error);
        if (r < 0)
                return r;
        if (fd_sink_init(&output, worker->fds[0], worker_cancel_fd(), "the archive") < 0)
                return out_of_memory(error);
        Sink sink = fd_sink(&output);
        r = tar_writer_new(&sink, &save.tar);
        if (r < 0)
                return error_set_errno(error, r, "can't write a tar archive");
        r = save_images(&save, error);
        if (r >= 0)
                r = fd_sink_flush(&output, error);
        if (r < 0)
                return error_prefix(error, r, "can't save");
        WorkerResult result = { .size = output.position };
        return report_result(worker, &result, error);
}
