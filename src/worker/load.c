/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <jansson.h>
#include <string.h>

#include "digest.h"
#include "image-build.h"
#include "json-read.h"
#include "load-archive.h"
#include "manifest.h"
#include "reference.h"
#include "string-util.h"
#include "strv.h"

/* Two kinds of archive, and some are both at once:
 *   docker-archive  manifest.json: [{"Config": path, "RepoTags": […], "Layers": [path…]}]
 *   oci-archive     oci-layout, index.json, blobs/sha256/… (OCI image-spec, image-layout)
 * Where there is an index.json its manifests are taken as they are, so that digests stay what they were; manifest.json
 * then adds names to them by their configs, or images that the index does not have. */

#define IMAGES_MAX 1000

#define ANNOTATION_REF_NAME "org.opencontainers.image.ref.name"
#define ANNOTATION_IMAGE_NAME "io.containerd.image.name"

typedef struct LoadedImage {
        ImageRecord record;
        char **names;
} LoadedImage;

typedef struct Load {
        LoadArchive archive;
        Worker *worker;
        Platform platform;
        LoadedImage *images;
        size_t n_images, allocated;
} Load;

static int out_of_memory(Error *error) {
        return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
}

static void load_done(Load *load) {
        load_archive_done(&load->archive);
        platform_done(&load->platform);
        for (size_t i = 0; i < load->n_images; i++) {
                object_done(&image_record_type, &load->images[i].record);
                strv_free(load->images[i].names);
        }
        free(load->images);
        content_close(load->archive.content);
}

/* ---- one image ---- */

static int add_name(LoadedImage *image, const char *name, Error *error) {
        _cleanup_free_ char *canonical = NULL;
        int r = reference_canonicalize(name, &canonical, error);

        if (r < 0)
                return r;
        if (strv_contains(image->names, canonical))
                return 0;
        return strv_consume(&image->names, TAKE_PTR(canonical)) < 0 ? out_of_memory(error) : 0;
}

/* All layers are awaited, then the image is published. *ret: borrowed, until the next image. */
static int add_image(Load *load, const void *manifest_data, size_t manifest_size, const char *media_type,
                     const Manifest *manifest, LoadFile *const *layers, const LoadFile *config,
                     LoadedImage **ret, Error *error) {
        char digest[DIGEST_TEXT_SIZE];
        ImageRecord record;

        digest_of(manifest_data, manifest_size, digest);
        int r = image_record_build(manifest, digest, manifest_size, config->text, config->size, &record,
                                   error);
        if (r < 0)
                return r;
        for (size_t i = 0; r >= 0 && i < record.layers.n; i++)
                r = manifest->artifact_type
                            ? load_archive_need_blob(&load->archive, layers[i], error)
                            : load_archive_need_layer(&load->archive, layers[i],
                                                      LIST_ITEM(&record.layers, ImageLayer, i)->diff_id,
                                                      error);
        object_done(&image_record_type, &record);
        if (r < 0)
                return r;
        if (array_reserve(&load->images, &load->allocated, load->n_images + 1, sizeof(LoadedImage)) < 0)
                return out_of_memory(error);
        LoadedImage *image = &load->images[load->n_images];
        *image = (LoadedImage){};
        r = content_publish_image(load->archive.content, manifest_data, manifest_size, media_type,
                                  config->text, config->size, &image->record, error);
        if (r < 0)
                return r;
        load->n_images++;
        *ret = image;
        return 0;
}

/* ---- oci-archive ---- */

static int add_oci_manifest(Load *load, const LoadFile *file, const char *media_type,
                            const Manifest *manifest, LoadedImage **ret, Error *error) {
        LoadFile *config = load_archive_find_blob(&load->archive, manifest->config.digest);
        _cleanup_free_ LoadFile **layers = new0(LoadFile *, manifest->layers.n + 1);

        if (!layers)
                return out_of_memory(error);
        /* An artifact's may be anything, so it may have been taken for a layer. */
        if (!config || (!config->text && !manifest->artifact_type))
                return error_set(error, ERROR_CORRUPT, "the archive has no valid config %s",
                                 manifest->config.digest);
        if (!config->text) {
                int r = load_archive_need_blob(&load->archive, config, error);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < manifest->layers.n; i++) {
                const Descriptor *layer = LIST_ITEM(&manifest->layers, Descriptor, i);
                layers[i] = load_archive_find_blob(&load->archive, layer->digest);
                if (!layers[i])
                        return error_set(error, ERROR_CORRUPT, "the archive has no layer %s", layer->digest);
        }
        return add_image(load, file->text, file->size, media_type, manifest, layers, config, ret, error);
}

