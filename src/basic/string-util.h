/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdarg.h>
#include <string.h>

#include "macro.h"

static inline bool streq(const char *a, const char *b) {
        return strcmp(a, b) == 0;
}

/* NULL equals NULL only. */
static inline bool streq_ptr(const char *a, const char *b) {
        return a == b || (a && b && streq(a, b));
}

static inline bool isempty(const char *s) {
        return !s || s[0] == 0;
}

static inline const char *strempty(const char *s) {
        return s ?: "";
}

/* The rest of s after prefix, or NULL. */
static inline const char *startswith(const char *s, const char *prefix) {
        size_t n = strlen(prefix);
        return strncmp(s, prefix, n) == 0 ? s + n : NULL;
}

/* Where the suffix begins in s, or NULL. */
const char *endswith(const char *s, const char *suffix) _pure_;

/* A newly allocated formatted string, or NULL when out of memory. */
char *format_string(const char *format, ...) _printf_(1, 2);

/* Concatenates the arguments up to NULL. */
#define string_join(...) string_join_internal(__VA_ARGS__, NULL)
char *string_join_internal(const char *first, ...) _sentinel_;

/* Replaces *target by a copy of value (NULL allowed). Returns 0 or -ENOMEM. */
int free_and_strdup(char **target, const char *value);

/* For secrets: overwrites the text before it is freed. NULL is fine; returns NULL. */
char *erase_and_free(char *s);
DEFINE_CLEANUP(char *, erase_and_free);
#define _cleanup_erase_ _cleanup_(erase_and_freep)

/* s is n characters of the set, n > 0. */
bool string_in_charset(const char *s, const char *charset) _pure_;

/* The text is valid UTF-8 and has no NUL within n bytes. */
bool utf8_is_valid(const char *s, size_t n) _pure_;

/* Control characters, which could do anything to a terminal, become blanks: those below U+0020, U+007F to U+009F. */
void string_blank_controls(char *s);

/* Hex of n bytes; the result has 2n characters. NULL when out of memory. */
char *hex_encode(const void *data, size_t n);

/* A growing, always NUL-terminated text. Initialise with {}; frees with string_buffer_done. */
typedef struct StringBuffer {
        char *data; /* NULL while empty */
        size_t size;
        size_t allocated;
} StringBuffer;
int string_buffer_append(StringBuffer *buffer, const void *data, size_t size);
int string_buffer_append_string(StringBuffer *buffer, const char *s);
int string_buffer_appendf(StringBuffer *buffer, const char *format, ...) _printf_(2, 3);
void string_buffer_done(StringBuffer *buffer);
