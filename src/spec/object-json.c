/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "file-util.h"
#include "object.h"
#include "string-util.h"
#include "strv.h"
#include "time-util.h"

static json_t *strv_to_json(char *const *strv) {
        json_t *array = json_array();

        for (size_t i = 0; array && strv && strv[i]; i++)
                /* What is not UTF-8 (an environment may hold any bytes) can't be JSON and is left out. */
                (void) json_array_append_new(array, json_string(strv[i]));
        return array;
}

static json_t *map_to_json(char *const *strv) {
        json_t *map = json_object();

        for (size_t i = 0; map && strv && strv[i]; i++) {
                const char *equal = strchr(strv[i], '=');
                _cleanup_free_ char *key = equal ? strndup(strv[i], equal - strv[i]) : NULL;
                if (key)
                        (void) json_object_set_new(map, key, json_string(equal + 1));
        }
        return map;
}

static json_t *list_to_json(const List *list, const ObjectType *type, ObjectFlags flags) {
        json_t *array = json_array();

        for (size_t i = 0; array && i < list->n; i++)
                (void) json_array_append_new(
                        array, object_to_json(type, (const char *) list->items + i * type->size, flags));
        return array;
}

/* NULL for a value that is empty and need not be written. */
static json_t *field_to_json(const Field *f, const void *value, ObjectFlags flags) {
        bool always = f->flags & FIELD_ALWAYS;
        char time[RFC3339_MAX];

        switch (f->type) {
        case FIELD_BOOL:
                return *(const bool *) value || always ? json_boolean(*(const bool *) value) : NULL;
        case FIELD_INT:
                return *(const int *) value || always ? json_integer(*(const int *) value) : NULL;
        case FIELD_UINT:
                return *(const uint32_t *) value || always ? json_integer(*(const uint32_t *) value) : NULL;
        case FIELD_UINT64:
        case FIELD_DURATION: {
                uint64_t v = *(const uint64_t *) value;
                return v || always ? json_integer(v > INT64_MAX ? -1 : (json_int_t) v) : NULL;
        }
        case FIELD_TIMESTAMP: {
                uint64_t v = *(const uint64_t *) value;
                return v || always ? json_string(format_rfc3339(v, time)) : NULL;
        }
        case FIELD_STRING: {
                const char *s = *(char *const *) value;
                return !isempty(s) || always ? json_string(strempty(s)) : NULL;
        }
        case FIELD_STRV:
                return *(char **const *) value || always ? strv_to_json(*(char **const *) value) : NULL;
        case FIELD_MAP:
                return *(char **const *) value || always ? map_to_json(*(char **const *) value) : NULL;
        case FIELD_ENUM:
                return json_string(enum_to_string(f->words, *(const int *) value));
        case FIELD_OBJECT: {
                json_t *object = object_to_json(f->type_of, value, flags);
                if (object && !always && json_object_size(object) == 0) {
                        json_decref(object);
                        return NULL;
                }
                return object;
        }
        case FIELD_LIST:
                return ((const List *) value)->n || always ? list_to_json(value, f->type_of, flags) : NULL;
        case FIELD_FD:
                return NULL;
        }
        return NULL;
}

json_t *object_to_json(const ObjectType *type, const void *object, ObjectFlags flags) {
        json_t *json = json_object();

        for (const Field *f = type->fields; json && f->name; f++) {
                if ((f->flags & FIELD_INTERNAL) && !(flags & OBJECT_INTERNAL))
                        continue;
                json_t *value = field_to_json(f, (const char *) object + f->offset, flags);
                if (value)
                        (void) json_object_set_new_nocheck(json, f->name, value);
        }
        return json;
}

char *object_to_json_text(const ObjectType *type, const void *object, ObjectFlags flags, bool pretty,
                          size_t *ret_size) {
        json_t *json = object_to_json(type, object, flags);
        char *text = json ? json_dumps(json, pretty ? JSON_INDENT(2) : JSON_COMPACT) : NULL;

        json_decref(json);
        if (text && ret_size)
                *ret_size = strlen(text);
        return text;
}

static int wrong_type(const ObjectType *type, const Field *f, const char *expected, Error *error) {
        return error_set(error, ERROR_INVALID, "%s: field %s must be %s", type->name, f->name, expected);
}

