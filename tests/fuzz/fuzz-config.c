/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz.h"
#include "image-build.h"
#include "manifest.h"
#include "string-util.h"

/* What was read can be written and read again, as the store does. */
static void check_record(const ImageRecord *record) {
        ImageRecord copy;
        size_t size;
        _cleanup_free_ char *text =
                object_to_json_text(&image_record_type, record, OBJECT_INTERNAL, false, &size);

        FUZZ_CHECK(text);
        FUZZ_CHECK(object_from_json_text(&image_record_type, &copy, text, size, 0, NULL) == 0);
        FUZZ_CHECK(copy.layers.n == record->layers.n && copy.history.n == record->history.n);
        object_done(&image_record_type, &copy);
}

/* An image's config, and that berth can go on from it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const char digest[] =
                "sha256:0000000000000000000000000000000000000000000000000000000000000000";
        const char *text = (const char *) data;
        ImageRecord record;
        json_t *document;

        if (image_config_parse(text, size, &record, NULL) < 0)
                return 0;
        for (size_t i = 0; i < record.layers.n; i++)
                FUZZ_CHECK(digest_is_valid(LIST_ITEM(&record.layers, ImageLayer, i)->diff_id));
        FUZZ_CHECK(free_and_strdup(&record.digest, digest) >= 0 && free_and_strdup(&record.id, digest) >= 0);
        check_record(&record);
        object_done(&image_record_type, &record);
        FUZZ_CHECK(image_document_parse(text, size, &document, NULL) == 0);
        json_decref(document);
        return 0;
}
