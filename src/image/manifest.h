/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Manifests, indexes and configs as strangers write them: OCI image-spec (manifest.md, image-index.md, config.md) and
 * Docker's schema 2. Everything has a limit, and a wrong type anywhere is ERROR_CORRUPT. */

#include "image-spec.h"

#define MANIFEST_SIZE_MAX (4 * MIB)
#define CONFIG_SIZE_MAX (8 * MIB)
#define MANIFEST_LAYERS_MAX 500 /* as many as overlayfs takes */
#define INDEX_ENTRIES_MAX 1000
#define HISTORY_MAX 2000

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
        char **annotations; /* map */
} Descriptor;
extern const ObjectType descriptor_type; /* for list_done; JSON goes through manifest_parse */

typedef struct Manifest {
        char *media_type;
        bool is_index;
        Descriptor config; /* image manifest only */
        List layers;       /* Descriptor */
        List manifests;    /* Descriptor; index only */
} Manifest;

/* media_type: as the transport gave it, or NULL; decides when the document does not say. Docker's schema 1 is
 * ERROR_UNSUPPORTED. Fills *ret (manifest_done). */
int manifest_parse(const char *data, size_t size, const char *media_type, Manifest *ret, Error *error);
void manifest_done(Manifest *manifest);

/* The entry of an index that fits the platform best (exact variant, then the next lower one, then one without);
 * attestations and artifacts are passed over. ERROR_NO_SUCH_IMAGE names what there is. Borrowed from the index. */
int manifest_select(const Manifest *index, const Platform *platform, const Descriptor **ret, Error *error);

/* Reads an image config into the record: id is not set; layers get their diff_id. */
int image_config_parse(const char *data, size_t size, ImageRecord *ret, Error *error);

/* Manifest and config together: fills *ret wholly but for the unpacked sizes. ERROR_CORRUPT when they don't fit. */
int image_record_build(const Manifest *manifest, const char *manifest_digest, uint64_t manifest_size,
                       const char *config, size_t config_size, ImageRecord *ret, Error *error);
