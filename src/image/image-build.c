/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "compress.h"
#include "image-build.h"
#include "json-read.h"
#include "string-util.h"
#include "strv.h"
#include "time-util.h"

static int out_of_memory(Error *error) {
        return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
}

int image_document_new(const Platform *platform, json_t **ret, Error *error) {
        json_t *document =
                json_pack("{s:s, s:s, s:{}, s:{s:s, s:[]}, s:[]}", "architecture", platform->architecture,
                          "os", platform->os, "config", "rootfs", "type", "layers", "diff_ids", "history");

        if (!document || (!isempty(platform->variant) &&
                          json_object_set_new(document, "variant", json_string(platform->variant)) < 0)) {
                json_decref(document);
                return out_of_memory(error);
        }
        *ret = document;
        return 0;
}

int image_document_parse(const char *data, size_t size, json_t **ret, Error *error) {
        /* Traces of the container in which Docker once made it. */
        static const char *const stale[] = { "container", "container_config", "docker_version", "id",
                                             "parent",    "created",          "author" };
        ImageRecord record;

        int r = image_config_parse(data, size, &record, error); /* so that all is of the right type */
        if (r < 0)
                return r;
        object_done(&image_record_type, &record);
        r = json_read(data, size, "image's config", ret, error);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(stale); i++)
                (void) json_object_del(*ret, stale[i]);
        return r;
}

/* The member, made when it is missing or null; borrowed. */
static json_t *member(json_t *object, const char *key, json_t *(*make)(void) ) {
        json_t *value = json_object_get(object, key);

        if (value && !json_is_null(value))
                return value;
        return json_object_set_new(object, key, make()) < 0 ? NULL : json_object_get(object, key);
}

json_t *image_document_config(json_t *document) {
        return member(document, "config", json_object);
}

static json_t *list_to_json(char *const *list) {
        json_t *array = json_array();

        for (char *const *s = list; array && s && *s; s++)
                if (json_array_append_new(array, json_string(*s)) < 0) {
                        json_decref(array);
                        return NULL;
                }
        return array;
}

static int merge_map(json_t *map, char *const *entries) {
        for (char *const *s = entries; s && *s; s++) {
                const char *equals = strchr(*s, '=');
                _cleanup_free_ char *key = equals ? strndup(*s, equals - *s) : NULL;
                if (!key || json_object_set_new(map, key, json_string(equals + 1)) < 0)
                        return -ENOMEM;
        }
        return 0;
}

static int merge_keys(json_t *map, char *const *keys) {
        for (char *const *s = keys; s && *s; s++)
                if (json_object_set_new(map, *s, json_object()) < 0)
                        return -ENOMEM;
        return 0;
}

static int set_number(json_t *object, const char *key, uint64_t value) {
        return value == 0 ? 0 : json_object_set_new(object, key, json_integer(value));
}

/* What is set replaces the image's, field by field, as when it runs; a duration is in nanoseconds there. */
static int set_health(json_t *config, const HealthCheck *health) {
        const struct {
                const char *key;
                uint64_t usec;
        } durations[] = {
                { "Interval", health->interval },
                { "Timeout", health->timeout },
                { "StartPeriod", health->start_period },
                { "StartInterval", health->start_interval },
        };
        json_t *target = member(config, "Healthcheck", json_object);
        int r = target ? 0 : -ENOMEM;

        if (r >= 0 && !strv_isempty(health->test))
                r = json_object_set_new(target, "Test", list_to_json(health->test));
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(durations); i++)
                r = set_number(target, durations[i].key, MIN(durations[i].usec, UINT64_C(1) << 53) * 1000);
        return r < 0 ? r : set_number(target, "Retries", health->retries);
}

int image_document_set_config(json_t *document, const ImageConfig *config, Error *error) {
        json_t *target = image_document_config(document);
        const struct {
                const char *key, *value;
        } strings[] = {
                { "User", config->user },
                { "WorkingDir", config->working_directory },
                { "StopSignal", config->stop_signal },
        };
        const struct {
                const char *key;
                char *const *value;
        } lists[] = {
                { "Env", config->environment },
                { "Entrypoint", config->entrypoint },
                { "Cmd", config->command },
        };
        int r = target ? 0 : -ENOMEM;

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(strings); i++)
                if (!isempty(strings[i].value))
                        r = json_object_set_new(target, strings[i].key, json_string(strings[i].value));
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(lists); i++)
                if (!strv_isempty(lists[i].value))
                        r = json_object_set_new(target, lists[i].key, list_to_json(lists[i].value));
        if (r >= 0 && !strv_isempty(config->labels))
                r = merge_map(member(target, "Labels", json_object), config->labels);
        if (r >= 0 && !strv_isempty(config->exposed_ports))
                r = merge_keys(member(target, "ExposedPorts", json_object), config->exposed_ports);
        if (r >= 0 && !strv_isempty(config->volumes))
                r = merge_keys(member(target, "Volumes", json_object), config->volumes);
        if (r >= 0 && health_check_is_set(&config->health))
                r = set_health(target, &config->health);
        return r < 0 ? out_of_memory(error) : 0;
}

