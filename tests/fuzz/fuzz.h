/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A fuzz target has one function, which must stand any input. With libFuzzer:
 *      CC=clang CFLAGS=-fsanitize=fuzzer-no-link meson setup -Db_sanitize=address,undefined -Db_lundef=false build-fuzz
 *      ninja -C build-fuzz tests/fuzz/NAME.libfuzzer && build-fuzz/tests/fuzz/NAME.libfuzzer FOLDER tests/fuzz/corpus/NAME
 * In every other build the corpus is replayed. */

#include <string.h>

#include "macro.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A property that must hold; a failure is a crash, which is what fuzzers look for. */
#define FUZZ_CHECK(condition)             \
        do {                              \
                if (!(condition))         \
                        __builtin_trap(); \
        } while (0)

/* The input as a text that ends at its first NUL. */
static inline char *fuzz_text(const uint8_t *data, size_t size) {
        char *text = malloc(size + 1);

        FUZZ_CHECK(text);
        memcpy(text, data, size);
        text[size] = 0;
        return text;
}
