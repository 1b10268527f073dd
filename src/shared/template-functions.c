/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <stdio.h>

#include "template-internal.h"
#include "terminal.h"

#define PADDING_MAX 1000

bool template_is_true(const json_t *value) {
        switch (json_typeof(value)) {
        case JSON_STRING:
                return json_string_length(value) > 0;
        case JSON_INTEGER:
                return json_integer_value(value) != 0;
        case JSON_REAL:
                return json_real_value(value) != 0;
        case JSON_ARRAY:
                return json_array_size(value) > 0;
        case JSON_OBJECT:
                return json_object_size(value) > 0;
        default:
                return json_is_true(value);
        }
}

static int print_object(const json_t *value, StringBuffer *out) {
        const char *key, *separator = "";
        json_t *item;
        int r = string_buffer_append_string(out, "map[");

        json_object_foreach((json_t *) value, key, item) {
                if (r < 0 || (r = string_buffer_appendf(out, "%s%s:", separator, key)) < 0 ||
                    (r = template_print(item, out)) < 0)
                        return r;
                separator = " ";
        }
        return r < 0 ? r : string_buffer_append_string(out, "]");
}

static int print_array(const json_t *value, StringBuffer *out) {
        const char *separator = "[";
        json_t *item;
        size_t i;
        int r;

        json_array_foreach(value, i, item) {
                if ((r = string_buffer_append_string(out, separator)) < 0 ||
                    (r = template_print(item, out)) < 0)
                        return r;
                separator = " ";
        }
        return string_buffer_append_string(out, json_array_size(value) > 0 ? "]" : "[]");
}

int template_print(const json_t *value, StringBuffer *out) {
        switch (json_typeof(value)) {
        case JSON_STRING:
                return string_buffer_append_string(out, json_string_value(value));
        case JSON_INTEGER:
                return string_buffer_appendf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        case JSON_REAL:
                return string_buffer_appendf(out, "%g", json_real_value(value));
        case JSON_TRUE:
                return string_buffer_append_string(out, "true");
        case JSON_FALSE:
                return string_buffer_append_string(out, "false");
        case JSON_ARRAY:
                return print_array(value, out);
        case JSON_OBJECT:
                return print_object(value, out);
        case JSON_NULL:
                return string_buffer_append_string(out, "<no value>");
        }
        return -EINVAL;
}

/* What a function gets and gives back. */
typedef struct Call {
        json_t *const *arguments;
        size_t n;
        Error *error;
} Call;

static const char *text_argument(const Call *call, size_t i) {
        return strempty(json_string_value(call->arguments[i]));
}

static json_t *as_text(StringBuffer *buffer) {
        return json_string(strempty(buffer->data));
}

static int make_json(const Call *call, json_t **ret) {
        _cleanup_free_ char *text = json_dumps(call->arguments[0], JSON_COMPACT | JSON_ENCODE_ANY);

        *ret = text ? json_string(text) : NULL;
        return 0;
}

/* join LIST SEPARATOR */
static int join(const Call *call, json_t **ret) {
        _cleanup_(string_buffer_done) StringBuffer out = {};
        json_t *item;
        size_t i;

        json_array_foreach(call->arguments[0], i, item)
                if ((i > 0 && string_buffer_append_string(&out, text_argument(call, 1)) < 0) ||
                    template_print(item, &out) < 0)
                        return -ENOMEM;
        *ret = as_text(&out);
        return 0;
}

/* split TEXT SEPARATOR */
static int split(const Call *call, json_t **ret) {
        const char *text = text_argument(call, 0), *separator = text_argument(call, 1);
        json_t *list = json_array();

        for (const char *p = text; list && *separator;) {
                const char *end = strstr(p, separator);
                size_t n = end ? (size_t) (end - p) : strlen(p);
                if (json_array_append_new(list, json_stringn(p, n)) < 0) {
                        json_decref(list);
                        return -ENOMEM;
                }
                if (!end)
                        break;
                p = end + strlen(separator);
        }
        *ret = list;
        return 0;
}

