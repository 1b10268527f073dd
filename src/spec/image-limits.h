/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How much a registry or an archive can make us do; [Limits] in berthd.conf(5). berthd hands them to the worker with each
 * request (WorkerRequest.limits), and the worker's main() makes them those of the process before anything is read. */

#include "object.h"

typedef struct ImageLimits {
        uint64_t manifest_size;     /* bytes of a manifest or an index */
        uint64_t config_size;       /* bytes of an image's config */
        uint64_t index_entries;     /* manifests in an index */
        uint64_t layers;            /* of an image; overlayfs takes 500 */
        uint64_t layer_size;        /* bytes of a blob */
        uint64_t unpacked_size;     /* bytes of all files of a layer */
        uint64_t compression_ratio; /* unpacked bytes for each compressed one, once 512 MiB are unpacked */
        uint64_t entries;           /* files of a layer */
        uint64_t path_length;       /* bytes of a path in a layer */
} ImageLimits;
extern const ObjectType image_limits_type; /* its init sets the defaults */

/* Those of this process: the defaults until image_limits_set(). */
const ImageLimits *image_limits(void);
void image_limits_set(const ImageLimits *limits);

/* ERROR_LIMIT with a sentence that ends in the line of berthd.conf to change. name: one of the fields' ("Entries"). Returns
 * the negative errno. */
int image_limit_exceeded(Error *error, const char *name, const char *format, ...) _printf_(3, 4);
/* That end of the sentence by itself, for those who know nothing of these limits. */
#define IMAGE_LIMIT_HINT(name) " (Limits." name "= in berthd.conf)"
