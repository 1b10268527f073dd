/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The verb push, in two parts: push.c decides which manifests go where; push-blob.c brings the blobs there, several at a
 * time, and compresses layers on the way that lie here uncompressed.
 *
 * What came from a registry or an oci-archive goes as it came, byte by byte. A manifest that was made here (for a
 * docker-archive) has uncompressed layers; they are compressed once, kept, and remembered in the image's record, and
 * another manifest is pushed. So is one whose layers are uncompressed when the caller asks for a compression.
 *
 * The order makes a push that breaks off harmless: blobs, then the manifests of an index, then what has the name. */

#include <pthread.h>

#include "compress.h"
#include "content-store.h"
#include "remote.h"
#include "worker.h"

#define PUSH_UPLOADS 4

typedef struct Push Push;

typedef struct PushBlob {
        const ImageLayer *layer; /* as the manifest here has it */
        ImageLayer sent;         /* what the registry gets; equal, or compressed */
        bool compress;
        bool quiet; /* a config: nothing that people wait for */
} PushBlob;

struct Push {
        Worker *worker;
        const char *purpose; /* "cannot push docker.io/library/debian:latest" */
        Compression compression;
        ContentStore *content;
        Remote remote;
        Registry *registry;
        RegistrySession *sessions[PUSH_UPLOADS];
        int stop_fd; /* readable once something failed: the other transfers end */
        atomic_bool stopped;
        char **there; /* digests of blobs that the repository has for sure */

        ImageRecord *record; /* of the image under way */
        PushBlob *blobs;
        size_t n_blobs;

        pthread_mutex_t lock; /* of what follows, and of record */
        size_t next;          /* blob to be taken */
        bool record_changed;
        uint64_t size; /* bytes that were sent */
        Error error;   /* the first */
};

/* Brings the blobs of push->record there, and fills in what was sent instead of which. */
int push_blobs(Push *push, Error *error);
bool push_is_stopped(const Push *push);
