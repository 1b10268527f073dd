/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A manifest or an index with other blobs in some places, for what push sends where it can't send what is here. All else
 * in it stays as it is. Pure. */

#include <string.h>

#include "manifest.h"

typedef struct DescriptorChange {
        const char *from; /* digest */
        const char *digest;
        uint64_t size;
        const char *media_type; /* of Docker's or of OCI's, as the manifest is to be */
} DescriptorChange;

/* Replaces entries of an image's layers or an index's manifests. to_oci: a manifest of Docker's becomes an OCI one, with
 * all the types in it. The same input always gives the same bytes. */
int manifest_edit(const char *data, size_t size, const DescriptorChange *changes, size_t n, bool to_oci,
                  char **ret, size_t *ret_size, Error *error);

/* The OCI media type for one of Docker's; what has none is returned as it is. */
const char *media_type_to_oci(const char *type);
static inline bool media_type_is_docker(const char *type) {
        return type && strncmp(type, "application/vnd.docker.", 23) == 0;
}
