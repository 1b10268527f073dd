/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "json-read.h"
#include "manifest.h"
#include "string-util.h"
#include "time-util.h"

/* Docker counts in nanoseconds. */
static int get_duration(const json_t *json, const char *key, uint64_t *ret, Error *error) {
        int r = json_get_size(json, key, ret, error);

        *ret /= 1000;
        return r;
}

/* Docker's HEALTHCHECK. */
static int parse_health(const json_t *config, HealthCheck *ret, Error *error) {
        const struct {
                const char *key;
                uint64_t *target;
        } durations[] = {
                { "Interval", &ret->interval },
                { "Timeout", &ret->timeout },
                { "StartPeriod", &ret->start_period },
                { "StartInterval", &ret->start_interval },
        };
        uint64_t retries;
        json_t *json;

        int r = json_get_object(config, "Healthcheck", &json, error);
        if (r < 0 || !json)
                return r;
        r = json_get_strv(json, "Test", &ret->test, error);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(durations); i++)
                r = get_duration(json, durations[i].key, durations[i].target, error);
        if (r >= 0)
                r = json_get_size(json, "Retries", &retries, error);
        if (r < 0)
                return r;
        ret->retries = MIN(retries, (uint64_t) UINT32_MAX);
        if (health_check_type.validate(ret, error) < 0)
                return error->kind = ERROR_CORRUPT, -EBADMSG;
        return 0;
}

static int parse_runtime_config(const json_t *json, ImageConfig *ret, Error *error) {
        const struct {
                const char *key;
                int (*get)(const json_t *, const char *, char ***, Error *);
                char ***target;
        } lists[] = {
                { "ExposedPorts", json_get_keys, &ret->exposed_ports },
                { "Env", json_get_strv, &ret->environment },
                { "Entrypoint", json_get_strv, &ret->entrypoint },
                { "Cmd", json_get_strv, &ret->command },
                { "Volumes", json_get_keys, &ret->volumes },
                { "Labels", json_get_map, &ret->labels },
        };
        const struct {
                const char *key;
                char **target;
        } strings[] = {
                { "User", &ret->user },
                { "WorkingDir", &ret->working_directory },
                { "StopSignal", &ret->stop_signal },
        };
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(lists); i++)
                r = lists[i].get(json, lists[i].key, lists[i].target, error);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(strings); i++)
                r = json_get_string(json, strings[i].key, strings[i].target, error);
        return r < 0 ? r : parse_health(json, &ret->health, error);
}

