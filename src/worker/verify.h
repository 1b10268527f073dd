/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The verb verify, in three parts: verify.c hashes the blobs and compares the layers, verify-files.c looks at everything
 * around them, verify-report.c gathers what is wrong.
 *
 * What the store should hold follows from index.json and the records (inventory.h). A blob is what its digest says.
 * An unpacked layer has no digest of its own: one could be written beside it when it is unpacked, but then every pull
 * would hash every byte twice, and the answer would only be as good as that file. So its blob, once it is known to be
 * good, is unpacked anew beside it, by the code that unpacked it first, and the trees are compared; of each layer one
 * copy exists at a time, and for a damaged layer it is the repair as well: it takes its place by one exchange of names.
 *
 * What is repaired, and how:
 *      a blob                it is set aside (NAME.corrupt), never deleted, and can be pulled again: the report says as what
 *      a layer               out of its blob
 *      a record              out of manifest and config
 *      modes and owners      set
 *      orphans, stray files  deleted, when it is certain that nobody needs them
 *      index.json            by berthd, which knows the names, after the worker has ended
 * All of it can be interrupted anywhere, and is then done by the next one. */

#include <jansson.h>
#include <pthread.h>

#include "inventory.h"
#include "worker.h"

typedef struct Verify {
        Worker *worker;
        ContentStore *content;
        int state_fd;
        bool repair;
        Inventory inventory;
        PieceTable *pieces;

        /* What is to be looked at, each once. */
        struct VerifyBlob *blobs;
        struct VerifyLayer *layers;
        size_t n_blobs, n_layers;

        pthread_mutex_t lock; /* of what follows */
        json_t *problems;
        uint64_t done, total; /* bytes */
        Error error;          /* of a thread */
} Verify;

/* ---- verify.c ---- */

/* A blob that was looked at and is whole. */
bool verify_blob_is_good(const Verify *verify, const char *digest);

/* ---- verify-files.c ---- */

/* The files of the layout, modes, owners. Before anything is hashed. */
int verify_files(Verify *verify, Error *error);
/* Records against the blobs that they were read out of; at last, what nobody needs. */
int verify_records(Verify *verify, Error *error);
int verify_orphans(Verify *verify, Error *error);

/* ---- verify-report.c ---- */

typedef struct Problem {
        const char *kind;   /* "damaged", "missing", "orphan", "permissions"; "unchecked": it may be whole */
        const char *object; /* "blob", "layer", "image", "file" */
        const char *name;   /* a digest, or a path in the state directory */
        const char *detail; /* for people; may be NULL */
        bool repaired;
        bool can_be_pulled; /* again, with one of the images that need it */
} Problem;

/* From any thread. */
int verify_found(Verify *verify, const Problem *problem, Error *error);
void verify_progress(Verify *verify, uint64_t bytes);
/* {"Images", "Blobs", "Layers", "Size": how many were looked at, "Problems": [{"Kind", "Object", "Name", "Detail",
 * "Images": [names of those that need it], "Repaired", "Pull": a reference}]}. A new reference, or NULL. */
json_t *verify_report(const Verify *verify);
