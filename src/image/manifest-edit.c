/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <jansson.h>

#include "json-read.h"
#include "manifest-edit.h"
#include "string-util.h"

static const char *const oci_types[][2] = {
        { MEDIA_TYPE_DOCKER_MANIFEST, MEDIA_TYPE_OCI_MANIFEST },
        { MEDIA_TYPE_DOCKER_INDEX, MEDIA_TYPE_OCI_INDEX },
        { MEDIA_TYPE_DOCKER_CONFIG, MEDIA_TYPE_OCI_CONFIG },
        { MEDIA_TYPE_DOCKER_LAYER_GZIP, MEDIA_TYPE_OCI_LAYER_GZIP },
        { "application/vnd.docker.image.rootfs.diff.tar", MEDIA_TYPE_OCI_LAYER },
        { "application/vnd.docker.image.rootfs.diff.tar.zstd", MEDIA_TYPE_OCI_LAYER_ZSTD },
};

const char *media_type_to_oci(const char *type) {
        for (size_t i = 0; i < ELEMENTSOF(oci_types); i++)
                if (streq_ptr(type, oci_types[i][0]))
                        return oci_types[i][1];
        return type;
}

static int convert_type(json_t *object) {
        const char *type = json_string_value(json_object_get(object, "mediaType"));

        return type ? json_object_set_new(object, "mediaType", json_string(media_type_to_oci(type))) : 0;
}

static int change_descriptor(json_t *entry, const DescriptorChange *changes, size_t n) {
        const char *digest = json_string_value(json_object_get(entry, "digest"));

        for (size_t i = 0; digest && i < n; i++) {
                if (!streq(digest, changes[i].from))
                        continue;
                if (json_object_set_new(entry, "mediaType", json_string(changes[i].media_type)) < 0 ||
                    json_object_set_new(entry, "size", json_integer((json_int_t) changes[i].size)) < 0)
                        return -ENOMEM;
                /* Last, since it frees what was looked for. */
                return json_object_set_new(entry, "digest", json_string(changes[i].digest));
        }
        return 0;
}

static int edit(json_t *json, const DescriptorChange *changes, size_t n, bool to_oci) {
        static const char *const lists[] = { "layers", "manifests" };
        int r = to_oci ? convert_type(json) : 0;
        json_t *entry;
        size_t k;

        if (to_oci && r >= 0)
                r = convert_type(json_object_get(json, "config"));
        for (size_t i = 0; i < ELEMENTSOF(lists); i++)
                json_array_foreach(json_object_get(json, lists[i]), k, entry) {
                        if (to_oci && i == 0 && r >= 0)
                                r = convert_type(entry);
                        if (r >= 0)
                                r = change_descriptor(entry, changes, n);
                }
        return r;
}

int manifest_edit(const char *data, size_t size, const DescriptorChange *changes, size_t n, bool to_oci,
                  char **ret, size_t *ret_size, Error *error) {
        _cleanup_json_ json_t *json = NULL;

        int r = json_read(data, size, "manifest", &json, error);
        if (r < 0)
                return r;
        r = edit(json, changes, n, to_oci);
        char *text = r >= 0 ? json_dumps(json, JSON_COMPACT) : NULL;
        if (!text)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        *ret = text;
        *ret_size = strlen(text);
        return 0;
}
