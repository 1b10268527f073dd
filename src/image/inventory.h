/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the store ought to hold, as the worker sees it: the images that index.json names and those that its indexes name,
 * with their records. A record that can't be read is made anew, in memory, from the blobs that it came from. */

#include "content-store.h"
#include "image-pieces.h"

typedef struct StoredImage {
        char *digest;
        char **names;       /* as index.json has them; an image of an index may have none */
        ImageRecord record; /* if known */
        bool known;
        Error problem; /* of the record's file */
        Error lost;    /* why it can't be made anew: not known */
} StoredImage;

typedef struct Inventory {
        StoredImage *images;
        size_t n, allocated;
        Error index_problem; /* index.json can't be used: then these are all images that have records */
} Inventory;

/* Fails only when the store can't be read at all. */
int inventory_load(ContentStore *content, Inventory *ret, Error *error);
void inventory_done(Inventory *inventory);
StoredImage *inventory_find(Inventory *inventory, const char *digest);
/* Everything that is needed is known: what else there is may be deleted. */
bool inventory_is_complete(const Inventory *inventory);
/* Who needs what; borrows from the inventory. */
int inventory_pieces(const Inventory *inventory, PieceTable **ret);

/* Writes the record's file anew, out of the blobs, when all that it needs is there. */
int content_restore_record(ContentStore *content, const char *digest, ImageRecord *ret, Error *error);
/* The record as the blobs say it, without what layers take unpacked. */
int image_record_from_blobs(ContentStore *content, const char *digest, ImageRecord *ret, Error *error);
