/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image-limits.h"

#define F(member) offsetof(ImageLimits, member)
#define OVERLAY_LAYERS_MAX 500

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

#define DEFAULTS                                                                                   \
        {                                                                                          \
                .manifest_size = 4 * MIB, .config_size = 8 * MIB, .index_entries = 1000,           \
                .layers = OVERLAY_LAYERS_MAX, .layer_size = 100 * GIB, .unpacked_size = 500 * GIB, \
                .compression_ratio = 1000, .entries = 10 * 1000 * 1000, .path_length = 4095,       \
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
