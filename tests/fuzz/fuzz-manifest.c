/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz.h"
#include "manifest.h"

/* What an artifact's manifest says is all that is known of it. */
static void try_artifact(const Manifest *manifest) {
        static const char digest[] =
                "sha256:0000000000000000000000000000000000000000000000000000000000000000";
        ImageRecord record;

        FUZZ_CHECK(image_record_build(manifest, digest, 1, "?", 1, &record, NULL) == 0);
        FUZZ_CHECK(record.kind == IMAGE_ARTIFACT && record.layers.n == manifest->layers.n);
        FUZZ_CHECK(image_record_type.validate(&record, NULL) == 0);
        object_done(&image_record_type, &record);
}

/* A manifest or an index, and the choice of a platform. */
static void try_manifest(const char *text, size_t size, const char *media_type) {
        _cleanup_(platform_done) Platform platform = {};
        _cleanup_(manifest_done) Manifest manifest = {};
        _cleanup_error_ Error error = {};
        const Descriptor *chosen;

        if (manifest_parse(text, size, media_type, &manifest, &error) < 0) {
                FUZZ_CHECK(error.kind != ERROR_NONE && error.message);
                return;
        }
        FUZZ_CHECK(platform_parse("linux/arm/v7", &platform, NULL) == 0);
        if (manifest.is_index && manifest_select(&manifest, &platform, &chosen, NULL) >= 0)
                FUZZ_CHECK(digest_is_valid(chosen->digest));
        if (manifest.artifact_type)
                try_artifact(&manifest);
        for (size_t i = 0; i < manifest.layers.n; i++)
                FUZZ_CHECK(digest_is_valid(LIST_ITEM(&manifest.layers, Descriptor, i)->digest));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const char *const types[] = { NULL, MEDIA_TYPE_OCI_MANIFEST, MEDIA_TYPE_OCI_INDEX,
                                             MEDIA_TYPE_DOCKER_INDEX, "application/json; charset=utf-8" };

        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                try_manifest((const char *) data, size, types[i]);
        return 0;
}
