/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "macro.h"

/* Joins with exactly one slash between the parts; NULL when out of memory. */
char *path_join(const char *a, const char *b);
/* The last component, never empty for a path without a trailing slash. */
const char *path_basename(const char *path) _pure_;
/* Removes "//", "/./", ".." (never above the root) and a trailing slash, textually. Newly allocated. */
char *path_normalize(const char *path);
static inline bool path_is_absolute(const char *path) {
        return path[0] == '/';
}
