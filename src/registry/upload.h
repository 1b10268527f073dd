/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The requests of a push (distribution specification, "Push"). They block, and are made again as retry.h says; an upload
 * that breaks off goes on from what the registry has of it. */

#include "registry.h"

typedef struct RegistryBlob {
        const char *digest;
        uint64_t size;
        const void *data; /* NULL: */
        int fd;           /* a file with the bytes, read with pread() */
        const char
                *mount_from; /* a repository of the same registry that should have it; NULL: none is known */
        /* Bytes that have been sent, or 0 when it begins again. May be NULL. */
        void (*progress)(void *userdata, uint64_t sent);
        void *userdata;
} RegistryBlob;

/* The repository has the blob: 1, 0, or a negative errno with *error set. */
int registry_has_blob(RegistrySession *session, const char *digest, Error *error);

typedef enum BlobUpload {
        BLOB_UPLOADED,
        BLOB_MOUNTED, /* out of blob->mount_from, and nothing was sent */
} BlobUpload;

/* Uploads a blob that is not there. Returns a BlobUpload, or a negative errno: ERROR_UNAUTHORIZED, ERROR_REGISTRY,
 * ERROR_CORRUPT (the registry has got other bytes), ERROR_CANCELLED. */
int registry_put_blob(RegistrySession *session, const RegistryBlob *blob, Error *error);

/* PUT /v2/<repository>/manifests/<reference>; reference: a tag or the manifest's digest. digest: of data; the registry
 * must come to the same. */
int registry_put_manifest(RegistrySession *session, const char *reference, const char *media_type,
                          const void *data, size_t size, const char *digest, Error *error);