static int add_oci_entry(Load *load, const Descriptor *entry, unsigned depth, LoadedImage **ret,
                         Error *error) {
        _cleanup_(manifest_done) Manifest manifest = {};
        LoadFile *file = load_archive_find_blob(&load->archive, entry->digest);
        const Descriptor *chosen;

        if (!file || !file->text)
                return error_set(error, ERROR_CORRUPT, "the archive has no valid manifest %s",
                                 entry->digest);
        int r = manifest_parse(file->text, file->size, entry->media_type, &manifest, error);
        if (r < 0)
                return r;
        if (!manifest.is_index)
                return add_oci_manifest(load, file, entry->media_type, &manifest, ret, error);
        if (depth >= INDEX_DEPTH_MAX)
                return error_set(error, ERROR_LIMIT, "the archive's indexes are nested too deep");
        r = manifest_select(&manifest, &load->platform, &chosen, error);
        return r < 0 ? r : add_oci_entry(load, chosen, depth + 1, ret, error);
}

/* Tools differ in what they write there: a full name, a name in Docker's short form, or just the tag. A bare word is a
 * tag by the specification, which says nothing of what it is a tag. */
static int add_annotated_name(LoadedImage *image, const Descriptor *entry, Error *error) {
        const char *name = strv_map_get(entry->annotations, ANNOTATION_IMAGE_NAME)
                                   ?: strv_map_get(entry->annotations, ANNOTATION_REF_NAME);

        if (isempty(name) || !strpbrk(name, ":/"))
                return 0;
        int r = add_name(image, name, NULL);
        return r == -ENOMEM ? out_of_memory(error) : 0;
}

static bool is_image_entry(const Descriptor *entry) {
        return !strv_map_get(entry->annotations, "vnd.docker.reference.type") &&
               !streq(strempty(entry->platform.os), "unknown");
}

