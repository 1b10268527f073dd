/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* gzip (RFC 1952, several members too) and zstd (RFC 8878), by streams. Reading detects the format by its first bytes;
 * what is neither is passed through as it is, but formats that are surely compressed otherwise (bzip2, xz, lz4) are
 * refused by name. A stream that ends early, or whose check sum is wrong, is ERROR_CORRUPT. */

#include "byte-stream.h"

typedef enum Compression {
        COMPRESSION_NONE,
        COMPRESSION_GZIP,
        COMPRESSION_ZSTD,
        COMPRESSION_OTHER, /* known, not supported */
} Compression;

#define COMPRESSION_MAGIC_MAX 6
Compression compression_detect(const void *data, size_t size) _pure_;

/* Against bombs: what comes out may be neither longer than `output`, nor, once it is longer than `free_output`, more
 * than `ratio` times what went in. Exceeding it is ERROR_LIMIT. */
typedef struct DecompressLimits {
        uint64_t output;
        uint64_t free_output;
        uint64_t ratio;
        /* Ends of the sentences of the errors, for where a limit can be changed; may be NULL. */
        const char *output_hint, *ratio_hint;
} DecompressLimits;
/* For a layer: 64 GiB; 1:1000 beyond the first 512 MiB (deflate can't do more than 1:1032, and reaches it with zeros,
 * of which an honest layer may have some). */
extern const DecompressLimits decompress_limits_default;

typedef struct Decompressor Decompressor;
/* limits NULL: the default ones. The input (copied) is first read by the first decompressor_read(). */
int decompressor_new(const Source *input, const DecompressLimits *limits, Decompressor **ret);
/* Fills the buffer at least in part. The bytes, 0 at the end of the last member or frame and of the input, or a
 * negative errno. */
ssize_t decompressor_read(Decompressor *d, void *buffer, size_t size, Error *error);
/* The same as a stage. Don't mix both. */
Source decompressor_source(Decompressor *d);
/* Known after the first read. */
Compression decompressor_compression(const Decompressor *d) _pure_;
uint64_t decompressor_input_size(const Decompressor *d) _pure_;
Decompressor *decompressor_free(Decompressor *d);
DEFINE_CLEANUP(Decompressor *, decompressor_free);

typedef struct Compressor Compressor;
/* The output of the same input is always the same with the same library version (no time, no name). */
int compressor_new(Compression compression, const Sink *output, Compressor **ret);
/* level: gzip 1 to 9, of which 1 to 3 are ISA-L's and fast; zstd 1 to 19; 0: the default. -EINVAL for another. */
int compressor_new_with_level(Compression compression, int level, const Sink *output, Compressor **ret);
int compressor_write(Compressor *c, const void *data, size_t size, Error *error);
int compressor_finish(Compressor *c, Error *error);
Sink compressor_sink(Compressor *c); /* compressor_finish() is still to be called */
Compressor *compressor_free(Compressor *c);
DEFINE_CLEANUP(Compressor *, compressor_free);
