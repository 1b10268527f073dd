/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <isa-l/igzip_lib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "compress.h"
#include "string-util.h"

#define OUTPUT_BLOCK (256 * 1024)
#define HEAD_SIZE 1024

typedef struct Codec Codec;

struct Decompressor {
        Source input;
        DecompressLimits limits;
        const Codec *codec;
        Compression compression;

        const uint8_t *data; /* what is left of the current block of input */
        size_t available;
        const uint8_t *block; /* where that block began, to begin again with another codec */
        bool first_block, input_end;

        bool between; /* at the end of a member or frame (or before the first): the input may end here */
        uint64_t input_size, output_size;

        union {
                struct inflate_state *igzip;
                z_stream *zlib;
                ZSTD_DStream *zstd;
                void *state;
        };
        uint8_t *head;   /* the first bytes, when they came in small blocks */
        uint8_t *output; /* of decompressor_source */
};

/* One step consumes d->data/available and produces. It may produce nothing. Sets d->between. */
struct Codec {
        int (*begin)(Decompressor *d);
        int (*step)(Decompressor *d, void *buffer, size_t size, size_t *ret_produced, Error *error);
        void (*end)(Decompressor *d);
};

const DecompressLimits decompress_limits_default = {
        .output = 64 * GIB,
        .free_output = 512 * MIB,
        .ratio = 1000,
};

enum { FORMAT_ZSTD = 0 };

