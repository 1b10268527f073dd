/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "compress.h"
#include "fuzz.h"

static ssize_t read_all(const uint8_t *data, size_t size, size_t block, uint64_t *ret_sum,
                        ErrorKind *ret_kind) {
        static const DecompressLimits limits = { .output = MIB, .free_output = 64 * KIB, .ratio = 100 };
        MemorySource memory = { .data = data, .size = size, .block = block };
        Source source = memory_source(&memory);
        _cleanup_(decompressor_freep) Decompressor *d = NULL;
        _cleanup_error_ Error error = {};
        const void *out;
        ssize_t n, total = 0;

        FUZZ_CHECK(decompressor_new(&source, &limits, &d) == 0);
        source = decompressor_source(d);
        *ret_sum = 0;
        while ((n = source_next(&source, &out, &error)) > 0) {
                for (ssize_t i = 0; i < n; i++)
                        *ret_sum = *ret_sum * 31 + ((const uint8_t *) out)[i];
                total += n;
        }
        FUZZ_CHECK(total <= (ssize_t) MIB + 256 * 1024);
        FUZZ_CHECK((n < 0) == (error.kind != ERROR_NONE));
        *ret_kind = error.kind;
        return total;
}

/* Where the input's blocks end must not matter, neither to the output nor to whether it is accepted. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        uint64_t sum, sum_of_pieces;
        ErrorKind kind, kind_of_pieces;

        ssize_t n = read_all(data, size, 0, &sum, &kind);
        ssize_t m = read_all(data, size, 1 + size % 13, &sum_of_pieces, &kind_of_pieces);
        if (kind == ERROR_NONE)
                FUZZ_CHECK(kind_of_pieces == ERROR_NONE && n == m && sum == sum_of_pieces);
        return 0;
}
