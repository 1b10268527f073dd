/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What berth knows of an image: the digest of a manifest and what its config says, made once by the worker from the
 * blobs (which are the truth), kept as /var/lib/berth/images/<manifest hex>.json so that berthd never parses a
 * stranger's JSON. The names live in /var/lib/berth/index.json (OCI image layout, annotation
 * org.opencontainers.image.ref.name).
 * A digest is always written "sha256:" and 64 lower-case hex digits (OCI image-spec, descriptor). */

#include "health-spec.h"
#include "object.h"

#define DIGEST_HEX_LENGTH 64
#define DIGEST_LENGTH (7 + DIGEST_HEX_LENGTH)

typedef struct ImageLayer {
        char *digest;  /* of the compressed blob */
        char *diff_id; /* of the uncompressed tar; names the folder layers/<hex> */
        char *media_type;
        uint64_t size; /* of the blob */
        uint64_t unpacked_size;
} ImageLayer;
extern const ObjectType image_layer_type;

typedef struct ImageHistory {
        uint64_t created;
        char *created_by;
        char *author;
        char *comment;
        bool empty_layer;
} ImageHistory;
extern const ObjectType image_history_type;

/* OCI image-spec config.md, "config". */
typedef struct ImageConfig {
        char *user;
        char **exposed_ports; /* "80/tcp" */
        char **environment;
        char **entrypoint;
        char **command;
        char **volumes;
        char *working_directory;
        char **labels;
        char *stop_signal;
        HealthCheck health;
} ImageConfig;
extern const ObjectType image_config_type;

/* A record may be of more than images that run. */
typedef enum ImageKind {
        IMAGE_RUNNABLE, /* has layers, which are unpacked */
        IMAGE_INDEX, /* an index that was made here: `manifests` says of what, and each of those is an image here */
        IMAGE_ARTIFACT, /* something else that registries keep (a chart, a module, …): its blobs, not unpacked */
} ImageKind;
extern const char *const image_kind_words[]; /* image, index, artifact */

/* An entry of an index. */
typedef struct ImageDescriptor {
        char *digest; /* of the manifest */
        char *media_type;
        uint64_t size;
        char *os, *architecture, *variant;
} ImageDescriptor;
extern const ObjectType image_descriptor_type;

typedef struct ImageRecord {
        char *digest;     /* of the manifest */
        char *media_type; /* of the manifest */
        uint64_t manifest_size;
        int kind;            /* ImageKind */
        char *artifact_type; /* artifact only: its media type */
        char *id; /* digest of the config: what `images` shows as the image's id; of an index, its own digest */
        uint64_t created;
        char *author;
        char *architecture;
        char *os;
        char *variant;
        uint64_t size;          /* unpacked, all layers */
        uint64_t download_size; /* blobs, all layers */
        ImageConfig config;
        List layers;    /* ImageLayer, lowest first, as in the manifest; an artifact's have no diff_id */
        List history;   /* ImageHistory */
        List manifests; /* ImageDescriptor; index only */
        bool made_here; /* its manifest was, for an archive without one: push may send another, with smaller layers */
        /* What `push` has made of layers that the manifest has uncompressed, so that it need not be made again: ImageLayer, whose
         * blobs belong to the image. */
        List compressed;
} ImageRecord;
extern const ObjectType image_record_type;

/* It is an index with this manifest. */
bool image_record_has_manifest(const ImageRecord *record, const char *digest) _pure_;

bool digest_is_valid(const char *s) _pure_;
/* The hex digits of a valid digest. */
static inline const char *digest_hex(const char *digest) {
        return digest + 7;
}
