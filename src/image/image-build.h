/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Images that are made here: by import, commit, and out of archives that have no manifest. The config is edited as the
 * JSON it is, so that what berth does not know (ONBUILD, Healthcheck, …) is kept. */

#include <jansson.h>

#include "manifest.h"

/* {"architecture", "os", "variant", "config": {}, "rootfs", "history": []} */
int image_document_new(const Platform *platform, json_t **ret, Error *error);
/* Of another image, to go on from. */
int image_document_parse(const char *data, size_t size, json_t **ret, Error *error);
/* The "config" member, made when missing; borrowed. NULL: out of memory. */
json_t *image_document_config(json_t *document);
/* What is set in `config` replaces what is there. */
int image_document_set_config(json_t *document, const ImageConfig *config, Error *error);

typedef struct LayerNote {
        const char *diff_id;
        uint64_t created;
        const char *created_by, *author, *comment; /* may be NULL */
} LayerNote;
/* One more layer: diff id, history, and the time and author of the whole. */
int image_document_add_layer(json_t *document, const LayerNote *note, Error *error);

/* docker: Docker's schema 2 instead of OCI. layers: ImageLayer with digest, size and media_type. */
int image_manifest_write(bool docker, const char *config_digest, uint64_t config_size, const List *layers,
                         char **ret, size_t *ret_size, Error *error);
/* An OCI index. manifests: ImageDescriptor. */
int image_index_write(const List *manifests, char **ret, size_t *ret_size, Error *error);
const char *image_layer_media_type(bool docker, int compression);
