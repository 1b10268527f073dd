/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz.h"
#include "image-build.h"
#include "manifest.h"

/* A manifest or an index, and the choice of a platform. */
static void try_manifest(const char *text, size_t size) {
        _cleanup_(platform_done) Platform platform = {};
        _cleanup_(manifest_done) Manifest manifest = {};
        _cleanup_error_ Error error = {};
        const Descriptor *chosen;

        if (manifest_parse(text, size, NULL, &manifest, &error) < 0) {
                FUZZ_CHECK(error.kind != ERROR_NONE && error.message);
                return;
        }
        FUZZ_CHECK(platform_parse("linux/arm/v7", &platform, NULL) == 0);
        if (manifest.is_index && manifest_select(&manifest, &platform, &chosen, NULL) >= 0)
                FUZZ_CHECK(digest_is_valid(chosen->digest));
        for (size_t i = 0; i < manifest.layers.n; i++)
                FUZZ_CHECK(digest_is_valid(LIST_ITEM(&manifest.layers, Descriptor, i)->digest));
}

/* A config, and that berth can go on from it. */
static void try_config(const char *text, size_t size) {
        ImageRecord record;
        json_t *document;

        if (image_config_parse(text, size, &record, NULL) < 0)
                return;
        for (size_t i = 0; i < record.layers.n; i++)
                FUZZ_CHECK(digest_is_valid(LIST_ITEM(&record.layers, ImageLayer, i)->diff_id));
        object_done(&image_record_type, &record);
        FUZZ_CHECK(image_document_parse(text, size, &document, NULL) == 0);
        json_decref(document);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        try_manifest((const char *) data, size);
        try_config((const char *) data, size);
        return 0;
}
