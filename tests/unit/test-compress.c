/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <zlib.h>

#include "compress.h"
#include "digest.h"
#include "string-util.h"
#include "test.h"

static int buffer_write(void *userdata, const void *data, size_t size, Error *error) {
        return string_buffer_append(userdata, data, size);
}

static Sink buffer_sink(StringBuffer *buffer) {
        return (Sink){ .write = buffer_write, .userdata = buffer };
}

/* Text that compresses, with some noise in it. */
static void make_data(StringBuffer *ret, size_t size) {
        uint32_t x = 1;

        while (ret->size < size) {
                x = x * 1664525 + 1013904223;
                (void) string_buffer_appendf(ret, "line %u of many, %s\n", x >> 20,
                                             x & 4096 ? "even" : "odd");
        }
}

static void pack_with_level(Compression compression, int level, const StringBuffer *data,
                            StringBuffer *ret) {
        Sink sink = buffer_sink(ret);
        _cleanup_(compressor_freep) Compressor *c = NULL;

        CHECK(compressor_new_with_level(compression, level, &sink, &c) == 0);
        for (size_t at = 0; at < data->size; at += 10000)
                CHECK(compressor_write(c, data->data + at, MIN(data->size - at, (size_t) 10000), NULL) == 0);
        CHECK(compressor_finish(c, NULL) == 0);
}

static void pack(Compression compression, const StringBuffer *data, StringBuffer *ret) {
        pack_with_level(compression, 0, data, ret);
}

/* Unpacks in input blocks of the size; the kind of the error, or ERROR_NONE. */
static ErrorKind unpack(const void *data, size_t size, size_t block, const DecompressLimits *limits,
                        StringBuffer *ret) {
        MemorySource memory = { .data = data, .size = size, .block = block };
        Source source = memory_source(&memory);
        _cleanup_(decompressor_freep) Decompressor *d = NULL;
        _cleanup_error_ Error error = {};

        CHECK(decompressor_new(&source, limits, &d) == 0);
        source = decompressor_source(d);
        Sink sink = buffer_sink(ret);
        (void) source_copy(&source, &sink, NULL, &error);
        return error.kind;
}

static const Compression kinds[] = { COMPRESSION_NONE, COMPRESSION_GZIP, COMPRESSION_ZSTD };

static void test_round_trip(void) {
        static const size_t sizes[] = { 0, 1, 5, 300, 70000, 3000000 };
        static const size_t blocks[] = { 0, 1, 3, 7, 1000, 65536 };

        for (size_t s = 0; s < ELEMENTSOF(sizes); s++)
                for (size_t k = 0; k < ELEMENTSOF(kinds); k++) {
                        _cleanup_(string_buffer_done) StringBuffer data = {}, packed = {};
                        make_data(&data, sizes[s]);
                        pack(kinds[k], &data, &packed);
                        for (size_t b = 0; b < ELEMENTSOF(blocks); b++) {
                                _cleanup_(string_buffer_done) StringBuffer out = {};
                                if (blocks[b] > 0 && packed.size / blocks[b] > 200000)
                                        continue;
                                CHECK(unpack(packed.data, packed.size, blocks[b], NULL, &out) == ERROR_NONE);
                                CHECK(out.size == data.size);
                                CHECK(data.size == 0 || memcmp(out.data, data.data, data.size) == 0);
                        }
                }
}

static void test_levels(void) {
        static const int highest[] = { [COMPRESSION_GZIP] = 9, [COMPRESSION_ZSTD] = 19 };
        _cleanup_(string_buffer_done) StringBuffer data = {};
        Compressor *none;
        Sink sink = {};

        make_data(&data, 60000);
        for (size_t k = 1; k < ELEMENTSOF(kinds); k++) {
                size_t first = 0, last = 0;
                for (int level = 1; level <= highest[kinds[k]]; level += 2) {
                        _cleanup_(string_buffer_done) StringBuffer packed = {}, again = {}, out = {};
                        pack_with_level(kinds[k], level, &data, &packed);
                        pack_with_level(kinds[k], level, &data, &again);
                        CHECK(packed.size == again.size && memcmp(packed.data, again.data, again.size) == 0);
                        CHECK(unpack(packed.data, packed.size, 0, NULL, &out) == ERROR_NONE);
                        CHECK(out.size == data.size && memcmp(out.data, data.data, data.size) == 0);
                        first = first ?: packed.size;
                        last = packed.size;
                }
                CHECK(last < first);
                CHECK(compressor_new_with_level(kinds[k], highest[kinds[k]] + 1, &sink, &none) == -EINVAL);
                CHECK(compressor_new_with_level(kinds[k], -1, &sink, &none) == -EINVAL);
        }
        CHECK(compressor_new_with_level(COMPRESSION_NONE, 1, &sink, &none) == -EINVAL);
}

static void test_members(void) {
        _cleanup_(string_buffer_done) StringBuffer one = {};

        make_data(&one, 5000);
        for (size_t k = 1; k < ELEMENTSOF(kinds); k++) {
                _cleanup_(string_buffer_done) StringBuffer packed = {};
                for (size_t i = 0; i < 5; i++)
                        pack(kinds[k], &one, &packed);
                if (kinds[k] == COMPRESSION_GZIP)
                        (void) string_buffer_append(&packed, "\0\0\0\0\0\0\0\0\0", 9);
                for (size_t block = 0; block < 40; block++) {
                        _cleanup_(string_buffer_done) StringBuffer out = {};
                        CHECK(unpack(packed.data, packed.size, block, NULL, &out) == ERROR_NONE);
                        CHECK(out.size == 5 * one.size);
                        CHECK(out.size != 5 * one.size ||
                              memcmp(out.data + 4 * one.size, one.data, one.size) == 0);
                }
        }
}

