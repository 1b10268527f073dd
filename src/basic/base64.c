/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_encode(const void *data, size_t size) {
        const uint8_t *in = data;
        char *text = malloc((size + 2) / 3 * 4 + 1), *out = text;

        if (!text)
                return NULL;
        for (size_t i = 0; i < size; i += 3) {
                size_t n = MIN(size - i, (size_t) 3);
                uint32_t bits = (uint32_t) in[i] << 16 | (n > 1 ? (uint32_t) in[i + 1] << 8 : 0) |
                                (n > 2 ? in[i + 2] : 0);
                for (size_t k = 0; k < 4; k++)
                        *out++ = k <= n ? alphabet[bits >> (18 - 6 * k) & 63] : '=';
        }
        *out = 0;
        return text;
}

static int value_of(char c) {
        const char *p = c != 0 ? strchr(alphabet, c) : NULL;

        return p ? (int) (p - alphabet) : -EBADMSG;
}

/* How many of the characters carry bits, once the padding is cut off. */
static int significant_length(const char *text, size_t *ret) {
        size_t size = strlen(text), n = size;

        while (n > 0 && text[n - 1] == '=')
                n--;
        if (n % 4 == 1 || (size > n && (size % 4 != 0 || size - n > 2)))
                return -EBADMSG;
        *ret = n;
        return 0;
}

int base64_decode(const char *text, char **ret, size_t *ret_size) {
        uint32_t bits = 0;
        size_t n, size = 0;

        int r = significant_length(text, &n);
        if (r < 0)
                return r;
        char *data = malloc(n / 4 * 3 + 3);
        if (!data)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                int value = value_of(text[i]);
                if (value < 0) {
                        explicit_bzero(data, size);
                        free(data);
                        return value;
                }
                bits = bits << 6 | (uint32_t) value;
                if (i % 4 > 0)
                        data[size++] = (char) (bits >> (6 - 2 * (i % 4)));
        }
        data[size] = 0;
        *ret = data;
        *ret_size = size;
        return 0;
}
