/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* uthash with a hash function that does not trip over -Wimplicit-fallthrough with clang. Running out of memory exits
 * the program, unless the file defines HASH_NONFATAL_OOM before and looks at `hh.tbl` after adding. */

#include <stddef.h>
#include <stdint.h>

/* FNV-1a. */
static inline unsigned hash_bytes(const void *data, size_t size) {
        const uint8_t *p = data;
        uint32_t hash = 2166136261U;

        while (size-- > 0)
                hash = (hash ^ *p++) * 16777619U;
        /* uthash takes the low bits; let the high ones count. */
        return hash ^ hash >> 16;
}

#define HASH_FUNCTION(key, size, hash) ((hash) = hash_bytes(key, size))
#include <uthash.h>
