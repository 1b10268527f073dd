/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <jansson.h>

#include "digest.h"
#include "image-spec.h"
#include "json-util.h"
#include "signature-manifest.h"
#include "signature.h"
#include "string-util.h"

#define PAYLOAD_MEDIA_TYPE "application/vnd.dev.cosign.simplesigning.v1+json"
#define CONFIG_MEDIA_TYPE "application/vnd.oci.image.config.v1+json"
#define SIGNATURE_ANNOTATION "dev.cosignproject.cosign/signature"

static int out_of_memory(Error *error) {
        return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
}

char *signature_manifest_tag(const char *digest) {
        return string_join("sha256-", digest_hex(digest), ".sig");
}

void signature_manifest_done(SignatureManifest *manifest) {
        for (size_t i = 0; i < manifest->n; i++) {
                free(manifest->entries[i].digest);
                free(manifest->entries[i].signature);
        }
        *manifest = (SignatureManifest){};
}

/* ---- reading ---- */

static int load(const char *data, size_t size, json_t **ret, Error *error) {
        json_error_t where;

        if (size > SIGNATURE_MANIFEST_MAX)
                return error_set(error, ERROR_LIMIT, "the list of signatures is larger than %d bytes",
                                 SIGNATURE_MANIFEST_MAX);
        _cleanup_json_ json_t *json = json_loadb(data, size, JSON_REJECT_DUPLICATES, &where);
        if (!json)
                return error_set(error, ERROR_CORRUPT, "the list of signatures is not valid JSON: %s",
                                 where.text);
        if (!json_is_array(json_object_get(json, "layers")))
                return error_set(error, ERROR_CORRUPT, "the list of signatures is not a manifest");
        *ret = TAKE_PTR(json);
        return 0;
}

/* 0: not a signature. */
static int read_entry(json_t *layer, SignatureEntry *ret, Error *error) {
        const char *type, *digest, *signature;
        json_int_t size;

        if (json_unpack(layer, "{s:s, s:s, s:I, s:{s:s}}", "mediaType", &type, "digest", &digest, "size",
                        &size, "annotations", SIGNATURE_ANNOTATION, &signature) < 0 ||
            !streq(type, PAYLOAD_MEDIA_TYPE) || !digest_is_valid(digest) || size < 0 ||
            size > SIGNATURE_PAYLOAD_MAX || strlen(signature) > SIGNATURE_TEXT_MAX)
                return 0;
        SignatureEntry entry = { strdup(digest), (uint64_t) size, strdup(signature) };
        if (!entry.digest || !entry.signature) {
                free(entry.digest);
                free(entry.signature);
                return out_of_memory(error);
        }
        *ret = entry;
        return 1;
}

int signature_manifest_parse(const char *data, size_t size, SignatureManifest *ret, Error *error) {
        _cleanup_(signature_manifest_done) SignatureManifest manifest = {};
        _cleanup_json_ json_t *json = NULL;
        json_t *layer;
        size_t i;

        int r = load(data, size, &json, error);
        if (r < 0)
                return r;
        json_array_foreach(json_object_get(json, "layers"), i, layer) {
                if (manifest.n == SIGNATURES_MAX)
                        break;
                r = read_entry(layer, &manifest.entries[manifest.n], error);
                if (r < 0)
                        return r;
                manifest.n += r;
        }
        *ret = manifest;
        manifest.n = 0;
        return 0;
}

/* ---- writing ---- */

/* As of an image whose layers are the payloads, which is what cosign makes of it. */
static int make_config(const json_t *layers, char **ret) {
        _cleanup_json_ json_t *diff_ids = json_array();
        json_t *layer;
        size_t i;

        json_array_foreach(layers, i, layer)
                if (json_array_append(diff_ids, json_object_get(layer, "digest")) < 0)
                        return -ENOMEM;
        _cleanup_json_ json_t *config =
                json_pack("{s:s, s:s, s:{}, s:{s:s, s:O}}", "architecture", "", "os", "", "config", "rootfs",
                          "type", "layers", "diff_ids", diff_ids);
        *ret = config ? json_dumps(config, JSON_COMPACT) : NULL;
        return *ret ? 0 : -ENOMEM;
}

static int append(json_t *manifest, const SignatureEntry *entry, char **ret, char **ret_config) {
        json_t *layers = json_object_get(manifest, "layers");
        _cleanup_free_ char *config = NULL;
        char digest[DIGEST_TEXT_SIZE];

        json_t *layer = json_pack("{s:s, s:I, s:s, s:{s:s}}", "mediaType", PAYLOAD_MEDIA_TYPE, "size",
                                  (json_int_t) entry->size, "digest", entry->digest, "annotations",
                                  SIGNATURE_ANNOTATION, entry->signature);
        if (json_array_append_new(layers, layer) < 0 || make_config(layers, &config) < 0)
                return -ENOMEM;
        digest_of(config, strlen(config), digest);
        json_t *descriptor = json_pack("{s:s, s:I, s:s}", "mediaType", CONFIG_MEDIA_TYPE, "size",
                                       (json_int_t) strlen(config), "digest", digest);
        if (json_object_set_new(manifest, "config", descriptor) < 0)
                return -ENOMEM;
        *ret = json_dumps(manifest, JSON_COMPACT);
        *ret_config = TAKE_PTR(config);
        return *ret ? 0 : -ENOMEM;
}

int signature_manifest_append(const char *data, size_t size, const SignatureEntry *entry, char **ret,
                              char **ret_config, Error *error) {
        _cleanup_free_ char *text = NULL, *config = NULL;
        _cleanup_json_ json_t *manifest = NULL;

        if (data) {
                int r = load(data, size, &manifest, error);
                if (r < 0)
                        return r;
                if (json_array_size(json_object_get(manifest, "layers")) >= SIGNATURES_MAX)
                        return error_set(error, ERROR_LIMIT, "it has %d signatures already", SIGNATURES_MAX);
        } else
                manifest = json_pack("{s:i, s:s, s:[]}", "schemaVersion", 2, "mediaType",
                                     MEDIA_TYPE_SIGNATURE_MANIFEST, "layers");
        if (!manifest || append(manifest, entry, &text, &config) < 0)
                return out_of_memory(error);
        *ret = TAKE_PTR(text);
        *ret_config = TAKE_PTR(config);
        return 0;
}
