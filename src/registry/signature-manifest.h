/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The manifest that holds an image's signatures (signature.h). Pure. */

#include "error.h"
#include "macro.h"

#define SIGNATURES_MAX 50 /* of an image; more are not looked at */
#define SIGNATURE_MANIFEST_MAX (1024 * 1024)

#define MEDIA_TYPE_SIGNATURE_MANIFEST "application/vnd.oci.image.manifest.v1+json"

typedef struct SignatureEntry {
        char *digest; /* of the blob with the payload */
        uint64_t size;
        char *signature; /* base 64 */
} SignatureEntry;

typedef struct SignatureManifest {
        SignatureEntry entries[SIGNATURES_MAX];
        size_t n;
} SignatureManifest;
void signature_manifest_done(SignatureManifest *manifest);

/* "sha256-<hex>.sig": the tag that it has beside the image with this digest. */
char *signature_manifest_tag(const char *digest);
/* Layers of other types are passed over. ERROR_CORRUPT for what is no manifest; fills *ret only on success. */
int signature_manifest_parse(const char *data, size_t size, SignatureManifest *ret, Error *error);

/* Makes the manifest with one signature more; data NULL: a first one. What else is in it stays. *ret_config is the config
 * that it names, to be pushed before it. Both are NUL-terminated. ERROR_LIMIT: there are too many already. */
int signature_manifest_append(const char *data, size_t size, const SignatureEntry *entry, char **ret,
                              char **ret_config, Error *error);
