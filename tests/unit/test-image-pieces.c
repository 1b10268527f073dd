/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image-pieces.h"
#include "test.h"

#define D(c) (char *) "sha256:" c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c

/* Two images on one base, which the second has twice; an artifact; an index. */
static ImageLayer of_first[] = {
        { .digest = D("0a"), .diff_id = D("0b"), .size = 100, .unpacked_size = 1000 },
        { .digest = D("1a"), .diff_id = D("1b"), .size = 10, .unpacked_size = 50 },
};
static ImageLayer of_second[] = {
        { .digest = D("0a"), .diff_id = D("0b"), .size = 100, .unpacked_size = 1000 },
        { .digest = D("2a"), .diff_id = D("2b"), .size = 20, .unpacked_size = 70 },
        { .digest = D("0a"), .diff_id = D("0b"), .size = 100, .unpacked_size = 1000 },
};
static ImageLayer packed[] = { { .digest = D("2c"), .diff_id = D("2b"), .size = 7 } };
static ImageLayer of_artifact[] = { { .digest = D("3a"), .size = 5 } };

static const ImageRecord first = {
        .digest = D("11"), .id = D("21"), .manifest_size = 1, .layers = { of_first, 2 }
};
static const ImageRecord second = { .digest = D("12"),
                                    .id = D("22"),
                                    .manifest_size = 2,
                                    .layers = { of_second, 3 },
                                    .compressed = { packed, 1 } };
static const ImageRecord artifact = { .digest = D("13"),
                                      .id = D("23"),
                                      .manifest_size = 3,
                                      .kind = IMAGE_ARTIFACT,
                                      .layers = { of_artifact, 1 } };
static ImageDescriptor of_index[] = { { .digest = D("11") } };
static const ImageRecord index_record = { .digest = D("14"),
                                          .id = D("14"),
                                          .manifest_size = 4,
                                          .kind = IMAGE_INDEX,
                                          .manifests = { of_index, 1 } };

static void test_pieces(void) {
        ImagePiece *pieces;
        size_t n, layers = 0;

        CHECK(image_record_pieces(&second, &pieces, &n) == 0);
        for (size_t i = 0; i < n; i++)
                layers += pieces[i].kind == PIECE_LAYER;
        CHECK(n == 2 + 6 + 1 && layers == 3);
        free(pieces);
        CHECK(image_record_pieces(&artifact, &pieces, &n) == 0);
        CHECK(n == 3);
        CHECK_STRING(pieces[2].digest, D("3a"));
        free(pieces);
        CHECK(image_record_pieces(&index_record, &pieces, &n) == 0);
        CHECK(n == 2); /* its manifest, by both of its names */
        free(pieces);
}

static void check_sizes(PieceTable *table, const ImageRecord *record, uint64_t shared, uint64_t unique) {
        ImageSizes sizes;

        CHECK(piece_table_sizes(table, record, &sizes) == 0);
        CHECK(sizes.shared == shared);
        CHECK(sizes.unique == unique);
        CHECK(sizes.size == shared + unique);
}

static void test_sizes(void) {
        const ImageRecord *all[] = { &first, &second, &artifact, &index_record };
        _cleanup_(piece_table_freep) PieceTable *table = NULL, *layers = NULL, *nothing = NULL;

        CHECK(piece_table_new(all, 4, PIECES_ALL, &table) == 0);
        check_sizes(table, &first, 1100, 1 + 10 + 50);
        check_sizes(table, &second, 1100, 2 + 20 + 70 + 7);
        check_sizes(table, &artifact, 0, 3 + 5);
        check_sizes(table, &index_record, 0, 4);
        CHECK(piece_table_total(table) == 1100 + 61 + 99 + 8 + 4);
        CHECK(piece_table_users(table, PIECE_LAYER, D("0b")) == 2);
        CHECK(piece_table_users(table, PIECE_BLOB, D("0b")) == 0);
        CHECK(piece_table_new(all, 4, PIECE_LAYERS, &layers) == 0);
        check_sizes(layers, &first, 1000, 50);
        check_sizes(layers, &artifact, 0, 0);
        CHECK(piece_table_new(NULL, 0, PIECES_ALL, &nothing) == 0);
        check_sizes(nothing, &first, 0, 0);
        CHECK(piece_table_total(nothing) == 0);
}

static void test_dropping(void) {
        const ImageRecord *all[] = { &first, &second };
        _cleanup_(piece_table_freep) PieceTable *table = NULL;
        uint64_t freed;

        CHECK(piece_table_new(all, 2, PIECES_ALL, &table) == 0);
        CHECK(piece_table_drop(table, &first, &freed) == 0);
        CHECK(freed == 61);
        check_sizes(table, &second, 0, 1199);
        CHECK(piece_table_drop(table, &second, &freed) == 0);
        CHECK(freed == 1199);
        CHECK(piece_table_total(table) == 0);
}

int main(void) {
        test_pieces();
        test_sizes();
        test_dropping();
        return TEST_RESULT();
}
