/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "json-read.h"
#include "manifest.h"
#include "parse-util.h"
#include "string-util.h"
#include "strv.h"

#define F(type, member) offsetof(type, member)

#define MEDIA_TYPE_MAX 255
#define MEDIA_TYPE_EMPTY "application/vnd.oci.empty.v1+json"
#define ANNOTATION_CREATED "org.opencontainers.image.created"

static const Field descriptor_fields[] = {
        { "MediaType", FIELD_STRING, F(Descriptor, media_type) },
        { "Digest", FIELD_STRING, F(Descriptor, digest) },
        { "Size", FIELD_UINT64, F(Descriptor, size) },
        { "OS", FIELD_STRING, F(Descriptor, platform.os) },
        { "Architecture", FIELD_STRING, F(Descriptor, platform.architecture) },
        { "Variant", FIELD_STRING, F(Descriptor, platform.variant) },
        { "ArtifactType", FIELD_STRING, F(Descriptor, artifact_type) },
        { "Annotations", FIELD_MAP, F(Descriptor, annotations) },
        {},
};
const ObjectType descriptor_type = { "descriptor", sizeof(Descriptor), descriptor_fields };

void manifest_done(Manifest *manifest) {
        free(manifest->media_type);
        free(manifest->artifact_type);
        object_done(&descriptor_type, &manifest->config);
        list_done(&manifest->layers, &descriptor_type);
        list_done(&manifest->manifests, &descriptor_type);
        *manifest = (Manifest){};
}

static int parse_platform(const json_t *json, Platform *ret, Error *error) {
        int r = json_get_string(json, "os", &ret->os, error);

        if (r >= 0)
                r = json_get_string(json, "architecture", &ret->architecture, error);
        if (r >= 0)
                r = json_get_string(json, "variant", &ret->variant, error);
        return r;
}

static int parse_descriptor(const json_t *json, Descriptor *ret, Error *error) {
        json_t *platform = NULL;

        if (!json_is_object(json))
                return error_set(error, ERROR_CORRUPT, "a descriptor in the manifest is not an object");
        int r = json_get_string(json, "mediaType", &ret->media_type, error);
        if (r >= 0)
                r = json_get_string(json, "digest", &ret->digest, error);
        if (r >= 0)
                r = json_get_size(json, "size", &ret->size, error);
        if (r >= 0)
                r = json_get_string(json, "artifactType", &ret->artifact_type, error);
        if (r >= 0)
                r = json_get_map(json, "annotations", &ret->annotations, error);
        if (r >= 0)
                r = json_get_object(json, "platform", &platform, error);
        if (r >= 0 && platform)
                r = parse_platform(platform, &ret->platform, error);
        if (r < 0)
                return r;
        if (ret->digest && startswith(ret->digest, "sha512:"))
                return error_set(error, ERROR_UNSUPPORTED,
                                 "the image uses sha512 digests; berth knows sha256");
        if (!digest_is_valid(ret->digest))
                return error_set(error, ERROR_CORRUPT, "\"%.80s\" in the manifest is not a digest",
                                 strempty(ret->digest));
        return 0;
}

