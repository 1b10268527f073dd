/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Manifests, indexes and configs as strangers write them: OCI image-spec (manifest.md, image-index.md, config.md) and
 * Docker's schema 2. Everything has a limit (image-limits.h), and a wrong type anywhere is ERROR_CORRUPT. */

#include "image-limits.h"
#include "image-spec.h"

#define HISTORY_MAX 1000  /* as many as an ImageRecord may have */
#define INDEX_DEPTH_MAX 3 /* indexes in an index */

#define MEDIA_TYPE_OCI_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define MEDIA_TYPE_OCI_INDEX "application/vnd.oci.image.index.v1+json"
#define MEDIA_TYPE_OCI_CONFIG "application/vnd.oci.image.config.v1+json"
#define MEDIA_TYPE_OCI_LAYER "application/vnd.oci.image.layer.v1.tar"
#define MEDIA_TYPE_OCI_LAYER_GZIP "application/vnd.oci.image.layer.v1.tar+gzip"
#define MEDIA_TYPE_OCI_LAYER_ZSTD "application/vnd.oci.image.layer.v1.tar+zstd"
#define MEDIA_TYPE_DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define MEDIA_TYPE_DOCKER_INDEX "application/vnd.docker.distribution.manifest.list.v2+json"
#define MEDIA_TYPE_DOCKER_CONFIG "application/vnd.docker.container.image.v1+json"
#define MEDIA_TYPE_DOCKER_LAYER_GZIP "application/vnd.docker.image.rootfs.diff.tar.gzip"
/* What a client that takes all of them sends as Accept. */
#define MEDIA_TYPES_ACCEPTED                                                              \
        MEDIA_TYPE_OCI_MANIFEST ", " MEDIA_TYPE_OCI_INDEX ", " MEDIA_TYPE_DOCKER_MANIFEST \
                                ", " MEDIA_TYPE_DOCKER_INDEX

typedef struct Platform {
        char *os;
        char *architecture; /* Go's words: amd64, arm64, arm, … */
        char *variant;      /* "v7" or NULL */
} Platform;

/* "os/arch[/variant]"; NULL or empty: this machine. */
int platform_parse(const char *s, Platform *ret, Error *error);
void platform_done(Platform *platform);

typedef struct Descriptor {
        char *media_type;
        char *digest;
        uint64_t size;
        Platform platform;
        char *artifact_type; /* in an index: of what is no image */
        char **annotations;  /* map */
} Descriptor;
extern const ObjectType descriptor_type; /* for list_done; JSON goes through manifest_parse */

typedef struct Manifest {
        char *media_type;
        bool is_index;
        char *artifact_type; /* what the manifest describes is no image, but this; NULL: an image */
        uint64_t created;    /* annotation, usec; 0: it does not say */
        Descriptor config;   /* image and artifact */
        List layers;         /* Descriptor */
        List manifests;      /* Descriptor; index only */
} Manifest;

/* media_type: as the transport gave it, or NULL; decides when the document does not say. Docker's schema 1, and layers
 * that only their author may hand out (foreign, nondistributable) are ERROR_UNSUPPORTED.
 * An artifact is what says so itself (artifactType), what has no image's config, or an image's config but no single
 * layer of an image (as cosign's signatures). Fills *ret (manifest_done). */
int manifest_parse(const char *data, size_t size, const char *media_type, Manifest *ret, Error *error);
void manifest_done(Manifest *manifest);

/* The entry of an index that fits the platform best (exact variant, then the next lower one, then one without);
 * attestations are passed over, and artifacts unless they are for the platform and no image is. ERROR_NO_SUCH_IMAGE names what there is. Borrowed from the index. */
int manifest_select(const Manifest *index, const Platform *platform, const Descriptor **ret, Error *error);

/* Reads an image config into the record: id is not set; layers get their diff_id. */
int image_config_parse(const char *data, size_t size, ImageRecord *ret, Error *error);

/* Manifest and config together: fills *ret wholly but for the unpacked sizes. ERROR_CORRUPT when they don't fit. An
 * artifact's config is not looked into: it could be anything. */
int image_record_build(const Manifest *manifest, const char *manifest_digest, uint64_t manifest_size,
                       const char *config, size_t config_size, ImageRecord *ret, Error *error);