static int parse_history(const json_t *json, List *ret, Error *error) {
        json_t *array, *item;
        size_t i;

        int r = json_get_array(json, "history", HISTORY_MAX, &array, error);
        if (r < 0)
                return r;
        json_array_foreach(array, i, item) {
                ImageHistory *history = list_append(ret, &image_history_type);
                if (!history)
                        return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
                r = json_get_time(item, "created", &history->created, error);
                if (r >= 0)
                        r = json_get_string(item, "created_by", &history->created_by, error);
                if (r >= 0)
                        r = json_get_string(item, "author", &history->author, error);
                if (r >= 0)
                        r = json_get_string(item, "comment", &history->comment, error);
                if (r >= 0)
                        r = json_get_bool(item, "empty_layer", &history->empty_layer, error);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int parse_rootfs(const json_t *json, List *ret, Error *error) {
        _cleanup_free_ char *type = NULL;
        json_t *rootfs, *array, *item;
        size_t i;

        int r = json_get_object(json, "rootfs", &rootfs, error);
        if (r >= 0 && !rootfs)
                r = error_set(error, ERROR_CORRUPT, "the image's config has no rootfs");
        if (r >= 0)
                r = json_get_string(rootfs, "type", &type, error);
        if (r >= 0 && !streq(strempty(type), "layers"))
                r = error_set(error, ERROR_CORRUPT,
                              "the image's rootfs is of type \"%.80s\" instead of \"layers\"",
                              strempty(type));
        if (r >= 0)
                r = json_get_array(rootfs, "diff_ids", SIZE_MAX, &array, error);
        if (r < 0)
                return r;
        if (json_array_size(array) > image_limits()->layers)
                return image_limit_exceeded(error, "Layers",
                                            "the image's config has %zu layers, and %llu is "
                                            "the maximum",
                                            json_array_size(array),
                                            (unsigned long long) image_limits()->layers);
        json_array_foreach(array, i, item) {
                if (!digest_is_valid(json_string_value(item)))
                        return error_set(error, ERROR_CORRUPT,
                                         "a diff id in the image's config is malformed");
                ImageLayer *layer = list_append(ret, &image_layer_type);
                if (!layer || free_and_strdup(&layer->diff_id, json_string_value(item)) < 0)
                        return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        }
        return 0;
}

static int parse_config(const json_t *json, ImageRecord *record, Error *error) {
        json_t *config = NULL;
        int r = json_get_time(json, "created", &record->created, error);

        if (r >= 0)
                r = json_get_string(json, "author", &record->author, error);
        if (r >= 0)
                r = json_get_string(json, "architecture", &record->architecture, error);
        if (r >= 0)
                r = json_get_string(json, "os", &record->os, error);
        if (r >= 0)
                r = json_get_string(json, "variant", &record->variant, error);
        if (r >= 0)
                r = json_get_object(json, "config", &config, error);
        if (r >= 0 && config)
                r = parse_runtime_config(config, &record->config, error);
        if (r >= 0)
                r = parse_history(json, &record->history, error);
        if (r >= 0)
                r = parse_rootfs(json, &record->layers, error);
        return r;
}

int image_config_parse(const char *data, size_t size, ImageRecord *ret, Error *error) {
        _cleanup_json_ json_t *json = NULL;

        if (size > image_limits()->config_size)
                return image_limit_exceeded(error, "ConfigSize",
                                            "the image's config is larger than %llu bytes",
                                            (unsigned long long) image_limits()->config_size);
        int r = json_read(data, size, "image's config", &json, error);
        if (r < 0)
                return r;
        object_init(&image_record_type, ret);
        r = parse_config(json, ret, error);
        if (r < 0)
                object_done(&image_record_type, ret);
        return r;
}

static int fill_from_manifest(const Manifest *manifest, const char *digest, uint64_t size,
                              ImageRecord *record) {
        record->manifest_size = size;
        record->download_size = 0;
        if (free_and_strdup(&record->digest, digest) < 0 ||
            free_and_strdup(&record->media_type, manifest->media_type) < 0 ||
            free_and_strdup(&record->id, manifest->config.digest) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < manifest->layers.n; i++) {
                const Descriptor *from = LIST_ITEM(&manifest->layers, Descriptor, i);
                ImageLayer *layer = LIST_ITEM(&record->layers, ImageLayer, i);
                layer->size = from->size;
                if (__builtin_add_overflow(record->download_size, from->size, &record->download_size))
                        record->download_size = UINT64_MAX;
                if (free_and_strdup(&layer->digest, from->digest) < 0 ||
                    free_and_strdup(&layer->media_type, from->media_type) < 0)
                        return -ENOMEM;
        }
        return 0;
}

static int artifact_init(const Manifest *manifest, ImageRecord *ret) {
        object_init(&image_record_type, ret);
        ret->kind = IMAGE_ARTIFACT;
        ret->created = manifest->created;
        for (size_t i = 0; i < manifest->layers.n; i++)
                if (!list_append(&ret->layers, &image_layer_type))
                        return -ENOMEM;
        return free_and_strdup(&ret->artifact_type, manifest->artifact_type);
}

int image_record_build(const Manifest *manifest, const char *manifest_digest, uint64_t manifest_size,
                       const char *config, size_t config_size, ImageRecord *ret, Error *error) {
        int r = 0;

        if (!manifest->artifact_type)
                r = image_config_parse(config, config_size, ret, error);
        else if (artifact_init(manifest, ret) < 0) {
                object_done(&image_record_type, ret);
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        }
        if (r < 0)
                return r;
        if (ret->layers.n != manifest->layers.n)
                r = error_set(error, ERROR_CORRUPT, "the manifest has %zu layers, but the config %zu",
                              manifest->layers.n, ret->layers.n);
        else if (fill_from_manifest(manifest, manifest_digest, manifest_size, ret) < 0)
                r = error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        if (r < 0)
                object_done(&image_record_type, ret);
        return r;
}
