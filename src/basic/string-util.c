/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "string-util.h"

const char *endswith(const char *s, const char *suffix) {
        size_t n = strlen(s), m = strlen(suffix);
        return n >= m && streq(s + n - m, suffix) ? s + n - m : NULL;
}

char *format_string(const char *format, ...) {
        char *s;
        va_list ap;

        va_start(ap, format);
        int n = vasprintf(&s, format, ap);
        va_end(ap);
        return n < 0 ? NULL : s;
}

char *string_join_internal(const char *first, ...) {
        size_t n = 1;
        va_list ap;

        va_start(ap, first);
        for (const char *s = first; s; s = va_arg(ap, const char *))
                n += strlen(s);
        va_end(ap);

        char *joined = malloc(n);
        if (!joined)
                return NULL;

        char *p = joined;
        va_start(ap, first);
        for (const char *s = first; s; s = va_arg(ap, const char *))
                p = stpcpy(p, s);
        va_end(ap);
        *p = 0;
        return joined;
}

int free_and_strdup(char **target, const char *value) {
        char *copy = NULL;

        if (value) {
                copy = strdup(value);
                if (!copy)
                        return -ENOMEM;
        }
        free_and_replace(*target, copy);
        return 0;
}

char *erase_and_free(char *s) {
        if (s)
                explicit_bzero(s, strlen(s));
        free(s);
        return NULL;
}

bool string_in_charset(const char *s, const char *charset) {
        return !isempty(s) && s[strspn(s, charset)] == 0;
}

/* The length of the sequence that a leading byte announces, or 0 for a byte that can't lead. */
static size_t utf8_sequence_length(unsigned char c) {
        if (c < 0x80)
                return 1;
        if (c >= 0xC2 && c < 0xE0)
                return 2;
        if (c >= 0xE0 && c < 0xF0)
                return 3;
        if (c >= 0xF0 && c < 0xF5)
                return 4;
        return 0;
}

bool utf8_is_valid(const char *s, size_t n) {
        const unsigned char *p = (const unsigned char *) s;

        for (size_t i = 0; i < n;) {
                size_t length = utf8_sequence_length(p[i]);
                if (length == 0 || length > n - i || p[i] == 0)
                        return false;
                /* Overlong forms, surrogates and what lies past U+10FFFF. */
                if ((p[i] == 0xE0 && p[i + 1] < 0xA0) || (p[i] == 0xED && p[i + 1] > 0x9F) ||
                    (p[i] == 0xF0 && p[i + 1] < 0x90) || (p[i] == 0xF4 && p[i + 1] > 0x8F))
                        return false;
                for (size_t k = 1; k < length; k++)
                        if ((p[i + k] & 0xC0) != 0x80)
                                return false;
                i += length;
        }
        return true;
}

void string_blank_controls(char *s) {
        for (unsigned char *p = (unsigned char *) s; p && *p; p++)
                if (*p < ' ' || *p == 0x7f)
                        *p = ' ';
                else if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f) /* as UTF-8 has them */
                        p[0] = p[1] = ' ';
}

char *hex_encode(const void *data, size_t n) {
        static const char digits[] = "0123456789abcdef";
        const uint8_t *p = data;
        char *s = malloc(2 * n + 1);

        if (!s)
                return NULL;
        for (size_t i = 0; i < n; i++) {
                s[2 * i] = digits[p[i] >> 4];
                s[2 * i + 1] = digits[p[i] & 15];
        }
        s[2 * n] = 0;
        return s;
}

int string_buffer_append(StringBuffer *buffer, const void *data, size_t size) {
        if (size >= SIZE_MAX - buffer->size)
                return -ENOMEM;

        int r = array_reserve(&buffer->data, &buffer->allocated, buffer->size + size + 1, 1);
        if (r < 0)
                return r;
        if (size > 0)
                memcpy(buffer->data + buffer->size, data, size);
        buffer->size += size;
        buffer->data[buffer->size] = 0;
        return 0;
}

int string_buffer_append_string(StringBuffer *buffer, const char *s) {
        return string_buffer_append(buffer, s, strlen(s));
}

int string_buffer_appendf(StringBuffer *buffer, const char *format, ...) {
        _cleanup_free_ char *s = NULL;
        va_list ap;

        va_start(ap, format);
        int n = vasprintf(&s, format, ap);
        va_end(ap);
        if (n < 0) {
                s = NULL;
                return -ENOMEM;
        }
        return string_buffer_append(buffer, s, n);
}

void string_buffer_done(StringBuffer *buffer) {
        free(buffer->data);
        *buffer = (StringBuffer){};
}