static int read_string(const ObjectType *type, const Field *f, const json_t *value, const char **ret,
                       Error *error) {
        const char *s = json_string_value(value);

        if (!s || json_string_length(value) != strlen(s))
                return wrong_type(type, f, "a string", error);
        int r = field_check_text(type, f, s, error);
        if (r < 0)
                return r;
        *ret = s;
        return 0;
}

static int read_strv(const ObjectType *type, const Field *f, char ***target, const json_t *value,
                     Error *error) {
        size_t i;
        json_t *item;

        if (!json_is_array(value))
                return wrong_type(type, f, "a list of strings", error);
        int r = field_check_count(type, f, json_array_size(value), error);
        if (r < 0)
                return r;
        json_array_foreach(value, i, item) {
                const char *s = NULL;
                r = read_string(type, f, item, &s, error);
                if (r < 0)
                        return r;
                r = strv_extend(target, s);
                if (r < 0)
                        return error_set_errno(error, r, "%s", type->name);
        }
        return 0;
}

static int read_map(const ObjectType *type, const Field *f, char ***target, const json_t *value,
                    Error *error) {
        const char *key;
        json_t *item;

        if (!json_is_object(value))
                return wrong_type(type, f, "a map of strings", error);
        int r = field_check_count(type, f, json_object_size(value), error);
        if (r < 0)
                return r;
        json_object_foreach((json_t *) value, key, item) {
                const char *s = NULL;
                r = read_string(type, f, item, &s, error);
                if (r < 0)
                        return r;
                if (strchr(key, '='))
                        return error_set(error, ERROR_INVALID,
                                         "%s: field %s: the key \"%s\" must not contain \"=\"", type->name,
                                         f->name, key);
                r = strv_consume(target, string_join(key, "=", s));
                if (r < 0)
                        return error_set_errno(error, r, "%s", type->name);
        }
        return 0;
}

