/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What images consist of, what that takes, and what they share. A piece is a blob or an unpacked layer; each is there
 * once, however many images have it. Who needs what is derived from the records, here and nowhere else. */

#include "image-spec.h"

typedef enum PieceKind {
        PIECE_BLOB,  /* blobs/sha256/<hex>: manifest, config, layers as they travel */
        PIECE_LAYER, /* layers/<hex>: unpacked */
        _PIECE_KIND_MAX,
} PieceKind;

typedef struct ImagePiece {
        const char *digest; /* valid; borrowed from the record */
        PieceKind kind;
        uint64_t size; /* as the record says; of the config it says nothing: 0 */
} ImagePiece;

/* All that the image needs, an own array; the same piece may stand in it several times. An index needs its own manifest:
 * the images that it names are images by themselves. */
int image_record_pieces(const ImageRecord *record, ImagePiece **ret, size_t *ret_n);

/* The pieces of several images, with the number of those that have each. */
typedef struct PieceTable PieceTable;

typedef enum PieceKinds {
        PIECE_BLOBS = 1 << PIECE_BLOB,
        PIECE_LAYERS = 1 << PIECE_LAYER,
        PIECES_ALL = PIECE_BLOBS | PIECE_LAYERS,
} PieceKinds;

typedef struct ImageSizes {
        uint64_t size;   /* shared + unique */
        uint64_t shared; /* that other images of the table have as well */
        uint64_t unique; /* that would be free without this image */
} ImageSizes;

/* The records are borrowed for the life of the table. kinds: what counts. */
int piece_table_new(const ImageRecord *const *records, size_t n, PieceKinds kinds, PieceTable **ret);
PieceTable *piece_table_free(PieceTable *table); /* returns NULL */
DEFINE_CLEANUP(PieceTable *, piece_table_free);

/* Of an image of the table. 0 or -ENOMEM. */
int piece_table_sizes(PieceTable *table, const ImageRecord *record, ImageSizes *ret);
/* All pieces, each once: those of a kind in the order of their digests. */
size_t piece_table_length(const PieceTable *table);
const ImagePiece *piece_table_at(const PieceTable *table, size_t i);
/* How many images of the table have this piece. */
unsigned piece_table_users(const PieceTable *table, PieceKind kind, const char *digest);
/* The image goes: *ret_freed (may be NULL) is what nobody else has. Once for each image. */
int piece_table_drop(PieceTable *table, const ImageRecord *record, uint64_t *ret_freed);
/* All pieces that somebody has, each once. */
uint64_t piece_table_total(const PieceTable *table);
