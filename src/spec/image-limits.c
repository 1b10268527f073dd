/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdarg.h>

#include "image-limits.h"
#include "string-util.h"

#define F(member) offsetof(ImageLimits, member)
#define OVERLAY_LAYERS_MAX 500
#define PATH_LENGTH_MAX 4095 /* PATH_MAX, without the NUL */
#define DOCUMENT_SIZE_MAX (16 * MIB)

static const Field fields[] = {
        { "ManifestSize", FIELD_UINT64, F(manifest_size), FIELD_ALWAYS, .key = "Limits.ManifestSize" },
        { "ConfigSize", FIELD_UINT64, F(config_size), FIELD_ALWAYS, .key = "Limits.ConfigSize" },
        { "IndexEntries", FIELD_UINT64, F(index_entries), FIELD_ALWAYS, .key = "Limits.IndexEntries" },
        { "Layers", FIELD_UINT64, F(layers), FIELD_ALWAYS, .key = "Limits.Layers" },
        { "LayerSize", FIELD_UINT64, F(layer_size), FIELD_ALWAYS, .key = "Limits.LayerSize" },
        { "UnpackedSize", FIELD_UINT64, F(unpacked_size), FIELD_ALWAYS, .key = "Limits.UnpackedSize" },
        { "CompressionRatio", FIELD_UINT64, F(compression_ratio), FIELD_ALWAYS,
          .key = "Limits.CompressionRatio" },
        { "Entries", FIELD_UINT64, F(entries), FIELD_ALWAYS, .key = "Limits.Entries" },
        { "PathLength", FIELD_UINT64, F(path_length), FIELD_ALWAYS, .key = "Limits.PathLength" },
        {},
};

#define DEFAULTS                                                                                        \
        {                                                                                               \
                .manifest_size = 4 * MIB, .config_size = 8 * MIB, .index_entries = 1000,                \
                .layers = OVERLAY_LAYERS_MAX, .layer_size = 100 * GIB, .unpacked_size = 500 * GIB,      \
                .compression_ratio = 1000, .entries = 10 * 1000 * 1000, .path_length = PATH_LENGTH_MAX, \
        }

static void init(void *object) {
        *(ImageLimits *) object = (ImageLimits) DEFAULTS;
}

/* More than the kernel can do is no limit. */
static int validate(const void *object, Error *error) {
        const ImageLimits *limits = object;

        if (limits->layers > OVERLAY_LAYERS_MAX)
                return error_set(error, ERROR_INVALID, "limits: overlayfs takes %d layers at most",
                                 OVERLAY_LAYERS_MAX);
        if (limits->compression_ratio == 0)
                return error_set(error, ERROR_INVALID, "limits: CompressionRatio= is at least 1");
        if (limits->path_length > PATH_LENGTH_MAX)
                return error_set(error, ERROR_INVALID, "limits: the kernel takes paths of %d bytes at most",
                                 PATH_LENGTH_MAX);
        if (limits->manifest_size > DOCUMENT_SIZE_MAX || limits->config_size > DOCUMENT_SIZE_MAX)
                return error_set(error, ERROR_INVALID,
                                 "limits: manifests and configs are held in memory, and may have %llu bytes "
                                 "at most",
                                 (unsigned long long) DOCUMENT_SIZE_MAX);
        return 0;
}

const ObjectType image_limits_type = { "limits", sizeof(ImageLimits), fields, init, validate };

static ImageLimits current = DEFAULTS;

const ImageLimits *image_limits(void) {
        return &current;
}

void image_limits_set(const ImageLimits *limits) {
        current = *limits;
}

int image_limit_exceeded(Error *error, const char *name, const char *format, ...) {
        _cleanup_free_ char *what = NULL;
        va_list arguments;

        va_start(arguments, format);
        int n = vasprintf(&what, format, arguments);
        va_end(arguments);
        if (n < 0) {
                what = NULL;
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        }
        return error_set(error, ERROR_LIMIT, "%s (Limits.%s= in berthd.conf)", what, name);
}
