/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log-line.h"
#include "string-util.h"
#include "test.h"

/* Puts the stream through in chunks and back together. Returns the number of pieces. */
static size_t round_trip(const char *stream, size_t size, size_t chunk, StringBuffer *ret) {
        _cleanup_(log_line_done) LogLine line = {};
        LogPiece piece;
        size_t n = 0;

        *ret = (StringBuffer){};
        for (size_t offset = 0; offset < size; offset += chunk) {
                const char *data = stream + offset;
                size_t left = MIN(chunk, size - offset);
                int r;

                while ((r = log_line_next(&line, &data, &left, &piece)) > 0) {
                        CHECK(piece.size <= LOG_PIECE_MAX);
                        CHECK(!memchr(piece.data, '\n', piece.size));
                        CHECK(string_buffer_append(ret, piece.data, piece.size) >= 0);
                        if (!piece.partial)
                                CHECK(string_buffer_append(ret, "\n", 1) >= 0);
                        n++;
                }
                CHECK(r == 0 && left == 0);
        }
        while (log_line_finish(&line, &piece) > 0) {
                CHECK(piece.partial);
                CHECK(string_buffer_append(ret, piece.data, piece.size) >= 0);
                n++;
        }
        return n;
}

static void check_exact(const char *stream, size_t size, size_t chunk, size_t pieces) {
        StringBuffer out;
        size_t n = round_trip(stream, size, chunk, &out);

        CHECK(out.size == size && (size == 0 || memcmp(out.data, stream, size) == 0));
        if (pieces > 0)
                CHECK(n == pieces);
        string_buffer_done(&out);
}

static void test_short(void) {
        static const char *const streams[] = {
                "", "\n", "a", "a\n", "\n\n\n", "a\nb", "one\ntwo\nthree\n", "\r\n"
        };

        for (size_t i = 0; i < ELEMENTSOF(streams); i++)
                for (size_t chunk = 1; chunk <= 16; chunk++)
                        check_exact(streams[i], strlen(streams[i]), chunk, 0);
        check_exact("one\ntwo\nthree", 13, 5, 3);
        check_exact("a\0b\nc\0\n", 7, 2, 2);
}

/* Around the size at which a line is cut, in chunks that end anywhere. */
static void test_long(void) {
        static const size_t chunks[] = {
                1, 7, 4096, LOG_PIECE_MAX - 1, LOG_PIECE_MAX, LOG_PIECE_MAX + 1, 32 * 1024
        };
        enum { SIZE = 5 * LOG_PIECE_MAX };
        _cleanup_free_ char *stream = malloc(SIZE);

        for (size_t i = 0; i < SIZE; i++)
                stream[i] = 'a' + i % 26;
        for (size_t c = 0; c < ELEMENTSOF(chunks); c++)
                for (size_t size = LOG_PIECE_MAX - 2; size <= LOG_PIECE_MAX + 2; size++) {
                        check_exact(stream, size, chunks[c], 0);
                        stream[size - 1] = '\n';
                        check_exact(stream, size, chunks[c], 0);
                        stream[size - 1] = 'x';
                }
        stream[LOG_PIECE_MAX] = '\n';
        check_exact(stream, LOG_PIECE_MAX + 1, 32 * 1024, 1);
        stream[LOG_PIECE_MAX] = 'x';
        check_exact(stream, SIZE, 32 * 1024, 5);
}

/* A piece never ends within a character, wherever the chunks end. */
static void test_characters(void) {
        static const char euro[] = "\xE2\x82\xAC", clef[] = "\xF0\x9D\x84\x9E";
        _cleanup_(string_buffer_done) StringBuffer stream = {};
        static const size_t chunks[] = { 5, 4099, 32 * 1024 };

        CHECK(string_buffer_append(&stream, "x", 1) >= 0);
        while (stream.size < 4 * LOG_PIECE_MAX)
                CHECK(string_buffer_append_string(&stream, stream.size % 2 ? euro : clef) >= 0);
        for (size_t c = 0; c < ELEMENTSOF(chunks); c++) {
                _cleanup_(log_line_done) LogLine line = {};
                for (size_t offset = 0; offset < stream.size; offset += chunks[c]) {
                        const char *data = stream.data + offset;
                        size_t left = MIN(chunks[c], stream.size - offset);
                        LogPiece piece;
                        while (log_line_next(&line, &data, &left, &piece) > 0)
                                CHECK(utf8_is_valid(piece.data, piece.size));
                }
                check_exact(stream.data, stream.size, chunks[c], 0);
        }
}

/* What is not UTF-8 at all must get through just the same. */
static void test_noise(void) {
        enum { SIZE = 300000 };
        _cleanup_free_ char *stream = malloc(SIZE);
        uint32_t x = 12345;

        for (size_t i = 0; i < SIZE; i++) {
                x = x * 1664525 + 1013904223;
                stream[i] = i < SIZE / 2 ? (char) 0xE2 : (char) (x >> 24);
        }
        check_exact(stream, SIZE, 32 * 1024, 0);
        check_exact(stream, SIZE, 1000, 0);
}

int main(void) {
        test_short();
        test_long();
        test_characters();
        test_noise();
        return TEST_RESULT();
}
