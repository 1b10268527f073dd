/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdarg.h>
#include <stdio.h>

#include "string-util.h"
#include "strv.h"

char **strv_free(char **strv) {
        STRV_FOREACH(s, strv)
                free(*s);
        free(strv);
        return NULL;
}

size_t strv_length(char *const *strv) {
        size_t n = 0;

        while (strv && strv[n])
                n++;
        return n;
}

int strv_consume(char ***strv, char *value) {
        if (!value)
                return -ENOMEM;

        size_t n = strv_length(*strv);
        /* The capacity is not stored: it is the next power of two, so only those lengths reallocate. */
        if (n == 0 || (n >= 3 && ((n + 1) & n) == 0)) {
                char **q = reallocarray(*strv, n == 0 ? 4 : 2 * (n + 1), sizeof(char *));
                if (!q) {
                        free(value);
                        return -ENOMEM;
                }
                *strv = q;
        }
        (*strv)[n] = value;
        (*strv)[n + 1] = NULL;
        return 0;
}

int strv_extend(char ***strv, const char *value) {
        return strv_consume(strv, strdup(value));
}

int strv_extendf(char ***strv, const char *format, ...) {
        char *s;
        va_list ap;

        va_start(ap, format);
        int n = vasprintf(&s, format, ap);
        va_end(ap);
        return strv_consume(strv, n < 0 ? NULL : s);
}

int strv_from_array(char *const *array, size_t n, char ***ret) {
        _cleanup_strv_free_ char **copy = NULL;

        for (size_t i = 0; i < n; i++) {
                int r = strv_extend(&copy, array[i]);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(copy);
        return 0;
}

int strv_copy_into(char *const *strv, char ***ret) {
        return strv_from_array(strv, strv_length(strv), ret);
}

char **strv_copy(char *const *strv) {
        char **copy = NULL;

        (void) strv_copy_into(strv, &copy);
        return copy;
}

bool strv_contains(char *const *strv, const char *value) {
        for (size_t i = 0; strv && strv[i]; i++)
                if (streq(strv[i], value))
                        return true;
        return false;
}

bool strv_equal(char *const *a, char *const *b) {
        size_t n = strv_length(a);

        if (n != strv_length(b))
                return false;
        for (size_t i = 0; i < n; i++)
                if (!streq(a[i], b[i]))
                        return false;
        return true;
}

static int compare_strings(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

void strv_sort(char **strv) {
        size_t n = strv_length(strv);

        if (n > 1)
                qsort(strv, n, sizeof(char *), compare_strings);
}

char *strv_join(char *const *strv, const char *separator) {
        _cleanup_(string_buffer_done) StringBuffer buffer = {};

        for (size_t i = 0; strv && strv[i]; i++)
                if ((i > 0 && string_buffer_append_string(&buffer, separator) < 0) ||
                    string_buffer_append_string(&buffer, strv[i]) < 0)
                        return NULL;
        return buffer.data ? TAKE_PTR(buffer.data) : strdup("");
}

int strv_split(const char *s, const char *separators, char ***ret) {
        _cleanup_strv_free_ char **pieces = NULL;

        for (;;) {
                s += strspn(s, separators);
                size_t n = strcspn(s, separators);
                if (n == 0)
                        break;
                int r = strv_consume(&pieces, strndup(s, n));
                if (r < 0)
                        return r;
                s += n;
        }
        *ret = TAKE_PTR(pieces);
        return 0;
}

static size_t map_find(char *const *strv, const char *key, size_t key_length) {
        size_t i = 0;

        for (; strv && strv[i]; i++)
                if (strncmp(strv[i], key, key_length) == 0 && strv[i][key_length] == '=')
                        break;
        return i;
}

const char *strv_map_get(char *const *strv, const char *key) {
        size_t n = strlen(key), i = map_find(strv, key, n);

        return strv && strv[i] ? strv[i] + n + 1 : NULL;
}

static int map_put(char ***strv, char *assignment, size_t key_length) {
        if (!assignment)
                return -ENOMEM;

        size_t i = map_find(*strv, assignment, key_length);
        if (*strv && (*strv)[i]) {
                free_and_replace((*strv)[i], assignment);
                return 0;
        }
        return strv_consume(strv, assignment);
}

int strv_map_set(char ***strv, const char *key, const char *value) {
        return map_put(strv, string_join(key, "=", value), strlen(key));
}

int strv_map_put(char ***strv, const char *assignment) {
        size_t n = strcspn(assignment, "=");

        return map_put(strv, assignment[n] ? strdup(assignment) : string_join(assignment, "="), n);
}

bool strv_map_remove(char **strv, const char *key) {
        size_t i = map_find(strv, key, strlen(key));

        if (!strv || !strv[i])
                return false;
        free(strv[i]);
        for (; strv[i]; i++)
                strv[i] = strv[i + 1];
        return true;
}
