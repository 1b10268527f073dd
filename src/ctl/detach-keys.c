/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>

#include "detach-keys.h"
#include "strv.h"

static int parse_key(const char *s, uint8_t *ret) {
        const char *control = startswith(s, "ctrl-");

        if (!control) {
                if (strlen(s) != 1)
                        return -EINVAL;
                *ret = (uint8_t) *s;
                return 0;
        }
        int c = tolower((unsigned char) *control);
        if (strlen(control) != 1 || !((c >= 'a' && c <= 'z') || strchr("@[\\]^_", c)))
                return -EINVAL;
        *ret = (uint8_t) (toupper(c) & 0x1f);
        return 0;
}

int detach_keys_parse(const char *s, DetachKeys *ret, Error *error) {
        _cleanup_strv_free_ char **names = NULL;

        *ret = (DetachKeys){};
        int r = strv_split(s, ",", &names);
        if (r < 0)
                return error_set_errno(error, r, "detach keys");
        if (strv_length(names) > DETACH_KEYS_MAX)
                return error_set(error, ERROR_INVALID, "more than %d detach keys", DETACH_KEYS_MAX);
        STRV_FOREACH(name, names)
                if (parse_key(*name, &ret->keys[ret->n++]) < 0)
                        return error_set(
                                error, ERROR_INVALID,
                                "\"%s\" is no key: write a character, or ctrl- and one of a-z @ [ \\ ] ^ _",
                                *name);
        return 0;
}

/* A key that does not fit: what was held back goes out, but for an ending of it that may be a new beginning. */
static int give_up_match(DetachKeys *keys, StringBuffer *out) {
        size_t n = keys->matched;

        for (size_t drop = 1; drop <= n; drop++) {
                if (memcmp(keys->keys + drop, keys->keys, n - drop) != 0)
                        continue;
                keys->matched = n - drop;
                return string_buffer_append(out, keys->keys, drop);
        }
        return 0;
}

int detach_keys_filter(DetachKeys *keys, const uint8_t *input, size_t n, StringBuffer *out) {
        if (keys->n == 0)
                return string_buffer_append(out, input, n);
        for (size_t i = 0; i < n; i++) {
                while (keys->matched > 0 && input[i] != keys->keys[keys->matched])
                        if (give_up_match(keys, out) < 0)
                                return -ENOMEM;
                if (input[i] != keys->keys[keys->matched]) {
                        if (string_buffer_append(out, input + i, 1) < 0)
                                return -ENOMEM;
                        continue;
                }
                if (++keys->matched == keys->n) {
                        keys->matched = 0;
                        return 1;
                }
        }
        return 0;
}