static int load_oci(Load *load, const LoadFile *index_file, Error *error) {
        _cleanup_(manifest_done) Manifest index = {};

        int r = manifest_parse(index_file->text, index_file->size, NULL, &index, error);
        if (r < 0)
                return r;
        if (!index.is_index)
                return error_set(error, ERROR_CORRUPT, "index.json of the archive is not an index");
        for (size_t i = 0; i < index.manifests.n; i++) {
                const Descriptor *entry = LIST_ITEM(&index.manifests, Descriptor, i);
                LoadedImage *image;
                if (!is_image_entry(entry))
                        continue;
                r = add_oci_entry(load, entry, 0, &image, error);
                if (r >= 0)
                        r = add_annotated_name(image, entry, error);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* ---- docker-archive ---- */

static LoadedImage *find_by_config(Load *load, const char *digest) {
        for (size_t i = 0; i < load->n_images; i++)
                if (streq(load->images[i].record.id, digest))
                        return &load->images[i];
        return NULL;
}

/* Docker's own archives have no manifest: the same one is made each time. */
static int add_docker_image(Load *load, const LoadFile *config, const char *config_digest,
                            char *const *paths, LoadedImage **ret, Error *error) {
        size_t n = strv_length(paths), size;
        _cleanup_free_ LoadFile **files = new0(LoadFile *, n + 1);
        _cleanup_free_ ImageLayer *items = new0(ImageLayer, n + 1);
        _cleanup_(manifest_done) Manifest manifest = {};
        _cleanup_free_ char *text = NULL;
        List layers = { .items = items, .n = n };

        if (!files || !items)
                return out_of_memory(error);
        for (size_t i = 0; i < n; i++) {
                files[i] = load_archive_find(&load->archive, paths[i]);
                if (!files[i] || !files[i]->digest)
                        return error_set(error, ERROR_CORRUPT, "the archive has no layer \"%.100s\"",
                                         paths[i]);
                uint64_t blob_size = 0;
                (void) content_has_blob(load->archive.content, files[i]->digest, &blob_size);
                items[i] = (ImageLayer){
                        .digest = files[i]->digest,
                        .size = blob_size,
                        .media_type = (char *) image_layer_media_type(false, files[i]->compression),
                };
        }
        int r = image_manifest_write(false, config_digest, config->size, &layers, &text, &size, error);
        if (r >= 0)
                r = manifest_parse(text, size, NULL, &manifest, error);
        if (r >= 0)
                r = add_image(load, text, size, NULL, &manifest, files, config, ret, error);
        if (r < 0 || (*ret)->record.made_here)
                return r;
        (*ret)->record.made_here = true;
        return content_update_record(load->archive.content, &(*ret)->record, error);
}

static int load_docker_entry(Load *load, const json_t *entry, Error *error) {
        _cleanup_strv_free_ char **tags = NULL, **layers = NULL;
        _cleanup_free_ char *config_path = NULL;
        char digest[DIGEST_TEXT_SIZE];

        if (!json_is_object(entry))
                return error_set(error, ERROR_CORRUPT,
                                 "manifest.json of the archive is not a list of objects");
        int r = json_get_string(entry, "Config", &config_path, error);
        if (r >= 0)
                r = json_get_strv(entry, "RepoTags", &tags, error);
        if (r >= 0)
                r = json_get_strv(entry, "Layers", &layers, error);
        if (r < 0)
                return r;
        LoadFile *config = load_archive_find(&load->archive, strempty(config_path));
        if (!config || !config->text)
                return error_set(error, ERROR_CORRUPT, "the archive has no config \"%.100s\"",
                                 strempty(config_path));
        if (strv_length(layers) > image_limits()->layers)
                return image_limit_exceeded(error, "Layers",
                                            "an image of the archive has more than %llu layers",
                                            (unsigned long long) image_limits()->layers);

        digest_of(config->text, config->size, digest);
        LoadedImage *image = find_by_config(load, digest);
        if (!image)
                r = add_docker_image(load, config, digest, layers, &image, error);
        STRV_FOREACH(tag, tags)
                if (r >= 0)
                        r = add_name(image, *tag, error);
        return r;
}

static int load_docker(Load *load, const LoadFile *file, Error *error) {
        json_t *json = json_loadb(file->text, file->size, JSON_REJECT_DUPLICATES, NULL), *entry;
        size_t i;
        int r = 0;

        if (!json_is_array(json) || json_array_size(json) > IMAGES_MAX)
                r = error_set(error, ERROR_CORRUPT,
                              "manifest.json of the archive is not a list of at most %d images", IMAGES_MAX);
        else
                json_array_foreach(json, i, entry) {
                        r = load_docker_entry(load, entry, error);
                        if (r < 0)
                                break;
                }
        json_decref(json);
        return r;
}

/* ---- all ---- */

static int load_images(Load *load, Error *error) {
        const LoadFile *index = load_archive_find(&load->archive, "index.json");
        const LoadFile *manifest = load_archive_find(&load->archive, "manifest.json");
        bool is_oci = load_archive_find(&load->archive, "oci-layout") && index && index->text;
        bool is_docker = manifest && manifest->text;
        int r = 0;

        if (!is_oci && !is_docker)
                return error_set(error, ERROR_INVALID,
                                 "it is neither a docker-archive nor an oci-archive; use import for the tar "
                                 "of a root "
                                 "file system");
        if (is_oci)
                r = load_oci(load, index, error);
        if (r >= 0 && is_docker)
                r = load_docker(load, manifest, error);
        if (r >= 0 && load->n_images == 0)
                return error_set(error, ERROR_INVALID, "there is no image in the archive");
        return r;
}

static int send_images(Load *load, Error *error) {
        char *const *names = load->worker->request.names;

        if (!strv_isempty(names) && load->n_images != 1)
                return error_set(error, ERROR_INVALID,
                                 "the archive has %zu images, which can't all have the same name",
                                 load->n_images);
        for (size_t i = 0; i < load->n_images; i++) {
                LoadedImage *image = &load->images[i];
                int r = worker_send_image(load->worker, &image->record,
                                          strv_isempty(names) ? image->names : names, false, error);
                if (r < 0)
                        return r;
        }
        return 0;
}

int verb_load(Worker *worker, Error *error) {
        _cleanup_(load_done) Load load = { .worker = worker, .archive.worker = worker };

        int r = load_archive_open(&load.archive, error);
        if (r >= 0)
                r = platform_parse(worker->request.platform, &load.platform, error);
        if (r >= 0)
                r = load_archive_read(&load.archive, worker->fds[0], error);
        if (r >= 0)
                r = load_images(&load, error);
        return r < 0 ? error_prefix(error, r, "can't load the archive") : send_images(&load, error);
}
