/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* NULL-terminated arrays of strings that own both the array and the strings. NULL is the empty one. */

#include "macro.h"

char **strv_free(char **strv); /* returns NULL */
DEFINE_CLEANUP(char **, strv_free);
#define _cleanup_strv_free_ _cleanup_(strv_freep)

#define STRV_FOREACH(s, strv) for (char **s = (strv); s && *s; s++)

size_t strv_length(char *const *strv) _pure_;
static inline bool strv_isempty(char *const *strv) {
        return !strv || !*strv;
}
/* strv_extend copies value; strv_consume takes it over, also on failure. Return 0 or -ENOMEM. */
int strv_extend(char ***strv, const char *value);
int strv_extendf(char ***strv, const char *format, ...) _printf_(2, 3);
int strv_consume(char ***strv, char *value);
char **strv_copy(char *const *strv); /* NULL for an empty one and when out of memory: see strv_copy_into */
int strv_copy_into(char *const *strv, char ***ret);
/* Takes over a plain array of n borrowed strings (argv): a deep copy. */
int strv_from_array(char *const *array, size_t n, char ***ret);
bool strv_contains(char *const *strv, const char *value) _pure_;
bool strv_equal(char *const *a, char *const *b) _pure_;
void strv_sort(char **strv);
char *strv_join(char *const *strv, const char *separator);
/* Splits at any of the separator characters, empty pieces dropped. */
int strv_split(const char *s, const char *separators, char ***ret);

/* Lists of "KEY=VALUE", as environments and maps are kept. */
const char *strv_map_get(char *const *strv, const char *key) _pure_; /* the value, or NULL */
int strv_map_set(char ***strv, const char *key, const char *value);  /* replaces or appends */
int strv_map_put(char ***strv, const char *assignment);              /* the same, from "KEY=VALUE" */
bool strv_map_remove(char **strv, const char *key);
