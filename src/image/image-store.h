/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* berthd's side of the store: all images and their names in memory, index.json on disk. Links with nothing but
 * jansson; what parses strangers' bytes is the worker's (content-store.h).
 *
 * index.json (OCI image-layout, image-index) has one entry a name, annotated org.opencontainers.image.ref.name = the
 * canonical reference, and one without annotation for an image that has no name. Which blobs and layers are in use is
 * derived from the records each time, never stored. */

#include "image-spec.h"

typedef struct ImageStore ImageStore;

typedef struct Image {
        ImageRecord record;
        char **names;   /* canonical references, sorted */
        void *userdata; /* of the store's owner; NULL at first */
} Image;

/* Makes the layout where it is missing, takes the lock (ERROR_IN_USE when another process has it) and loads all. A
 * record or index that does not parse is set aside as NAME.corrupt and logged; an entry without record is dropped. */
int image_store_open(const char *directory, ImageStore **ret, Error *error);
ImageStore *image_store_close(ImageStore *store);
DEFINE_CLEANUP(ImageStore *, image_store_close);

size_t image_store_count(const ImageStore *store);
Image *image_store_at(ImageStore *store, size_t i); /* ordered by digest; NULL at the end */
Image *image_store_by_digest(ImageStore *store, const char *manifest_digest);
Image *image_store_by_name(ImageStore *store, const char *canonical);
/* What people write: a name in any form, name@digest, a digest of manifest or config, or an unambiguous prefix (from
 * 4 digits, with or without "sha256:") of either. ERROR_NO_SUCH_IMAGE, ERROR_AMBIGUOUS, ERROR_INVALID. */
int image_store_find(ImageStore *store, const char *text, Image **ret, Error *error);

/* Takes in what a worker has added: reads images/<hex>.json, gives it the names (NULL: none), and writes index.json
 * durably. A name that meant another image moves; ret_untagged (may be NULL) gets the digests of images that lost one. */
int image_store_add(ImageStore *store, const char *manifest_digest, char *const *names, Image **ret,
                    char ***ret_untagged, Error *error);
/* Moves or makes one name. */
int image_store_tag(ImageStore *store, Image *image, const char *canonical, Error *error);
/* Takes one name away; the image stays, without names if it was the last. ERROR_NO_SUCH_IMAGE. */
int image_store_untag(ImageStore *store, const char *canonical, Error *error);
/* Forgets the image with all its names and writes index.json; its files are deleted by a prune job with the garbage
 * that results. `image` is freed. */
int image_store_remove(ImageStore *store, Image *image, Error *error);
/* Several at once: all or none. */
int image_store_remove_all(ImageStore *store, Image *const *images, size_t n, Error *error);

/* Gives up an image whose record is gone (it was left out with a warning), by one of its names or its digest: nobody waits
 * for it any more. Returns 1, or 0 when there is none. */
int image_store_forget_lost(ImageStore *store, const char *reference, Error *error);
/* Writes index.json anew. */
int image_store_save(ImageStore *store, Error *error);

/* When an image was used last, that is, pulled, or a container made of it. usec; UINT64_MAX: can't be known. */
void image_store_touch(ImageStore *store, const Image *image);
uint64_t image_store_last_used(ImageStore *store, const Image *image);
/* Of the file system that the store is on, in bytes. */
int image_store_disk(ImageStore *store, uint64_t *ret_used, uint64_t *ret_size);

/* What only this image (about to be removed or just removed) needs: what prune takes as blobs, layers, records. Nothing
 * of an image that an index here names. A layer or blob that a running job adds is not needed yet either: call it
 * only when no job adds images. */
typedef struct ImageGarbage {
        char **blobs, **layers, **records; /* hex digits */
} ImageGarbage;
int image_store_garbage_of(ImageStore *store, const ImageRecord *record, ImageGarbage *ret);
void image_garbage_done(ImageGarbage *garbage);
/* An index here has the manifest as an entry. ret_index may be NULL. */
bool image_store_index_has(ImageStore *store, const char *digest, Image **ret_index);

/* The lower directories of a container, topmost layer first, absolute. */
int image_store_lower(ImageStore *store, const ImageRecord *record, char ***ret);