static int set_text(json_t *object, const char *key, const char *value) {
        return isempty(value) ? 0 : json_object_set_new(object, key, json_string(value));
}

int image_document_add_layer(json_t *document, const LayerNote *note, Error *error) {
        char created[RFC3339_MAX];
        json_t *rootfs = member(document, "rootfs", json_object),
               *history = member(document, "history", json_array);
        json_t *entry = json_object();

        format_rfc3339(note->created, created);
        if (!rootfs || !history || !entry || set_text(entry, "created", created) < 0 ||
            set_text(entry, "created_by", note->created_by) < 0 ||
            set_text(entry, "author", note->author) < 0 || set_text(entry, "comment", note->comment) < 0) {
                json_decref(entry);
                return out_of_memory(error);
        }
        if (json_array_append_new(history, entry) < 0 ||
            json_array_append_new(member(rootfs, "diff_ids", json_array), json_string(note->diff_id)) < 0 ||
            set_text(document, "created", created) < 0 || set_text(document, "author", note->author) < 0)
                return out_of_memory(error);
        return 0;
}

const char *image_layer_media_type(bool docker, int compression) {
        switch ((Compression) compression) {
        case COMPRESSION_GZIP:
                return docker ? MEDIA_TYPE_DOCKER_LAYER_GZIP : MEDIA_TYPE_OCI_LAYER_GZIP;
        case COMPRESSION_ZSTD:
                return docker ? "application/vnd.docker.image.rootfs.diff.tar.zstd"
                              : MEDIA_TYPE_OCI_LAYER_ZSTD;
        default:
                return docker ? "application/vnd.docker.image.rootfs.diff.tar" : MEDIA_TYPE_OCI_LAYER;
        }
}

static json_t *descriptor_to_json(const char *media_type, const char *digest, uint64_t size) {
        return json_pack("{s:s, s:s, s:I}", "mediaType", media_type, "digest", digest, "size",
                         (json_int_t) size);
}

int image_manifest_write(bool docker, const char *config_digest, uint64_t config_size, const List *layers,
                         char **ret, size_t *ret_size, Error *error) {
        json_t *list = json_array();

        for (size_t i = 0; list && i < layers->n; i++) {
                const ImageLayer *layer = LIST_ITEM(layers, ImageLayer, i);
                if (json_array_append_new(
                            list, descriptor_to_json(layer->media_type, layer->digest, layer->size)) < 0)
                        list = (json_decref(list), NULL);
        }
        json_t *config = descriptor_to_json(docker ? MEDIA_TYPE_DOCKER_CONFIG : MEDIA_TYPE_OCI_CONFIG,
                                            config_digest, config_size);
        /* json_pack takes over config and list also when it fails. */
        json_t *manifest = json_pack("{s:i, s:s, s:o, s:o}", "schemaVersion", 2, "mediaType",
                                     docker ? MEDIA_TYPE_DOCKER_MANIFEST : MEDIA_TYPE_OCI_MANIFEST, "config",
                                     config, "layers", list);
        char *text = manifest ? json_dumps(manifest, JSON_COMPACT) : NULL;
        json_decref(manifest);
        if (!text)
                return out_of_memory(error);
        *ret = text;
        *ret_size = strlen(text);
        return 0;
}

static json_t *index_entry_to_json(const ImageDescriptor *entry) {
        json_t *json = descriptor_to_json(entry->media_type, entry->digest, entry->size);
        json_t *platform = json_pack("{s:s, s:s, s:s*}", "architecture", strempty(entry->architecture), "os",
                                     strempty(entry->os), "variant", entry->variant);

        if (json_object_set_new(json, "platform", platform) < 0) {
                json_decref(json);
                return NULL;
        }
        return json;
}

int image_index_write(const List *manifests, char **ret, size_t *ret_size, Error *error) {
        json_t *list = json_array();

        for (size_t i = 0; list && i < manifests->n; i++)
                if (json_array_append_new(list,
                                          index_entry_to_json(LIST_ITEM(manifests, ImageDescriptor, i))) < 0)
                        list = (json_decref(list), NULL);
        json_t *index = json_pack("{s:i, s:s, s:o}", "schemaVersion", 2, "mediaType", MEDIA_TYPE_OCI_INDEX,
                                  "manifests", list);
        char *text = index ? json_dumps(index, JSON_COMPACT) : NULL;
        json_decref(index);
        if (!text)
                return out_of_memory(error);
        *ret = text;
        *ret_size = strlen(text);
        return 0;
}
