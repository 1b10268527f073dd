/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "dockerfile-words.h"
#include "string-util.h"
#include "strv.h"

#define SPACES " \t\r\n"
#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
#define NESTING_MAX 10

static int append_expanded(StringBuffer *out, const char *text, size_t n, char *const *environment,
                           unsigned depth);

static const char *lookup(char *const *environment, const char *name, size_t n) {
        _cleanup_free_ char *key = strndup(name, n);

        return key ? strv_map_get(environment, key) : NULL;
}

/* Where the brace that was opened before p is closed, or NULL. */
static const char *find_brace(const char *p) {
        for (unsigned depth = 1; *p; p++) {
                if (*p == '{')
                        depth++;
                else if (*p == '}' && --depth == 0)
                        return p;
        }
        return NULL;
}

/* "${NAME:-word}" and its kin; p stands behind the brace. */
static int expand_braces(StringBuffer *out, const char **p, char *const *environment, unsigned depth) {
        const char *end = find_brace(*p), *start = *p;
        size_t n = strspn(start, NAME_CHARACTERS);

        if (!end || n == 0 || depth >= NESTING_MAX)
                return -EINVAL;
        const char *value = lookup(environment, start, n), *rest = start + n;
        *p = end + 1;
        if (rest == end)
                return string_buffer_append_string(out, strempty(value));
        if (rest[0] != ':' || (rest[1] != '-' && rest[1] != '+'))
                return -EINVAL;
        bool use_word = rest[1] == '+' ? !isempty(value) : isempty(value);
        if (use_word)
                return append_expanded(out, rest + 2, end - rest - 2, environment, depth + 1);
        return rest[1] == '+' ? 0 : string_buffer_append_string(out, value);
}

/* *p stands at the dollar sign. */
static int expand(StringBuffer *out, const char **p, char *const *environment, unsigned depth) {
        const char *name = *p + 1;
        size_t n = strspn(name, NAME_CHARACTERS);

        if (*name == '{') {
                *p = name + 1;
                return expand_braces(out, p, environment, depth);
        }
        *p = name + n;
        if (n == 0)
                return string_buffer_append(out, "$", 1);
        return string_buffer_append_string(out, strempty(lookup(environment, name, n)));
}

static int append_expanded(StringBuffer *out, const char *text, size_t n, char *const *environment,
                           unsigned depth) {
        _cleanup_free_ char *copy = strndup(text, n);
        int r = copy ? 0 : -ENOMEM;

        for (const char *p = copy; r >= 0 && *p;)
                r = *p == '$' ? expand(out, &p, environment, depth) : string_buffer_append(out, p++, 1);
        return r;
}

static int append_double_quoted(StringBuffer *out, const char **p, char *const *environment) {
        int r = 0;

        while (r >= 0 && **p && **p != '"') {
                if (**p == '\\' && (*p)[1] && strchr("\"$\\", (*p)[1])) {
                        r = string_buffer_append(out, *p + 1, 1);
                        *p += 2;
                } else if (**p == '$')
                        r = expand(out, p, environment, 0);
                else
                        r = string_buffer_append(out, (*p)++, 1);
        }
        if (r >= 0 && **p != '"')
                return -EINVAL;
        (*p)++;
        return r;
}

static int append_single_quoted(StringBuffer *out, const char **p) {
        const char *end = strchr(*p, '\'');

        if (!end)
                return -EINVAL;
        int r = string_buffer_append(out, *p, end - *p);
        *p = end + 1;
        return r;
}

int dockerfile_word(const char **text, char *const *environment, bool whole, char **ret) {
        _cleanup_(string_buffer_done) StringBuffer out = {};
        const char *p = *text + strspn(*text, SPACES);
        int r = string_buffer_append(&out, "", 0);

        if (!*p)
                return 0;
        while (r >= 0 && *p && (whole || !strchr(SPACES, *p))) {
                switch (*p) {
                case '\'':
                        p++;
                        r = append_single_quoted(&out, &p);
                        break;
                case '"':
                        p++;
                        r = append_double_quoted(&out, &p, environment);
                        break;
                case '\\':
                        if (p[1])
                                p++;
                        r = string_buffer_append(&out, p++, 1);
                        break;
                case '$':
                        r = expand(&out, &p, environment, 0);
                        break;
                default:
                        r = string_buffer_append(&out, p++, 1);
                }
        }
        if (r < 0)
                return r;
        *ret = out.data ? TAKE_PTR(out.data) : strdup("");
        *text = p;
        return *ret ? 1 : -ENOMEM;
}

int dockerfile_words(const char *text, char *const *environment, char ***ret) {
        _cleanup_strv_free_ char **words = NULL;
        char *word;
        int r;

        while ((r = dockerfile_word(&text, environment, false, &word)) > 0)
                if (strv_consume(&words, word) < 0)
                        return -ENOMEM;
        if (r >= 0)
                *ret = TAKE_PTR(words);
        return r;
}