/* Whatever is cut off or changed is noticed. */
static void test_damage(void) {
        _cleanup_(string_buffer_done) StringBuffer data = {};

        make_data(&data, 2000);
        for (size_t k = 1; k < ELEMENTSOF(kinds); k++) {
                _cleanup_(string_buffer_done) StringBuffer packed = {};
                pack(kinds[k], &data, &packed);
                for (size_t n = COMPRESSION_MAGIC_MAX; n < packed.size; n++) {
                        _cleanup_(string_buffer_done) StringBuffer out = {};
                        CHECK(unpack(packed.data, n, 0, NULL, &out) == ERROR_CORRUPT);
                }
                for (size_t n = packed.size - 8; n < packed.size && kinds[k] == COMPRESSION_GZIP; n++) {
                        _cleanup_(string_buffer_done) StringBuffer out = {};
                        packed.data[n] ^= 1;
                        CHECK(unpack(packed.data, packed.size, 0, NULL, &out) == ERROR_CORRUPT);
                        packed.data[n] ^= 1;
                }
                _cleanup_(string_buffer_done) StringBuffer out = {};
                (void) string_buffer_append_string(&packed, "garbage");
                CHECK(unpack(packed.data, packed.size, 0, NULL, &out) == ERROR_CORRUPT);
        }
}

/* zlib's own output with all that a gzip header may have. */
static void test_gzip_header(void) {
        uint8_t packed[1000], extra[] = "EXTRA";
        gz_header header = { .text = 1,
                             .time = 42,
                             .extra = extra,
                             .extra_len = 5,
                             .name = (uint8_t *) "name",
                             .comment = (uint8_t *) "comment",
                             .hcrc = 1 };
        z_stream z = { .next_in = (uint8_t *) "hello",
                       .avail_in = 5,
                       .next_out = packed,
                       .avail_out = sizeof(packed) };

        CHECK(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
        CHECK(deflateSetHeader(&z, &header) == Z_OK);
        CHECK(deflate(&z, Z_FINISH) == Z_STREAM_END);
        size_t size = sizeof(packed) - z.avail_out;
        (void) deflateEnd(&z);
        for (size_t block = 0; block < size; block++) {
                _cleanup_(string_buffer_done) StringBuffer out = {};
                CHECK(unpack(packed, size, block, NULL, &out) == ERROR_NONE);
                CHECK_STRING(out.data, "hello");
        }
}

static void test_limits(void) {
        DecompressLimits limits = { .output = 1000000, .free_output = 100000, .ratio = 100 };
        _cleanup_(string_buffer_done) StringBuffer zeros = {}, text = {};
        static const char block[10000];

        for (size_t i = 0; i < 50; i++)
                (void) string_buffer_append(&zeros, block, sizeof(block));
        make_data(&text, 1000001);
        for (size_t k = 1; k < ELEMENTSOF(kinds); k++) {
                _cleanup_(string_buffer_done) StringBuffer packed = {}, out = {}, big = {}, out2 = {};
                pack(kinds[k], &zeros, &packed);
                CHECK(unpack(packed.data, packed.size, 0, &limits, &out) == ERROR_LIMIT);
                pack(kinds[k], &text, &big);
                CHECK(unpack(big.data, big.size, 0, &limits, &out2) == ERROR_LIMIT);
                CHECK(out2.size <= 1000000);
        }
        _cleanup_(string_buffer_done) StringBuffer out = {};
        CHECK(unpack("BZh91AY", 7, 0, NULL, &out) == ERROR_UNSUPPORTED);
        CHECK(unpack("\xfd"
                     "7zXZ\0more",
                     10, 2, NULL, &out) == ERROR_UNSUPPORTED);
}

static void test_digest(void) {
        char text[DIGEST_TEXT_SIZE];

        digest_of("abc", 3, text);
        CHECK_STRING(text, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        _cleanup_(digest_freep) Digest *digest = digest_new();
        digest_update(digest, "ab", 2);
        digest_update(digest, "c", 1);
        char again[DIGEST_TEXT_SIZE];
        digest_finish(digest, again);
        CHECK_STRING(again, text);
        digest_reset(digest);
        digest_finish(digest, again);
        CHECK_STRING(again, "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");

        MemorySource memory = { .data = "abc", .size = 3, .block = 1 };
        digest_reset(digest);
        DigestSource stage = { .input = memory_source(&memory), .digest = digest };
        _cleanup_(string_buffer_done) StringBuffer out = {};
        Source source = digest_source(&stage);
        Sink sink = buffer_sink(&out);
        CHECK(source_copy(&source, &sink, NULL, NULL) == 0);
        digest_finish(digest, again);
        CHECK_STRING(again, text);
        CHECK(stage.size == 3);
}

int main(void) {
        test_round_trip();
        test_levels();
        test_members();
        test_damage();
        test_gzip_header();
        test_limits();
        test_digest();
        return TEST_RESULT();
}
