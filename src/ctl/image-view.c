/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image-view.h"
#include "reference.h"
#include "string-util.h"

const char *image_short_id(const char *digest) {
        return startswith(digest, "sha256:") ?: digest;
}

char *image_familiar_name(const char *name) {
        _cleanup_(reference_done) Reference parsed = {};
        _cleanup_error_ Error ignored = {};

        return reference_parse(name, &parsed, &ignored) < 0 ? strdup(name) : reference_to_familiar(&parsed);
}

char *image_display_name(const json_t *image) {
        const char *name = json_string_value(json_array_get(json_object_get(image, "Names"), 0));

        return name ? image_familiar_name(name)
                    : strndup(image_short_id(json_text(image, "Digest")), IMAGE_ID_SHORT);
}
