/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "image-pieces.h"

/* ---- of one image ---- */

typedef struct PieceArray {
        ImagePiece *items;
        size_t n, allocated;
} PieceArray;

static int add_piece(PieceArray *array, PieceKind kind, const char *digest, uint64_t size) {
        if (!digest_is_valid(digest))
                return 0; /* an artifact's layers are not unpacked, and have no diff id */
        int r = array_reserve(&array->items, &array->allocated, array->n + 1, sizeof(ImagePiece));
        if (r >= 0)
                array->items[array->n++] = (ImagePiece){ digest, kind, size };
        return r;
}

int image_record_pieces(const ImageRecord *record, ImagePiece **ret, size_t *ret_n) {
        PieceArray array = {};

        int r = add_piece(&array, PIECE_BLOB, record->digest, record->manifest_size);
        if (r >= 0)
                r = add_piece(&array, PIECE_BLOB, record->id, 0);
        for (size_t i = 0; r >= 0 && i < record->layers.n; i++) {
                const ImageLayer *layer = LIST_ITEM(&record->layers, ImageLayer, i);
                r = add_piece(&array, PIECE_BLOB, layer->digest, layer->size);
                if (r >= 0)
                        r = add_piece(&array, PIECE_LAYER, layer->diff_id, layer->unpacked_size);
        }
        for (size_t i = 0; r >= 0 && i < record->compressed.n; i++) {
                const ImageLayer *layer = LIST_ITEM(&record->compressed, ImageLayer, i);
                r = add_piece(&array, PIECE_BLOB, layer->digest, layer->size);
        }
        if (r < 0) {
                free(array.items);
                return r;
        }
        *ret = array.items;
        *ret_n = array.n;
        return 0;
}

/* ---- of several ---- */

typedef struct TableItem {
        ImagePiece piece;
        unsigned users;
        unsigned seen; /* the number of the image that it was last counted for */
} TableItem;

struct PieceTable {
        TableItem *items; /* sorted, each piece once */
        size_t n, allocated;
        unsigned round;
        PieceKinds kinds;
};

static int compare(const void *a, const void *b) {
        const ImagePiece *x = &((const TableItem *) a)->piece, *y = &((const TableItem *) b)->piece;

        return x->kind != y->kind ? (x->kind < y->kind ? -1 : 1) : strcmp(x->digest, y->digest);
}

static int collect(PieceTable *table, const ImageRecord *record) {
        _cleanup_free_ ImagePiece *pieces = NULL;
        size_t n;

        int r = image_record_pieces(record, &pieces, &n);
        if (r >= 0)
                r = array_reserve(&table->items, &table->allocated, table->n + n, sizeof(TableItem));
        for (size_t i = 0; r >= 0 && i < n; i++)
                if (table->kinds & 1 << pieces[i].kind)
                        table->items[table->n++] = (TableItem){ .piece = pieces[i] };
        return r;
}

static void sort(PieceTable *table) {
        size_t kept = 0;

        if (table->n > 1)
                qsort(table->items, table->n, sizeof(TableItem), compare);
        for (size_t i = 0; i < table->n; i++) {
                if (kept > 0 && compare(&table->items[kept - 1], &table->items[i]) == 0) {
                        /* The size may be known to one of the images only. */
                        ImagePiece *piece = &table->items[kept - 1].piece;
                        piece->size = MAX(piece->size, table->items[i].piece.size);
                        continue;
                }
                table->items[kept++] = table->items[i];
        }
        table->n = kept;
}

static TableItem *find(const PieceTable *table, PieceKind kind, const char *digest) {
        const TableItem key = { .piece = { digest, kind } };

        return table->n > 0 ? bsearch(&key, table->items, table->n, sizeof(TableItem), compare) : NULL;
}

typedef void (*ItemFunction)(TableItem *item, void *userdata);

/* Each piece of the image once. */
static int for_each(PieceTable *table, const ImageRecord *record, ItemFunction call, void *userdata) {
        _cleanup_free_ ImagePiece *pieces = NULL;
        size_t n;

        int r = image_record_pieces(record, &pieces, &n);
        table->round++;
        for (size_t i = 0; r >= 0 && i < n; i++) {
                TableItem *item = find(table, pieces[i].kind, pieces[i].digest);
                if (!item || item->seen == table->round)
                        continue;
                item->seen = table->round;
                call(item, userdata);
        }
        return r;
}

static void count_user(TableItem *item, void *userdata) {
        item->users++;
}

int piece_table_new(const ImageRecord *const *records, size_t n, PieceKinds kinds, PieceTable **ret) {
        _cleanup_(piece_table_freep) PieceTable *table = new0(PieceTable, 1);
        int r = table ? 0 : -ENOMEM;

        if (r >= 0)
                table->kinds = kinds;
        for (size_t i = 0; r >= 0 && i < n; i++)
                r = collect(table, records[i]);
        if (r < 0)
                return r;
        sort(table);
        for (size_t i = 0; r >= 0 && i < n; i++)
                r = for_each(table, records[i], count_user, NULL);
        if (r >= 0)
                *ret = TAKE_PTR(table);
        return r;
}

PieceTable *piece_table_free(PieceTable *table) {
        if (table)
                free(table->items);
        free(table);
        return NULL;
}

static void add_size(TableItem *item, void *userdata) {
        ImageSizes *sizes = userdata;

        sizes->size += item->piece.size;
        *(item->users > 1 ? &sizes->shared : &sizes->unique) += item->piece.size;
}

int piece_table_sizes(PieceTable *table, const ImageRecord *record, ImageSizes *ret) {
        *ret = (ImageSizes){};
        return for_each(table, record, add_size, ret);
}

size_t piece_table_length(const PieceTable *table) {
        return table->n;
}

const ImagePiece *piece_table_at(const PieceTable *table, size_t i) {
        return &table->items[i].piece;
}

unsigned piece_table_users(const PieceTable *table, PieceKind kind, const char *digest) {
        const TableItem *item = find(table, kind, digest);

        return item ? item->users : 0;
}

static void drop_user(TableItem *item, void *userdata) {
        uint64_t *freed = userdata;

        if (item->users > 0 && --item->users == 0)
                *freed += item->piece.size;
}

int piece_table_drop(PieceTable *table, const ImageRecord *record, uint64_t *ret_freed) {
        uint64_t freed = 0;

        int r = for_each(table, record, drop_user, &freed);
        if (ret_freed)
                *ret_freed = freed;
        return r;
}

uint64_t piece_table_total(const PieceTable *table) {
        uint64_t total = 0;

        for (size_t i = 0; i < table->n; i++)
                if (table->items[i].users > 0)
                        total += table->items[i].piece.size;
        return total;
}
