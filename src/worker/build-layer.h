/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A layer that is made here (import, commit): a tar is pushed in, compressed on the way into its blob, and unpacked
 * behind it; then it becomes the topmost layer of a new image. */

#include <jansson.h>

#include "compress.h"
#include "content-store.h"
#include "image-build.h"

typedef struct LayerBuild {
        ContentStore *content;
        ImageLayer layer;        /* filled by layer_build_finish */
        Compression compression; /* of the blob */
        BlobWriter *writer;
        LayerUnpack *unpack;
        Compressor *compressor;
        bool added_blob, added_layer, published;
} LayerBuild;

/* found: how the data that will be pushed is compressed; add: how to compress it (one of them is NONE). */
int layer_build_start(LayerBuild *build, Compression found, Compression add, Error *error);
Sink layer_build_sink(LayerBuild *build);
int layer_build_finish(LayerBuild *build, Error *error);
/* The image: the layers of base (NULL: none) and this one, and the config. docker: Docker's media types. */
int layer_build_publish(LayerBuild *build, bool docker, const ImageRecord *base, const json_t *document,
                        ImageRecord *ret, Error *error);
/* What did not become an image is deleted. */
void layer_build_done(LayerBuild *build);