/* limit: the name of the one that counts for them. */
static int parse_descriptors(const json_t *json, const char *key, uint64_t max, const char *limit, List *ret,
                             Error *error) {
        json_t *array, *item;
        size_t i;

        int r = json_get_array(json, key, SIZE_MAX, &array, error);
        if (r < 0)
                return r;
        if (json_array_size(array) > max)
                return image_limit_exceeded(error, limit, "it has %zu %s, and %llu is the maximum",
                                            json_array_size(array), key, (unsigned long long) max);
        json_array_foreach(array, i, item) {
                Descriptor *descriptor = list_append(ret, &descriptor_type);
                if (!descriptor)
                        return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
                r = parse_descriptor(item, descriptor, error);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* What a server calls something of which it knows nothing. */
static bool media_type_is_generic(const char *type) {
        static const char *const generic[] = { "application/json", "application/octet-stream", "text/plain",
                                               "application/vnd.docker.distribution.manifest.v1+json" };

        for (size_t i = 0; i < ELEMENTSOF(generic); i++)
                if (strncmp(type, generic[i], strlen(generic[i])) == 0)
                        return true;
        return false;
}

/* A document that could be read as either kind has fooled others before (CVE-2021-41190). */
static int check_kind(const json_t *json, Manifest *manifest, Error *error) {
        bool has_layers = json_object_get(json, "layers") || json_object_get(json, "config");
        bool has_manifests = json_object_get(json, "manifests");

        if (has_layers && has_manifests)
                return error_set(error, ERROR_CORRUPT,
                                 "the manifest pretends to be an image and an index at once");
        const char *type = manifest->media_type;
        if (!type) {
                type = has_manifests ? MEDIA_TYPE_OCI_INDEX : MEDIA_TYPE_OCI_MANIFEST;
                manifest->media_type = strdup(type);
                if (!manifest->media_type)
                        return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        }
        bool is_image = streq(type, MEDIA_TYPE_OCI_MANIFEST) || streq(type, MEDIA_TYPE_DOCKER_MANIFEST);
        manifest->is_index = streq(type, MEDIA_TYPE_OCI_INDEX) || streq(type, MEDIA_TYPE_DOCKER_INDEX);
        if (!is_image && !manifest->is_index)
                return error_set(error, ERROR_UNSUPPORTED, "a manifest of type \"%.100s\" is not known",
                                 type);
        if (is_image ? has_manifests : has_layers)
                return error_set(error, ERROR_CORRUPT, "the manifest is not what its media type says");
        return 0;
}

static int choose_media_type(const json_t *json, const char *transport_type, Manifest *manifest,
                             Error *error) {
        int r = json_get_string(json, "mediaType", &manifest->media_type, error);

        if (r < 0)
                return r;
        if (isempty(manifest->media_type))
                manifest->media_type = (free(manifest->media_type), NULL);
        if (isempty(transport_type) || media_type_is_generic(transport_type))
                return 0;
        size_t n = strcspn(transport_type, "; \t"); /* "; charset=utf-8" */
        if (!manifest->media_type) {
                manifest->media_type = strndup(transport_type, n);
                return manifest->media_type ? 0 : error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        }
        if (strlen(manifest->media_type) != n || strncmp(manifest->media_type, transport_type, n) != 0)
                return error_set(error, ERROR_CORRUPT,
                                 "the manifest says that it is \"%.100s\", but was announced as \"%.100s\"",
                                 manifest->media_type, transport_type);
        return 0;
}

/* ---- images and artifacts ---- */

typedef enum LayerType {
        LAYER_OF_IMAGE,
        LAYER_FOREIGN,      /* of an image, to be had from its author only */
        LAYER_NOT_UNPACKED, /* of an image, packed in a way that we don't know */
        LAYER_OF_ARTIFACT,
} LayerType;

static LayerType layer_type(const char *type) {
        static const struct {
                const char *prefix;
                LayerType type;
        } families[] = {
                { MEDIA_TYPE_OCI_LAYER, LAYER_OF_IMAGE },
                { "application/vnd.docker.image.rootfs.diff.tar", LAYER_OF_IMAGE },
                { "application/vnd.oci.image.layer.nondistributable.", LAYER_FOREIGN },
                { "application/vnd.docker.image.rootfs.foreign.", LAYER_FOREIGN },
                { "application/vnd.oci.image.layer.", LAYER_NOT_UNPACKED },
                { "application/vnd.docker.image.rootfs.", LAYER_NOT_UNPACKED },
        };
        static const char *const suffixes[] = { "", "+gzip", ".gzip", "+zstd", ".zstd" };

        for (size_t i = 0; i < ELEMENTSOF(families); i++) {
                const char *suffix = startswith(type, families[i].prefix);
                if (suffix && families[i].type != LAYER_OF_IMAGE)
                        return families[i].type;
                for (size_t k = 0; suffix && k < ELEMENTSOF(suffixes); k++)
                        if (streq(suffix, suffixes[k]))
                                return LAYER_OF_IMAGE;
        }
        return LAYER_OF_ARTIFACT;
}

static bool has_image_layers(const Manifest *manifest) {
        for (size_t i = 0; i < manifest->layers.n; i++)
                if (layer_type(strempty(LIST_ITEM(&manifest->layers, Descriptor, i)->media_type)) !=
                    LAYER_OF_ARTIFACT)
                        return true;
        return manifest->layers.n == 0;
}

static int check_image_layers(const Manifest *manifest, Error *error) {
        for (size_t i = 0; i < manifest->layers.n; i++) {
                const Descriptor *layer = LIST_ITEM(&manifest->layers, Descriptor, i);
                const char *type = strempty(layer->media_type);

                switch (layer_type(type)) {
                case LAYER_OF_IMAGE:
                        continue;
                case LAYER_FOREIGN:
                        return error_set(error, ERROR_UNSUPPORTED,
                                         "layer %s is a foreign one (\"%.100s\"), which only its author may "
                                         "hand out, and berth fetches none from elsewhere",
                                         layer->digest, type);
                default:
                        return error_set(error, ERROR_UNSUPPORTED,
                                         "a layer of type \"%.100s\" can't be unpacked", type);
                }
        }
        return 0;
}

/* What the thing is, of which the manifest itself or its config, or else its first layer, tells the type. */
static int choose_artifact_type(Manifest *manifest, Error *error) {
        const char *type = strempty(manifest->config.media_type);
        bool image_config = streq(type, MEDIA_TYPE_OCI_CONFIG) || streq(type, MEDIA_TYPE_DOCKER_CONFIG);

        if (isempty(manifest->artifact_type))
                manifest->artifact_type = (free(manifest->artifact_type), NULL);
        if (manifest->artifact_type || (image_config && has_image_layers(manifest)))
                return 0;
        if ((image_config || isempty(type) || streq(type, MEDIA_TYPE_EMPTY)) && manifest->layers.n > 0)
                type = strempty(LIST_ITEM(&manifest->layers, Descriptor, 0)->media_type);
        manifest->artifact_type = strdup(isempty(type) ? "application/octet-stream" : type);
        return manifest->artifact_type ? 0 : error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
}

/* It is shown to people. */
static int check_artifact_type(const char *type, Error *error) {
        if (!type ||
            (strlen(type) <= MEDIA_TYPE_MAX &&
             string_in_charset(type, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                     "!#$&-^_.+/ ;=\"")))
                return 0;
        return error_set(error, ERROR_CORRUPT, "the manifest's artifact type is no media type");
}

static int check_sizes(const Manifest *manifest, Error *error) {
        const ImageLimits *limits = image_limits();

        if (manifest->config.size > limits->config_size)
                return image_limit_exceeded(error, "ConfigSize", "its config is larger than %llu bytes",
                                            (unsigned long long) limits->config_size);
        for (size_t i = 0; i < manifest->layers.n; i++) {
                const Descriptor *layer = LIST_ITEM(&manifest->layers, Descriptor, i);
                if (layer->size > limits->layer_size)
                        return image_limit_exceeded(error, "LayerSize",
                                                    "layer %s has %llu bytes, and %llu is the maximum",
                                                    layer->digest, (unsigned long long) layer->size,
                                                    (unsigned long long) limits->layer_size);
        }
        return 0;
}

static int parse_image(const json_t *json, Manifest *manifest, Error *error) {
        json_t *config, *annotations;
        int r = json_get_object(json, "config", &config, error);

        if (r >= 0 && !config)
                r = error_set(error, ERROR_CORRUPT, "the manifest has no config");
        if (r >= 0)
                r = parse_descriptor(config, &manifest->config, error);
        if (r >= 0)
                r = parse_descriptors(json, "layers", image_limits()->layers, "Layers", &manifest->layers,
                                      error);
        if (r >= 0)
                r = json_get_string(json, "artifactType", &manifest->artifact_type, error);
        if (r >= 0)
                r = json_get_object(json, "annotations", &annotations, error);
        if (r >= 0)
                r = json_get_time(annotations, ANNOTATION_CREATED, &manifest->created, error);
        if (r >= 0)
                r = choose_artifact_type(manifest, error);
        if (r >= 0)
                r = manifest->artifact_type ? check_artifact_type(manifest->artifact_type, error)
                                            : check_image_layers(manifest, error);
        return r < 0 ? r : check_sizes(manifest, error);
}

int manifest_parse(const char *data, size_t size, const char *media_type, Manifest *ret, Error *error) {
        _cleanup_(manifest_done) Manifest manifest = {};
        _cleanup_json_ json_t *json = NULL;
        uint64_t version;

        if (size > image_limits()->manifest_size)
                return image_limit_exceeded(error, "ManifestSize", "the manifest is larger than %llu bytes",
                                            (unsigned long long) image_limits()->manifest_size);
        int r = json_read(data, size, "manifest", &json, error);
        if (r >= 0)
                r = json_get_size(json, "schemaVersion", &version, error);
        if (r < 0)
                return r;
        if (version == 1)
                return error_set(
                        error, ERROR_UNSUPPORTED,
                        "the image has a manifest of Docker's schema 1, which nobody writes since 2017; "
                        "push it again with a newer tool");
        if (version != 2)
                return error_set(error, ERROR_CORRUPT, "the manifest has no schemaVersion 2");
        r = choose_media_type(json, media_type, &manifest, error);
        if (r >= 0)
                r = check_kind(json, &manifest, error);
        if (r >= 0)
                r = manifest.is_index ? parse_descriptors(json, "manifests", image_limits()->index_entries,
                                                          "IndexEntries", &manifest.manifests, error)
                                      : parse_image(json, &manifest, error);
        if (r < 0)
                return r;
        *ret = manifest;
        manifest = (Manifest){};
        return 0;
}

/* ---- choosing ---- */

/* The number in "v7"; an empty variant is the one that the architecture has had from the start. */
static unsigned variant_number(const char *architecture, const char *variant) {
        unsigned number;

        if (!isempty(variant) && variant[0] == 'v' && parse_unsigned(variant + 1, &number) >= 0)
                return number;
        return streq(architecture, "arm64") ? 8 : streq(architecture, "arm") ? 7 : 1;
}

/* How well the entry fits: 0 not at all, UINT_MAX exactly. */
static unsigned entry_fitness(const Descriptor *entry, const Platform *platform) {
        const char *os = strempty(entry->platform.os),
                   *architecture = strempty(entry->platform.architecture);

        if (strv_map_get(entry->annotations, "vnd.docker.reference.type"))
                return 0; /* provenance, not an image */
        bool artifact = !isempty(entry->artifact_type);
        if (isempty(os) && isempty(architecture))
                return artifact ? 0 : 1; /* says nothing: better than nothing */
        if (!streq(os, platform->os) || !streq(architecture, platform->architecture))
                return 0;
        if (artifact)
                return 2;
        if (streq(strempty(entry->platform.variant), strempty(platform->variant)))
                return UINT32_MAX;
        unsigned has = variant_number(architecture, entry->platform.variant);
        unsigned wants = variant_number(architecture, platform->variant);
        return has > wants ? 0 : 2 + has;
}

static int no_entry_fits(const Manifest *index, const Platform *platform, Error *error) {
        _cleanup_(string_buffer_done) StringBuffer there = {};

        for (size_t i = 0; i < index->manifests.n && there.size < 500; i++) {
                const Platform *p = &LIST_ITEM(&index->manifests, Descriptor, i)->platform;
                if (isempty(p->os) || streq(p->os, "unknown"))
                        continue;
                (void) string_buffer_appendf(&there, "%s%.20s/%.20s%s%.20s", there.size > 0 ? ", " : "",
                                             p->os, strempty(p->architecture),
                                             isempty(p->variant) ? "" : "/", strempty(p->variant));
        }
        return error_set(error, ERROR_NO_SUCH_IMAGE, "there is no image for %s/%s%s%s; there is one for %s",
                         platform->os, platform->architecture, platform->variant ? "/" : "",
                         strempty(platform->variant), there.size > 0 ? there.data : "no platform at all");
}

int manifest_select(const Manifest *index, const Platform *platform, const Descriptor **ret, Error *error) {
        const Descriptor *best = NULL;
        unsigned best_fitness = 0;

        for (size_t i = 0; i < index->manifests.n; i++) {
                const Descriptor *entry = LIST_ITEM(&index->manifests, Descriptor, i);
                unsigned fitness = entry_fitness(entry, platform);
                if (fitness > best_fitness) {
                        best = entry;
                        best_fitness = fitness;
                }
        }
        if (!best)
                return no_entry_fits(index, platform, error);
        *ret = best;
        return 0;
}
