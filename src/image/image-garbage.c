/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "image-pieces.h"
#include "image-store-internal.h"
#include "string-util.h"
#include "strv.h"

void image_garbage_done(ImageGarbage *garbage) {
        strv_free(garbage->blobs);
        strv_free(garbage->layers);
        strv_free(garbage->records);
        *garbage = (ImageGarbage){};
}

bool image_store_index_has(ImageStore *store, const char *digest, Image **ret_index) {
        for (size_t i = 0; i < store->n_images; i++)
                if (image_record_has_manifest(&store->images[i]->record, digest)) {
                        if (ret_index)
                                *ret_index = store->images[i];
                        return true;
                }
        return false;
}

static int table_of_others(ImageStore *store, const ImageRecord *except, PieceTable **ret) {
        _cleanup_free_ const ImageRecord **records = new0(const ImageRecord *, store->n_images + 1);
        size_t n = 0;

        if (!records)
                return -ENOMEM;
        for (size_t i = 0; i < store->n_images; i++)
                if (!streq(store->images[i]->record.digest, except->digest))
                        records[n++] = &store->images[i]->record;
        return piece_table_new(records, n, PIECES_ALL, ret);
}

static int take_unneeded(const PieceTable *others, const ImageRecord *record, ImageGarbage *garbage) {
        _cleanup_free_ ImagePiece *pieces = NULL;
        size_t n;

        int r = image_record_pieces(record, &pieces, &n);
        for (size_t i = 0; r >= 0 && i < n; i++) {
                const char *hex = digest_hex(pieces[i].digest);
                char ***list = pieces[i].kind == PIECE_LAYER ? &garbage->layers : &garbage->blobs;
                if (piece_table_users(others, pieces[i].kind, pieces[i].digest) == 0 &&
                    !strv_contains(*list, hex))
                        r = strv_extend(list, hex);
        }
        return r;
}

int image_store_garbage_of(ImageStore *store, const ImageRecord *record, ImageGarbage *ret) {
        _cleanup_(image_garbage_done) ImageGarbage garbage = {};
        _cleanup_(piece_table_freep) PieceTable *others = NULL;
        int r = 0;

        if (!image_store_index_has(store, record->digest, NULL)) {
                r = table_of_others(store, record, &others);
                if (r >= 0)
                        r = take_unneeded(others, record, &garbage);
                if (r >= 0)
                        r = strv_extend(&garbage.records, digest_hex(record->digest));
        }
        if (r < 0)
                return r;
        *ret = garbage;
        garbage = (ImageGarbage){};
        return 0;
}