static const struct {
        uint8_t magic[COMPRESSION_MAGIC_MAX];
        size_t size;
        Compression compression;
        const char *name;
} formats[] = {
        [FORMAT_ZSTD] = { { 0x28, 0xb5, 0x2f, 0xfd }, 4, COMPRESSION_ZSTD, "zstd" },
        { { 0x1f, 0x8b }, 2, COMPRESSION_GZIP, "gzip" },
        { { 'B', 'Z', 'h' }, 3, COMPRESSION_OTHER, "bzip2" },
        { { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6, COMPRESSION_OTHER, "xz" },
        { { 0x04, 0x22, 0x4d, 0x18 }, 4, COMPRESSION_OTHER, "lz4" },
        { { 0x1f, 0x9d }, 2, COMPRESSION_OTHER, "compress" },
};

/* zstd's frames that hold no data: pzstd puts one in front, zstd:chunked some at the end. */
static bool begins_with_skippable_frame(const uint8_t *data, size_t size) {
        return size >= 4 && (data[0] & 0xf0) == 0x50 && data[1] == 0x2a && data[2] == 0x4d &&
               data[3] == 0x18;
}

static size_t format_find(const void *data, size_t size) {
        size_t i;

        if (begins_with_skippable_frame(data, size))
                return FORMAT_ZSTD;
        for (i = 0; i < ELEMENTSOF(formats); i++)
                if (size >= formats[i].size && memcmp(data, formats[i].magic, formats[i].size) == 0)
                        break;
        return i;
}

Compression compression_detect(const void *data, size_t size) {
        size_t i = format_find(data, size);

        return i < ELEMENTSOF(formats) ? formats[i].compression : COMPRESSION_NONE;
}

static int corrupt(Error *error, const char *why) {
        return error_set(error, ERROR_CORRUPT, "the compressed data is corrupt: %s", why);
}

static void advance(Decompressor *d, size_t consumed) {
        d->data += consumed;
        d->available -= consumed;
        d->input_size += consumed;
}

/* ---- none ---- */

static int none_begin(Decompressor *d) {
        return 0;
}

static int none_step(Decompressor *d, void *buffer, size_t size, size_t *ret_produced, Error *error) {
        size_t n = MIN(size, d->available);

        memcpy(buffer, d->data, n);
        advance(d, n);
        d->between = true;
        *ret_produced = n;
        return 0;
}

static void none_end(Decompressor *d) {
}

/* ---- gzip by zlib: what ISA-L's header parser will not take ---- */

static int zlib_begin(Decompressor *d) {
        z_stream *z = new0(z_stream, 1);

        if (!z || inflateInit2(z, 15 + 16) != Z_OK) {
                free(z);
                return -ENOMEM;
        }
        d->zlib = z;
        return 0;
}

/* After a member: another one, or zeros up to the end (tapes and tar pad so). Returns 1 when a member begins. */
static int gzip_next_member(Decompressor *d, Error *error) {
        size_t zeros = 0;

        while (zeros < d->available && d->data[zeros] == 0)
                zeros++;
        /* Zeros before the very first member are no gzip at all, but that the magic bytes have excluded. */
        advance(d, zeros);
        if (d->available == 0)
                return 0;
        if (d->data[0] != 0x1f)
                return corrupt(error, "garbage follows the end of the gzip stream");
        return 1;
}

static int zlib_step(Decompressor *d, void *buffer, size_t size, size_t *ret_produced, Error *error) {
        z_stream *z = d->zlib;

        if (d->between) {
                int r = gzip_next_member(d, error);
                if (r <= 0)
                        return r;
                (void) inflateReset(z);
                d->between = false;
        }
        z->next_in = (uint8_t *) d->data;
        z->avail_in = d->available;
        z->next_out = buffer;
        z->avail_out = size;
        int r = inflate(z, Z_NO_FLUSH);
        advance(d, d->available - z->avail_in);
        *ret_produced = size - z->avail_out;
        if (r == Z_STREAM_END)
                d->between = true;
        else if (r == Z_MEM_ERROR)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        else if (r != Z_OK && r != Z_BUF_ERROR)
                return corrupt(error, z->msg ?: "invalid gzip stream");
        return 0;
}

static void zlib_end(Decompressor *d) {
        if (d->zlib)
                (void) inflateEnd(d->zlib);
        free(d->zlib);
}

static const Codec codec_zlib = { zlib_begin, zlib_step, zlib_end };

/* ---- gzip by ISA-L ---- */

static int igzip_begin(Decompressor *d) {
        struct inflate_state *state = new0(struct inflate_state, 1);

        if (!state)
                return -ENOMEM;
        isal_inflate_init(state);
        state->crc_flag = ISAL_GZIP;
        d->igzip = state;
        return 0;
}

static void igzip_end(Decompressor *d) {
        free(d->igzip);
}

static const char *igzip_message(int r) {
        switch (r) {
        case ISAL_INVALID_WRAPPER:
                return "invalid gzip header";
        case ISAL_UNSUPPORTED_METHOD:
                return "unknown compression method in the gzip header";
        case ISAL_INCORRECT_CHECKSUM:
                return "wrong check sum or length in the gzip trailer";
        default:
                return "invalid deflate stream";
        }
}

static int igzip_step(Decompressor *d, void *buffer, size_t size, size_t *ret_produced, Error *error) {
        struct inflate_state *state = d->igzip;

        if (d->between) {
                int r = gzip_next_member(d, error);
                if (r <= 0)
                        return r;
                isal_inflate_reset(state);
                state->crc_flag = ISAL_GZIP;
                d->between = false;
        }
        state->next_in = (uint8_t *) d->data;
        state->avail_in = MIN(d->available, (size_t) UINT32_MAX / 2);
        size_t given = state->avail_in;
        state->next_out = buffer;
        state->avail_out = MIN(size, (size_t) UINT32_MAX / 2);
        size_t room = state->avail_out;
        int r = isal_inflate(state);
        if (r < 0) {
                if (d->output_size > 0 || !d->first_block)
                        return corrupt(error, igzip_message(r));
                /* Nothing has come out yet and all input is at hand: let zlib have a look. */
                igzip_end(d);
                d->igzip = NULL;
                d->input_size -= d->data - d->block;
                d->available += d->data - d->block;
                d->data = d->block;
                d->between = true;
                d->codec = &codec_zlib;
                return d->codec->begin(d);
        }
        advance(d, given - state->avail_in);
        *ret_produced = room - state->avail_out;
        if (state->block_state == ISAL_BLOCK_FINISH)
                d->between = true;
        return 0;
}

/* ---- zstd ---- */

static int zstd_begin(Decompressor *d) {
        d->zstd = ZSTD_createDStream();
        return d->zstd ? 0 : -ENOMEM;
}

static int zstd_step(Decompressor *d, void *buffer, size_t size, size_t *ret_produced, Error *error) {
        ZSTD_inBuffer in = { .src = d->data, .size = d->available };
        ZSTD_outBuffer out = { .dst = buffer, .size = size };

        /* Between two frames nothing to read means the end: asking would begin a frame. */
        if (d->between && d->available == 0)
                return 0;
        size_t r = ZSTD_decompressStream(d->zstd, &out, &in);
        if (ZSTD_isError(r))
                return corrupt(error, ZSTD_getErrorName(r));
        advance(d, in.pos);
        *ret_produced = out.pos;
        d->between = r == 0;
        return 0;
}

static void zstd_end(Decompressor *d) {
        (void) ZSTD_freeDStream(d->zstd);
}

static const Codec codecs[] = {
        [COMPRESSION_NONE] = { none_begin, none_step, none_end },
        [COMPRESSION_GZIP] = { igzip_begin, igzip_step, igzip_end },
        [COMPRESSION_ZSTD] = { zstd_begin, zstd_step, zstd_end },
};

/* ---- all of them ---- */

int decompressor_new(const Source *input, const DecompressLimits *limits, Decompressor **ret) {
        Decompressor *d = new0(Decompressor, 1);

        if (!d)
                return -ENOMEM;
        d->input = *input;
        d->limits = limits ? *limits : decompress_limits_default;
        d->between = true;
        *ret = d;
        return 0;
}

Decompressor *decompressor_free(Decompressor *d) {
        if (!d)
                return NULL;
        if (d->codec)
                d->codec->end(d);
        free(d->head);
        free(d->output);
        free(d);
        return NULL;
}

static int refill(Decompressor *d, Error *error) {
        const void *data;
        ssize_t n = source_next(&d->input, &data, error);

        if (n < 0)
                return n;
        d->input_end = n == 0;
        d->data = d->block = data;
        d->available = n;
        return 0;
}

/* Puts the first blocks together until the magic number is surely complete, and the gzip header as well: ISA-L 2.30
 * computes a header check sum (FHCRC) wrongly when the header comes in pieces. */
static int gather_head(Decompressor *d, Error *error) {
        size_t size = 0;

        do {
                int r = refill(d, error);
                if (r < 0)
                        return r;
                if (size == 0 && d->available >= HEAD_SIZE)
                        return 0;
                uint8_t *grown = realloc(d->head, size + d->available + 1);
                if (!grown)
                        return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
                d->head = grown;
                if (d->available > 0)
                        memcpy(d->head + size, d->data, d->available);
                size += d->available;
        } while (size < HEAD_SIZE && !d->input_end);

        d->data = d->block = d->head;
        d->available = size;
        return 0;
}

static int choose_codec(Decompressor *d, Error *error) {
        int r = gather_head(d, error);

        if (r < 0)
                return r;
        size_t i = format_find(d->data, d->available);
        d->compression = i < ELEMENTSOF(formats) ? formats[i].compression : COMPRESSION_NONE;
        if (d->compression == COMPRESSION_OTHER)
                return error_set(error, ERROR_UNSUPPORTED,
                                 "the data is compressed with %s; give it plain, or with gzip or zstd",
                                 formats[i].name);
        r = codecs[d->compression].begin(d);
        if (r < 0)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        d->codec = &codecs[d->compression];
        d->first_block = true;
        return 0;
}

static int check_limits(const Decompressor *d, Error *error) {
        if (d->output_size > d->limits.output)
                return error_set(error, ERROR_LIMIT,
                                 "the data unpacks to more than %llu bytes, the maximum%s",
                                 (unsigned long long) d->limits.output, strempty(d->limits.output_hint));
        if (d->output_size > d->limits.free_output && d->output_size / d->limits.ratio > d->input_size)
                return error_set(error, ERROR_LIMIT,
                                 "the data unpacks to more than %llu times its size, which looks like a "
                                 "bomb%s",
                                 (unsigned long long) d->limits.ratio, strempty(d->limits.ratio_hint));
        return 0;
}

ssize_t decompressor_read(Decompressor *d, void *buffer, size_t size, Error *error) {
        if (!d->codec) {
                int r = choose_codec(d, error);
                if (r < 0)
                        return r;
        }
        for (;;) {
                size_t produced = 0;

                if (d->available == 0 && !d->input_end) {
                        d->first_block = false;
                        int r = refill(d, error);
                        if (r < 0)
                                return r;
                }
                size_t before = d->available;
                int r = d->codec->step(d, buffer, size, &produced, error);
                if (r < 0)
                        return r;
                d->output_size += produced;
                r = check_limits(d, error);
                if (r < 0)
                        return r;
                if (produced > 0)
                        return produced;
                if (d->available == 0 && d->input_end && before == 0)
                        return d->between ? 0 : corrupt(error, "it ends too early");
        }
}

static ssize_t decompressor_source_next(void *userdata, const void **ret, Error *error) {
        Decompressor *d = userdata;

        if (!d->codec) {
                int r = choose_codec(d, error);
                if (r < 0)
                        return r;
        }
        if (d->compression == COMPRESSION_NONE) {
                /* Nothing to do: the input's own block goes on. */
                if (d->available == 0 && !d->input_end) {
                        int r = refill(d, error);
                        if (r < 0)
                                return r;
                }
                size_t n = d->available;
                *ret = d->data;
                advance(d, n);
                d->output_size += n;
                int r = check_limits(d, error);
                return r < 0 ? r : (ssize_t) n;
        }
        if (!d->output)
                d->output = malloc(OUTPUT_BLOCK);
        if (!d->output)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        *ret = d->output;
        return decompressor_read(d, d->output, OUTPUT_BLOCK, error);
}

Source decompressor_source(Decompressor *d) {
        return (Source){ .next = decompressor_source_next, .userdata = d };
}

Compression decompressor_compression(const Decompressor *d) {
        return d->compression;
}

uint64_t decompressor_input_size(const Decompressor *d) {
        return d->input_size;
}
