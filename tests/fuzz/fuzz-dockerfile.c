/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz.h"
#include "image-change.h"
#include "manifest.h"
#include "strv.h"

/* Lines of instructions. What they make of a config is still one. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = fuzz_text(data, size);
        _cleanup_(json_decrefp) json_t *config = json_pack("{s:[s]}", "Env", "PATH=/bin");
        _cleanup_strv_free_ char **lines = NULL;
        _cleanup_error_ Error error = {};

        FUZZ_CHECK(strv_split(text, "\n", &lines) == 0);
        if (image_change_apply(config, lines, &error) < 0) {
                FUZZ_CHECK(error.kind == ERROR_INVALID || error.kind == ERROR_OUT_OF_MEMORY ||
                           error.kind == ERROR_LIMIT);
                return 0;
        }
        json_t *document = json_pack("{s:O, s:{s:s}}", "config", config, "rootfs", "type", "layers");
        _cleanup_free_ char *written = json_dumps(document, JSON_COMPACT);
        json_decref(document);
        ImageRecord record;
        FUZZ_CHECK(written);
        if (image_config_parse(written, strlen(written), &record, NULL) >= 0)
                object_done(&image_record_type, &record);
        return 0;
}
