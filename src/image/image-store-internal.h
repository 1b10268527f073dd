/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Between image-store.c (objects), image-index.c (index.json) and image-garbage.c. */

#include <jansson.h>

#include "image-store.h"

typedef struct ImageName {
        char *name; /* canonical */
        Image *image;
} ImageName;

typedef struct NameTable {
        ImageName *items; /* sorted by name */
        size_t n;
} NameTable;

struct ImageStore {
        char *directory;
        int fd, images_fd;
        Image **images; /* sorted by digest */
        size_t n_images, allocated;
        NameTable names; /* the truth; Image.names follow from it */
        json_t *lost; /* entries of index.json whose record is gone: kept, until verify --repair or a pull */
};

/* Loads names and images. */
int image_index_load(ImageStore *store, Error *error);
int image_index_save(ImageStore *store, Error *error);

/* Adds the image that a record describes; takes *record over (zeroed). An image with this digest is updated. */
int image_store_insert(ImageStore *store, ImageRecord *record, Image **ret);
int image_store_load_record(ImageStore *store, const char *digest, ImageRecord *ret, Error *error);
/* Adds or moves a name. *ret_previous: the image that had it, or NULL. */
int name_table_set(NameTable *table, const char *name, Image *image, Image **ret_previous);
int image_store_names_changed(ImageStore *store); /* brings Image.names up to date */