static int get_index(const Call *call, json_t **ret) {
        json_t *value = call->arguments[0];

        for (size_t i = 1; i < call->n; i++) {
                json_t *key = call->arguments[i];
                if (json_is_array(value)) {
                        if (!json_is_integer(key) || json_integer_value(key) < 0 ||
                            (size_t) json_integer_value(key) >= json_array_size(value))
                                return error_set(call->error, ERROR_INVALID,
                                                 "template: index: there is no such element in the list");
                        value = json_array_get(value, (size_t) json_integer_value(key));
                } else if (json_is_object(value))
                        value = json_object_get(value, text_argument(call, i));
                else
                        value = NULL;
                if (!value)
                        break;
        }
        *ret = value ? json_incref(value) : json_null();
        return 0;
}

static int length(const Call *call, json_t **ret) {
        const json_t *value = call->arguments[0];

        *ret = json_integer(json_is_string(value)  ? (json_int_t) json_string_length(value)
                            : json_is_array(value) ? (json_int_t) json_array_size(value)
                                                   : (json_int_t) json_object_size(value));
        return 0;
}

static int change_case(const Call *call, int (*change)(int), bool words, json_t **ret) {
        _cleanup_free_ char *text = strdup(text_argument(call, 0));

        if (!text)
                return -ENOMEM;
        for (char *p = text; *p; p++)
                if (!words || p == text || p[-1] == ' ')
                        *p = (char) change((unsigned char) *p);
        *ret = json_string(text);
        return 0;
}

static int upper(const Call *call, json_t **ret) {
        return change_case(call, toupper, false, ret);
}

static int lower(const Call *call, json_t **ret) {
        return change_case(call, tolower, false, ret);
}

static int title(const Call *call, json_t **ret) {
        return change_case(call, toupper, true, ret);
}

/* truncate TEXT WIDTH */
static int shorten(const Call *call, json_t **ret) {
        json_int_t width = json_integer_value(call->arguments[1]);
        _cleanup_free_ char *text = text_ellipsize(text_argument(call, 0), width < 0 ? 0 : (size_t) width);

        *ret = text ? json_string(text) : NULL;
        return 0;
}

/* pad TEXT LEFT RIGHT */
static int pad(const Call *call, json_t **ret) {
        json_int_t left = json_integer_value(call->arguments[1]),
                   right = json_integer_value(call->arguments[2]);

        if (left < 0 || right < 0 || left > PADDING_MAX || right > PADDING_MAX)
                return error_set(call->error, ERROR_INVALID, "template: pad takes widths up to %d",
                                 PADDING_MAX);
        _cleanup_free_ char *text =
                format_string("%*s%s%*s", (int) left, "", text_argument(call, 0), (int) right, "");
        *ret = text ? json_string(text) : NULL;
        return 0;
}

static int print_all(const Call *call, const char *separator, const char *end, json_t **ret) {
        _cleanup_(string_buffer_done) StringBuffer out = {};

        for (size_t i = 0; i < call->n; i++)
                if ((i > 0 && string_buffer_append_string(&out, separator) < 0) ||
                    template_print(call->arguments[i], &out) < 0)
                        return -ENOMEM;
        if (string_buffer_append_string(&out, end) < 0)
                return -ENOMEM;
        *ret = as_text(&out);
        return 0;
}

static int print(const Call *call, json_t **ret) {
        return print_all(call, "", "", ret);
}

static int println(const Call *call, json_t **ret) {
        return print_all(call, " ", "\n", ret);
}

/* printf with %s, %v, %d and %q; flags and widths are not for us. */
static int print_formatted(const Call *call, json_t **ret) {
        _cleanup_(string_buffer_done) StringBuffer out = {};
        size_t next = 1;
        int r = 0;

        for (const char *p = text_argument(call, 0); *p && r >= 0; p++) {
                if (*p != '%' || p[1] == '%') {
                        r = string_buffer_append(&out, p, 1);
                        p += *p == '%';
                        continue;
                }
                if (!p[1] || !strchr("svdq", *++p))
                        return error_set(call->error, ERROR_INVALID,
                                         "template: printf knows %%s, %%v, %%d and %%q only");
                if (next == call->n)
                        return error_set(call->error, ERROR_INVALID, "template: printf lacks a value");
                if (*p == 'q')
                        r = string_buffer_append_string(&out, "\"");
                if (r >= 0)
                        r = template_print(call->arguments[next++], &out);
                if (r >= 0 && *p == 'q')
                        r = string_buffer_append_string(&out, "\"");
        }
        *ret = r < 0 ? NULL : as_text(&out);
        return 0;
}