static int read_list(const ObjectType *type, const Field *f, List *list, const json_t *value,
                     ObjectFlags flags, Error *error) {
        size_t i;
        json_t *element;

        if (!json_is_array(value))
                return wrong_type(type, f, "a list of objects", error);
        int r = field_check_count(type, f, json_array_size(value), error);
        if (r < 0)
                return r;
        json_array_foreach(value, i, element) {
                void *item = list_append(list, f->type_of);
                if (!item)
                        return error_set_errno(error, -ENOMEM, "%s", type->name);
                r = object_from_json(f->type_of, item, element, flags, error);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int read_number(const ObjectType *type, const Field *f, void *target, const json_t *value,
                       Error *error) {
        if (!json_is_integer(value))
                return wrong_type(type, f, "a whole number", error);

        json_int_t v = json_integer_value(value);
        switch (f->type) {
        case FIELD_INT:
                if (v < INT32_MIN || v > INT32_MAX)
                        return wrong_type(type, f, "a number of 32 bits", error);
                *(int *) target = (int) v;
                return 0;
        case FIELD_UINT:
                if (v < 0 || v > UINT32_MAX)
                        return wrong_type(type, f, "a positive number of 32 bits", error);
                *(uint32_t *) target = (uint32_t) v;
                return 0;
        default: /* -1 is how USEC_INFINITY and other all-ones values are written */
                if (v < -1)
                        return wrong_type(type, f, "a positive number", error);
                *(uint64_t *) target = (uint64_t) v;
                return 0;
        }
}

static int read_timestamp(const ObjectType *type, const Field *f, uint64_t *target, const json_t *value,
                          Error *error) {
        const char *s = NULL;

        int r = read_string(type, f, value, &s, error);
        if (r < 0)
                return r;
        if (parse_rfc3339(s, target) < 0)
                return wrong_type(type, f, "a time as in RFC 3339", error);
        return 0;
}

static int read_enum(const ObjectType *type, const Field *f, int *target, const json_t *value,
                     Error *error) {
        const char *s = NULL;

        int r = read_string(type, f, value, &s, error);
        return r < 0 ? r : field_read_word(type, f, s, target, error);
}

static int field_from_json(const ObjectType *type, const Field *f, void *target, const json_t *value,
                           ObjectFlags flags, Error *error) {
        const char *s = NULL;
        int r;

        switch (f->type) {
        case FIELD_BOOL:
                if (!json_is_boolean(value))
                        return wrong_type(type, f, "true or false", error);
                *(bool *) target = json_is_true(value);
                return 0;
        case FIELD_INT:
        case FIELD_UINT:
        case FIELD_UINT64:
        case FIELD_DURATION:
                return read_number(type, f, target, value, error);
        case FIELD_TIMESTAMP:
                return read_timestamp(type, f, target, value, error);
        case FIELD_STRING:
                r = read_string(type, f, value, &s, error);
                return r < 0 ? r : free_and_strdup(target, s);
        case FIELD_STRV:
                *(char ***) target = strv_free(*(char ***) target);
                return read_strv(type, f, target, value, error);
        case FIELD_MAP:
                *(char ***) target = strv_free(*(char ***) target);
                return read_map(type, f, target, value, error);
        case FIELD_ENUM:
                return read_enum(type, f, target, value, error);
        case FIELD_OBJECT:
                object_done(f->type_of, target);
                return object_from_json(f->type_of, target, value, flags, error);
        case FIELD_LIST:
                list_done(target, f->type_of);
                return read_list(type, f, target, value, flags, error);
        case FIELD_FD:
                return wrong_type(type, f, "passed as a descriptor", error);
        }
        return -EINVAL;
}

static int check_unknown(const ObjectType *type, const json_t *json, Error *error) {
        const char *key;
        json_t *value;

        json_object_foreach((json_t *) json, key, value) {
                const Field *f = object_find_field(type, key);
                if (!f || (f->flags & FIELD_INTERNAL))
                        return error_set(error, ERROR_INVALID, "%s: there is no field \"%s\"", type->name,
                                         key);
        }
        return 0;
}

static int read_fields(const ObjectType *type, void *object, const json_t *json, ObjectFlags flags,
                       Error *error) {
        int r;

        if (!json_is_object(json))
                return error_set(error, ERROR_INVALID, "%s: this is not an object", type->name);
        if (flags & OBJECT_STRICT) {
                r = check_unknown(type, json, error);
                if (r < 0)
                        return r;
        }
        for (const Field *f = type->fields; f->name; f++) {
                const json_t *value = json_object_get(json, f->name);
                if (!value || json_is_null(value)) {
                        if (f->flags & FIELD_REQUIRED)
                                return error_set(error, ERROR_INVALID, "%s: field %s is missing", type->name,
                                                 f->name);
                        continue;
                }
                r = field_from_json(type, f, (char *) object + f->offset, value, flags, error);
                if (r < 0)
                        return r;
        }
        return type->validate ? type->validate(object, error) : 0;
}

int object_from_json(const ObjectType *type, void *object, const json_t *json, ObjectFlags flags,
                     Error *error) {
        object_init(type, object);
        int r = read_fields(type, object, json, flags, error);
        if (r < 0)
                object_done(type, object);
        return r;
}

int object_from_json_text(const ObjectType *type, void *object, const char *text, size_t size,
                          ObjectFlags flags, Error *error) {
        json_error_t where;
        json_t *json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &where);

        if (!json) {
                memset(object, 0, type->size);
                return error_set(error, ERROR_CORRUPT, "%s: not JSON: %s at line %d", type->name, where.text,
                                 where.line);
        }
        int r = object_from_json(type, object, json, flags, error);
        json_decref(json);
        return r;
}

int object_save_at(const ObjectType *type, const void *object, int dir_fd, const char *path, bool durable) {
        size_t size;
        _cleanup_free_ char *text = object_to_json_text(type, object, OBJECT_INTERNAL, false, &size);

        if (!text)
                return -ENOMEM;
        return write_file_atomic_at(dir_fd, path, text, size, 0600, durable ? WRITE_SYNC : 0);
}

int object_load_at(const ObjectType *type, void *object, int dir_fd, const char *path, size_t limit,
                   Error *error) {
        _cleanup_free_ char *text = NULL;
        size_t size;

        memset(object, 0, type->size);
        int r = read_file_at(dir_fd, path, limit, &text, &size);
        if (r < 0)
                return r == -ENOENT ? r : error_set_errno(error, r, "cannot read %s", path);
        return object_from_json_text(type, object, text, size, 0, error);
}
