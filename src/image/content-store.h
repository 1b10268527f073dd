/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The worker's side of the store (berthd's is image-store.h): adding blobs, layers and image records. Adding is
 * idempotent, and each piece appears under its final name only when it is complete, verified and on disk; so a
 * worker may be killed at any moment, and two may add the same thing at the same time.
 *
 *      blobs/sha256/<hex>           byte-exact
 *      blobs/sha256/.partial-<hex>  the beginning of a blob whose transfer broke off; resumed, or swept after a day
 *      layers/<diff hex>/fs         the unpacked tree
 *      layers/<diff hex>/layer.json an ImageLayer (UnpackedSize)
 *      images/<manifest hex>.json   an ImageRecord
 *
 * The order for an image: layer blobs and layers, then content_publish_image(), which adds config, manifest, record.
 * All functions may be called from any thread. Digests are "sha256:…"; functions that take one expect a valid one. */

#include "image-spec.h"

typedef struct ContentStore ContentStore;

/* What the owner of the store object wants to know and to say; members may be NULL. Called from any thread. */
typedef struct ContentHooks {
        void (*progress)(void *userdata, const char *id, const char *status, uint64_t current,
                         uint64_t total);
        bool (*cancelled)(void *userdata);
        void *userdata;
} ContentHooks;

/* Opens the store in the directory (made by berthd's image_store_open; what is missing is made). */
int content_open(const char *directory, const ContentHooks *hooks, ContentStore **ret, Error *error);
ContentStore *content_close(ContentStore *content); /* after all its writers and unpackings; returns NULL */
DEFINE_CLEANUP(ContentStore *, content_close);

bool content_has_blob(ContentStore *content, const char *digest, uint64_t *ret_size /* may be NULL */);
/* The layer is unpacked; its unpacked size goes to *ret_size (may be NULL). */
bool content_has_layer(ContentStore *content, const char *diff_id, uint64_t *ret_size);
/* The blob for reading, or a negative errno (-ENOENT). */
int content_open_blob(ContentStore *content, const char *digest);
/* A small blob in memory, verified, NUL-terminated. ERROR_CORRUPT when missing or wrong, ERROR_LIMIT. */
int content_read_blob(ContentStore *content, const char *digest, size_t limit, char **ret, size_t *ret_size,
                      Error *error);
/* Adds a blob from memory. *ret_digest may be NULL. */
int content_add_blob(ContentStore *content, const void *data, size_t size, char **ret_digest, Error *error);

/* The last step: the layers that the manifest names are unpacked. Parses both, checks that they fit each other and the
 * layers, adds config, manifest and record. config NULL: it is a blob here already. Fills *ret (object_done). */
int content_publish_image(ContentStore *content, const void *manifest, size_t manifest_size,
                          const char *media_type /* of the manifest, NULL: what it says itself */,
                          const void *config, size_t config_size, ImageRecord *ret, Error *error);
/* Writes a record again that was published. */
int content_update_record(ContentStore *content, const ImageRecord *record, Error *error);
/* The record of a manifest that is published already. Returns 1, or 0 when it isn't, or a layer of it is missing. */
int content_find_image(ContentStore *content, const char *manifest_digest, ImageRecord *ret, Error *error);

/* ---- a blob that arrives in pieces (blob-writer.c) ---- */

typedef struct BlobWriter BlobWriter;

/* digest NULL: not known before the end. resume: takes up what an earlier, broken transfer has left;
 * blob_writer_size() is then where to go on. size UINT64_MAX: unknown; more than that is ERROR_CORRUPT. */
int blob_writer_open(ContentStore *content, const char *digest, uint64_t size, bool resume, BlobWriter **ret,
                     Error *error);
uint64_t blob_writer_size(BlobWriter *writer); /* bytes received so far */
/* Starts again from nothing (the server does not resume). -EBUSY when an unpacking has read of it already. */
int blob_writer_reset(BlobWriter *writer, Error *error);
int blob_writer_append(BlobWriter *writer, const void *data, size_t size, Error *error);
/* All has come: verifies size and digest, makes it durable, gives it its name. ERROR_CORRUPT: it was wrong and is
 * removed. Who follows the writer learns of either. */
int blob_writer_commit(BlobWriter *writer, Error *error);
const char *blob_writer_digest(BlobWriter *writer); /* after commit */
/* Gives up, unless committed: what came is kept as .partial when `keep` and the digest is known, else removed. An
 * unpacking that follows fails with this error (may be NULL). */
void blob_writer_abort(BlobWriter *writer, bool keep, const Error *why);
/* Aborts without keeping, unless committed or aborted. Only after unpack_wait() of who follows. Returns NULL. */
BlobWriter *blob_writer_free(BlobWriter *writer);
DEFINE_CLEANUP(BlobWriter *, blob_writer_free);

/* ---- unpacking (layer-unpack.c) ---- */

typedef struct LayerUnpack LayerUnpack;

/* Unpacks a layer in threads of its own, as many layers at a time as there are processors. The bytes come out of the
 * writer while it is being filled, or out of the blob `layer->digest` when writer is NULL. The compression is detected.
 * layer (borrowed until unpack_wait): diff_id is what it must be, or NULL when it is not known: then it is computed.
 * progress_id: the id for the progress hook ("unpacking", then "done"; total is that of the compressed bytes).
 * Nothing is unpacked when the layer is here already; the writer is then only waited for. */
int unpack_start(ContentStore *content, const ImageLayer *layer, BlobWriter *writer, const char *progress_id,
                 LayerUnpack **ret, Error *error);
/* Readable when the unpacking has ended: for poll(). Borrowed. */
int unpack_fd(LayerUnpack *unpack);
/* Waits for the end, which with a writer comes only after its commit or abort, and frees. The layer is in place when it
 * returns 0; *ret_diff_id and *ret_size (both may be NULL) tell about it. ERROR_CORRUPT for a wrong digest, ERROR_LIMIT
 * for a bomb: nothing is left of it then. */
int unpack_wait(LayerUnpack *unpack, char **ret_diff_id, uint64_t *ret_size, Error *error);

/* The layer once more, out of its blob, in a folder of its own in layers/: to compare with, or to replace one that is
 * damaged (reclaim.h). Blocks; from any thread. layer->diff_id must be known, and come out. */
typedef struct UnpackedCopy {
        char *name;         /* ".tmp-…"; NULL: it has found its place */
        int lock_fd, fs_fd; /* the sweep leaves it alone while lock_fd is open */
        uint64_t size;
} UnpackedCopy;
int unpack_anew(ContentStore *content, const ImageLayer *layer, UnpackedCopy *ret, Error *error);
void unpacked_copy_remove(ContentStore *content, UnpackedCopy *copy);
