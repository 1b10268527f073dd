/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <isa-l/igzip_lib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "compress.h"

#define OUTPUT_BLOCK (256 * 1024)
#define ZSTD_LEVEL 3

/* ISA-L's levels, at several times the speed of zlib's that come out as small; above them zlib goes on. */
static const struct {
        uint32_t level, buffer_size;
} isal_levels[] = {
        [0] = { 2, ISAL_DEF_LVL2_DEFAULT }, /* the default: about zlib's 4 in size */
        [1] = { 1, ISAL_DEF_LVL1_DEFAULT },
        [2] = { 2, ISAL_DEF_LVL2_DEFAULT },
        [3] = { 3, ISAL_DEF_LVL3_DEFAULT },
};

static const int level_max[] = {
        [COMPRESSION_NONE] = 0,
        [COMPRESSION_GZIP] = Z_BEST_COMPRESSION,
        [COMPRESSION_ZSTD] = 19, /* higher ones need more memory than a worker should take */
};

struct Compressor {
        Sink output;
        Compression compression;
        struct isal_zstream *gzip;
        uint8_t *level_buffer;
        z_stream *zlib; /* instead of gzip */
        ZSTD_CCtx *zstd;
        uint8_t *buffer;
};

static int isal_begin(Compressor *c, int level) {
        c->gzip = new0(struct isal_zstream, 1);
        c->level_buffer = malloc(isal_levels[level].buffer_size);
        if (!c->gzip || !c->level_buffer)
                return -ENOMEM;
        isal_deflate_init(c->gzip);
        c->gzip->level = isal_levels[level].level;
        c->gzip->level_buf = c->level_buffer;
        c->gzip->level_buf_size = isal_levels[level].buffer_size;
        c->gzip->gzip_flag = IGZIP_GZIP;
        return 0;
}

static int zlib_begin(Compressor *c, int level) {
        _cleanup_free_ z_stream *z = new0(z_stream, 1);

        if (!z || deflateInit2(z, level, Z_DEFLATED, 15 + 16 /* gzip */, 8, Z_DEFAULT_STRATEGY) != Z_OK)
                return -ENOMEM;
        c->zlib = TAKE_PTR(z);
        return 0;
}

static int gzip_begin(Compressor *c, int level) {
        return level < (int) ELEMENTSOF(isal_levels) ? isal_begin(c, level) : zlib_begin(c, level);
}

int compressor_new(Compression compression, const Sink *output, Compressor **ret) {
        return compressor_new_with_level(compression, 0, output, ret);
}

int compressor_new_with_level(Compression compression, int level, const Sink *output, Compressor **ret) {
        if (compression >= COMPRESSION_OTHER || level < 0 || level > level_max[compression])
                return -EINVAL;
        _cleanup_(compressor_freep) Compressor *c = new0(Compressor, 1);
        if (!c)
                return -ENOMEM;
        c->output = *output;
        c->compression = compression;
        c->buffer = malloc(OUTPUT_BLOCK);
        if (!c->buffer)
                return -ENOMEM;
        if (compression == COMPRESSION_GZIP && gzip_begin(c, level) < 0)
                return -ENOMEM;
        if (compression == COMPRESSION_ZSTD) {
                c->zstd = ZSTD_createCCtx();
                if (!c->zstd)
                        return -ENOMEM;
                (void) ZSTD_CCtx_setParameter(c->zstd, ZSTD_c_compressionLevel, level ?: ZSTD_LEVEL);
                (void) ZSTD_CCtx_setParameter(c->zstd, ZSTD_c_checksumFlag, 1);
        }
        *ret = TAKE_PTR(c);
        return 0;
}

Compressor *compressor_free(Compressor *c) {
        if (!c)
                return NULL;
        (void) ZSTD_freeCCtx(c->zstd);
        if (c->zlib)
                (void) deflateEnd(c->zlib);
        free(c->zlib);
        free(c->gzip);
        free(c->level_buffer);
        free(c->buffer);
        free(c);
        return NULL;
}

static int gzip_push(Compressor *c, const void *data, size_t size, bool end, Error *error) {
        struct isal_zstream *z = c->gzip;

        z->next_in = (uint8_t *) data;
        z->avail_in = size;
        z->end_of_stream = end;
        do {
                z->next_out = c->buffer;
                z->avail_out = OUTPUT_BLOCK;
                int r = isal_deflate(z);
                if (r != COMP_OK)
                        return error_set(error, ERROR_FAILED, "can't compress: ISA-L gives error %d", r);
                size_t n = OUTPUT_BLOCK - z->avail_out;
                r = n > 0 ? sink_write(&c->output, c->buffer, n, error) : 0;
                if (r < 0)
                        return r;
        } while (z->avail_out == 0 || z->avail_in > 0);
        return 0;
}

static int zlib_push(Compressor *c, const void *data, size_t size, bool end, Error *error) {
        z_stream *z = c->zlib;

        z->next_in = (Bytef *) data;
        z->avail_in = size;
        do {
                z->next_out = c->buffer;
                z->avail_out = OUTPUT_BLOCK;
                int r = deflate(z, end ? Z_FINISH : Z_NO_FLUSH);
                if (r == Z_STREAM_ERROR)
                        return error_set(error, ERROR_FAILED, "can't compress: zlib gives error %d", r);
                size_t n = OUTPUT_BLOCK - z->avail_out;
                r = n > 0 ? sink_write(&c->output, c->buffer, n, error) : 0;
                if (r < 0)
                        return r;
        } while (z->avail_out == 0);
        return 0;
}

static int zstd_push(Compressor *c, const void *data, size_t size, bool end, Error *error) {
        ZSTD_inBuffer in = { .src = data, .size = size };

        for (;;) {
                ZSTD_outBuffer out = { .dst = c->buffer, .size = OUTPUT_BLOCK };
                size_t left = ZSTD_compressStream2(c->zstd, &out, &in, end ? ZSTD_e_end : ZSTD_e_continue);
                if (ZSTD_isError(left))
                        return error_set(error, ERROR_FAILED, "can't compress: %s", ZSTD_getErrorName(left));
                int r = out.pos > 0 ? sink_write(&c->output, c->buffer, out.pos, error) : 0;
                if (r < 0)
                        return r;
                if (end ? left == 0 : in.pos == in.size)
                        return 0;
        }
}

static int push(Compressor *c, const void *data, size_t size, bool end, Error *error) {
        switch (c->compression) {
        case COMPRESSION_GZIP:
                return (c->zlib ? zlib_push : gzip_push)(c, data, size, end, error);
        case COMPRESSION_ZSTD:
                return zstd_push(c, data, size, end, error);
        default:
                return size > 0 ? sink_write(&c->output, data, size, error) : 0;
        }
}

int compressor_write(Compressor *c, const void *data, size_t size, Error *error) {
        const uint8_t *p = data;

        /* ISA-L counts in 32 bits. */
        while (size > 0) {
                size_t n = MIN(size, (size_t) (256 * MIB));
                int r = push(c, p, n, false, error);
                if (r < 0)
                        return r;
                p += n;
                size -= n;
        }
        return 0;
}

int compressor_finish(Compressor *c, Error *error) {
        return push(c, NULL, 0, true, error);
}

static int compressor_sink_write(void *userdata, const void *data, size_t size, Error *error) {
        return compressor_write(userdata, data, size, error);
}

Sink compressor_sink(Compressor *c) {
        return (Sink){ .write = compressor_sink_write, .userdata = c };
}