/* Negative, zero or positive; texts and numbers only. */
static int compare(const json_t *a, const json_t *b) {
        if (json_is_number(a) && json_is_number(b)) {
                double x = json_number_value(a), y = json_number_value(b);
                return x < y ? -1 : x > y;
        }
        if (json_is_string(a) && json_is_string(b))
                return strcmp(json_string_value(a), json_string_value(b));
        return json_equal(a, b) ? 0 : 1;
}

/* Any of the further arguments equals the first. */
static int equal(const Call *call, json_t **ret) {
        bool found = false;

        for (size_t i = 1; i < call->n; i++)
                found = found || compare(call->arguments[0], call->arguments[i]) == 0;
        *ret = json_boolean(found);
        return 0;
}

static int not_equal(const Call *call, json_t **ret) {
        *ret = json_boolean(compare(call->arguments[0], call->arguments[1]) != 0);
        return 0;
}

static int less(const Call *call, json_t **ret) {
        *ret = json_boolean(compare(call->arguments[0], call->arguments[1]) < 0);
        return 0;
}

static int less_or_equal(const Call *call, json_t **ret) {
        *ret = json_boolean(compare(call->arguments[0], call->arguments[1]) <= 0);
        return 0;
}

static int greater(const Call *call, json_t **ret) {
        *ret = json_boolean(compare(call->arguments[0], call->arguments[1]) > 0);
        return 0;
}

static int greater_or_equal(const Call *call, json_t **ret) {
        *ret = json_boolean(compare(call->arguments[0], call->arguments[1]) >= 0);
        return 0;
}

/* The first false one, or the last. */
static int all_of(const Call *call, json_t **ret) {
        size_t i = 0;

        while (i + 1 < call->n && template_is_true(call->arguments[i]))
                i++;
        *ret = json_incref(call->arguments[i]);
        return 0;
}

static int any_of(const Call *call, json_t **ret) {
        size_t i = 0;

        while (i + 1 < call->n && !template_is_true(call->arguments[i]))
                i++;
        *ret = json_incref(call->arguments[i]);
        return 0;
}

static int negate(const Call *call, json_t **ret) {
        *ret = json_boolean(!template_is_true(call->arguments[0]));
        return 0;
}

#define ANY_NUMBER 16

static const struct {
        const char *name;
        size_t min, max;
        int (*call)(const Call *call, json_t **ret);
} functions[] = {
        { "json", 1, 1, make_json },
        { "join", 2, 2, join },
        { "split", 2, 2, split },
        { "index", 1, ANY_NUMBER, get_index },
        { "len", 1, 1, length },
        { "upper", 1, 1, upper },
        { "lower", 1, 1, lower },
        { "title", 1, 1, title },
        { "truncate", 2, 2, shorten },
        { "pad", 3, 3, pad },
        { "print", 0, ANY_NUMBER, print },
        { "println", 0, ANY_NUMBER, println },
        { "printf", 1, ANY_NUMBER, print_formatted },
        { "eq", 2, ANY_NUMBER, equal },
        { "ne", 2, 2, not_equal },
        { "lt", 2, 2, less },
        { "le", 2, 2, less_or_equal },
        { "gt", 2, 2, greater },
        { "ge", 2, 2, greater_or_equal },
        { "and", 1, ANY_NUMBER, all_of },
        { "or", 1, ANY_NUMBER, any_of },
        { "not", 1, 1, negate },
};

bool template_function_exists(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(functions); i++)
                if (streq(functions[i].name, name))
                        return true;
        return false;
}

int template_call(const char *name, json_t *const *arguments, size_t n, json_t **ret, Error *error) {
        Call call = { .arguments = arguments, .n = n, .error = error };

        for (size_t i = 0; i < ELEMENTSOF(functions); i++) {
                if (!streq(functions[i].name, name))
                        continue;
                if (n < functions[i].min || n > functions[i].max)
                        return error_set(error, ERROR_INVALID, "template: wrong number of arguments for %s",
                                         name);
                int r = functions[i].call(&call, ret);
                if (r >= 0 && !*ret)
                        r = -ENOMEM;
                return r < 0 ? error_set_errno(error, r, "template: %s", name) : 0;
        }
        return error_set(error, ERROR_INVALID, "template: there is no function \"%s\"", name);
}
