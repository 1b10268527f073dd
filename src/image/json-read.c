/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "json-read.h"
#include "object.h"
#include "string-util.h"
#include "strv.h"
#include "time-util.h"

int json_read(const char *data, size_t size, const char *what, json_t **ret, Error *error) {
        json_error_t where;
        json_t *json = json_loadb(data, size, JSON_REJECT_DUPLICATES, &where);

        if (!json)
                return error_set(error, ERROR_CORRUPT, "the %s is not valid JSON: %s (line %d)", what,
                                 where.text, where.line);
        if (!json_is_object(json)) {
                json_decref(json);
                return error_set(error, ERROR_CORRUPT, "the %s is not a JSON object", what);
        }
        *ret = json;
        return 0;
}

static int wrong_type(const char *key, const char *wanted, Error *error) {
        return error_set(error, ERROR_CORRUPT, "\"%.80s\" should be %s", key, wanted);
}

static int out_of_memory(Error *error) {
        return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
}

/* 1: a value is there. */
static int get(const json_t *object, const char *key, json_t **ret) {
        *ret = json_object_get(object, key);
        if (json_is_null(*ret))
                *ret = NULL;
        return *ret != NULL;
}

static int copy_string(const json_t *value, const char *key, char **ret, Error *error) {
        if (!json_is_string(value))
                return wrong_type(key, "a string", error);
        if (json_string_length(value) > OBJECT_STRING_MAX)
                return error_set(error, ERROR_LIMIT, "\"%.80s\" is longer than %d bytes", key,
                                 OBJECT_STRING_MAX);
        *ret = strdup(json_string_value(value));
        return *ret ? 0 : out_of_memory(error);
}

int json_get_string(const json_t *object, const char *key, char **ret, Error *error) {
        json_t *value;

        *ret = NULL;
        return get(object, key, &value) ? copy_string(value, key, ret, error) : 0;
}

int json_get_size(const json_t *object, const char *key, uint64_t *ret, Error *error) {
        json_t *value;

        *ret = 0;
        if (!get(object, key, &value))
                return 0;
        if (!json_is_integer(value) || json_integer_value(value) < 0)
                return wrong_type(key, "a number that is not negative", error);
        *ret = json_integer_value(value);
        return 0;
}

int json_get_bool(const json_t *object, const char *key, bool *ret, Error *error) {
        json_t *value;

        *ret = false;
        if (!get(object, key, &value))
                return 0;
        if (!json_is_boolean(value))
                return wrong_type(key, "true or false", error);
        *ret = json_is_true(value);
        return 0;
}

int json_get_time(const json_t *object, const char *key, uint64_t *ret, Error *error) {
        _cleanup_free_ char *text = NULL;
        int r = json_get_string(object, key, &text, error);

        *ret = 0;
        if (r >= 0 && text && parse_rfc3339(text, ret) < 0)
                *ret = 0;
        return r;
}

int json_get_object(const json_t *object, const char *key, json_t **ret, Error *error) {
        if (!get(object, key, ret))
                return 0;
        return json_is_object(*ret) ? 0 : wrong_type(key, "an object", error);
}

int json_get_array(const json_t *object, const char *key, size_t max, json_t **ret, Error *error) {
        if (!get(object, key, ret))
                return 0;
        if (!json_is_array(*ret))
                return wrong_type(key, "a list", error);
        if (json_array_size(*ret) > max)
                return error_set(error, ERROR_LIMIT, "\"%.80s\" has %zu elements, and %zu is the maximum",
                                 key, json_array_size(*ret), max);
        return 0;
}

int json_get_strv(const json_t *object, const char *key, char ***ret, Error *error) {
        _cleanup_strv_free_ char **list = NULL;
        json_t *array, *item;
        size_t i;

        *ret = NULL;
        int r = json_get_array(object, key, OBJECT_ITEMS_MAX, &array, error);
        if (r < 0)
                return r;
        json_array_foreach(array, i, item) {
                char *s;
                r = copy_string(item, key, &s, error);
                if (r < 0)
                        return r;
                if (strv_consume(&list, s) < 0)
                        return out_of_memory(error);
        }
        *ret = TAKE_PTR(list);
        return 0;
}

static int get_members(const json_t *object, const char *key, bool values, char ***ret, Error *error) {
        _cleanup_strv_free_ char **list = NULL;
        const char *name;
        json_t *map, *value;

        *ret = NULL;
        int r = json_get_object(object, key, &map, error);
        if (r < 0 || !map)
                return r;
        if (json_object_size(map) > OBJECT_ITEMS_MAX)
                return error_set(error, ERROR_LIMIT, "\"%.80s\" has more than %d members", key,
                                 OBJECT_ITEMS_MAX);
        json_object_foreach(map, name, value) {
                if (values && !json_is_string(value))
                        return wrong_type(key, "a map of strings", error);
                if (values && json_string_length(value) > OBJECT_STRING_MAX)
                        return error_set(error, ERROR_LIMIT, "\"%.80s\" is too long", name);
                r = values ? strv_extendf(&list, "%s=%s", name, json_string_value(value))
                           : strv_extend(&list, name);
                if (r < 0)
                        return out_of_memory(error);
        }
        *ret = TAKE_PTR(list);
        return 0;
}

int json_get_map(const json_t *object, const char *key, char ***ret, Error *error) {
        return get_members(object, key, true, ret, error);
}

int json_get_keys(const json_t *object, const char *key, char ***ret, Error *error) {
        return get_members(object, key, false, ret, error);
}
