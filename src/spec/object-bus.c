/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "object-bus.h"
#include "string-util.h"
#include "strv.h"

const char *field_bus_signature(const Field *field) {
        switch (field->type) {
        case FIELD_BOOL:
                return "b";
        case FIELD_INT:
                return "i";
        case FIELD_UINT:
                return "u";
        case FIELD_UINT64:
        case FIELD_DURATION:
        case FIELD_TIMESTAMP:
                return "t";
        case FIELD_STRING:
        case FIELD_ENUM:
                return "s";
        case FIELD_STRV:
                return "as";
        case FIELD_MAP:
                return "a{ss}";
        case FIELD_OBJECT:
                return "a{sv}";
        case FIELD_LIST:
                return "aa{sv}";
        case FIELD_FD:
                return "h";
        }
        return NULL;
}

static bool field_is_empty(const Field *f, const void *value) {
        if (f->flags & FIELD_ALWAYS)
                return false;
        switch (f->type) {
        case FIELD_BOOL:
                return !*(const bool *) value;
        case FIELD_INT:
        case FIELD_UINT:
        case FIELD_FD:
                return *(const uint32_t *) value == 0;
        case FIELD_UINT64:
        case FIELD_DURATION:
        case FIELD_TIMESTAMP:
                return *(const uint64_t *) value == 0;
        case FIELD_STRING:
                return isempty(*(char *const *) value);
        case FIELD_STRV:
        case FIELD_MAP:
                return !*(char **const *) value;
        case FIELD_LIST:
                return ((const List *) value)->n == 0;
        case FIELD_ENUM:
        case FIELD_OBJECT:
                return false;
        }
        return false;
}

static int append_map(sd_bus_message *m, char *const *strv) {
        int r = sd_bus_message_open_container(m, 'a', "{ss}");

        for (size_t i = 0; r >= 0 && strv && strv[i]; i++) {
                const char *equal = strchr(strv[i], '=');
                _cleanup_free_ char *key = equal ? strndup(strv[i], equal - strv[i]) : NULL;
                if (!key)
                        return -ENOMEM;
                r = sd_bus_message_append(m, "{ss}", key, equal + 1);
        }
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_list(sd_bus_message *m, const List *list, const ObjectType *type, ObjectFlags flags) {
        int r = sd_bus_message_open_container(m, 'a', "a{sv}");

        for (size_t i = 0; r >= 0 && i < list->n; i++)
                r = object_append_bus(type, (const char *) list->items + i * type->size, m, flags);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_value(const Field *f, const void *value, sd_bus_message *m, ObjectFlags flags) {
        switch (f->type) {
        case FIELD_BOOL:
                return sd_bus_message_append(m, "b", *(const bool *) value);
        case FIELD_INT:
                return sd_bus_message_append(m, "i", *(const int *) value);
        case FIELD_UINT:
                return sd_bus_message_append(m, "u", *(const uint32_t *) value);
        case FIELD_UINT64:
        case FIELD_DURATION:
        case FIELD_TIMESTAMP:
                return sd_bus_message_append(m, "t", *(const uint64_t *) value);
        case FIELD_STRING:
                return sd_bus_message_append(m, "s", strempty(*(char *const *) value));
        case FIELD_ENUM:
                return sd_bus_message_append(m, "s", enum_to_string(f->words, *(const int *) value));
        case FIELD_STRV:
                return sd_bus_message_append_strv(m, *(char **const *) value);
        case FIELD_MAP:
                return append_map(m, *(char **const *) value);
        case FIELD_OBJECT:
                return object_append_bus(f->type_of, value, m, flags);
        case FIELD_LIST:
                return append_list(m, value, f->type_of, flags);
        case FIELD_FD:
                return sd_bus_message_append(m, "h", *(const int *) value);
        }
        return -EINVAL;
}

int field_append_bus(const Field *field, const void *object, sd_bus_message *m) {
        return append_value(field, (const char *) object + field->offset, m, 0);
}

int object_append_bus(const ObjectType *type, const void *object, sd_bus_message *m, ObjectFlags flags) {
        int r = sd_bus_message_open_container(m, 'a', "{sv}");

        for (const Field *f = type->fields; r >= 0 && f->name; f++) {
                const void *value = (const char *) object + f->offset;
                if (((f->flags & FIELD_INTERNAL) && !(flags & OBJECT_INTERNAL)) || field_is_empty(f, value))
                        continue;
                if ((r = sd_bus_message_open_container(m, 'e', "sv")) < 0 ||
                    (r = sd_bus_message_append(m, "s", f->name)) < 0 ||
                    (r = sd_bus_message_open_container(m, 'v', field_bus_signature(f))) < 0 ||
                    (r = append_value(f, value, m, flags)) < 0 ||
                    (r = sd_bus_message_close_container(m)) < 0)
                        return r;
                r = sd_bus_message_close_container(m);
        }
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int wrong_type(const ObjectType *type, const Field *f, Error *error) {
        return error_set(error, ERROR_INVALID, "%s: field %s must be of D-Bus type %s", type->name, f->name,
                         field_bus_signature(f));
}

/* Any basic integer type, as 64 bits with its sign. */
static int read_integer(sd_bus_message *m, bool *ret_negative, uint64_t *ret) {
        union {
                uint8_t y;
                int16_t n;
                uint16_t q;
                int32_t i;
                uint32_t u;
                int64_t x;
                uint64_t t;
        } v;
        int64_t s;
        char type;

        int r = sd_bus_message_peek_type(m, &type, NULL);
        if (r <= 0)
                return r < 0 ? r : -EBADMSG;
        if (!strchr("ynqiuxt", type))
                return -ENXIO;
        r = sd_bus_message_read_basic(m, type, &v);
        if (r < 0)
                return r;
        switch (type) {
        case 'y':
                s = v.y;
                break;
        case 'n':
                s = v.n;
                break;
        case 'q':
                s = v.q;
                break;
        case 'i':
                s = v.i;
                break;
        case 'u':
                s = v.u;
                break;
        case 'x':
                s = v.x;
                break;
        default:
                *ret = v.t;
                *ret_negative = false;
                return 0;
        }
        *ret = (uint64_t) s;
        *ret_negative = s < 0;
        return 0;
}

static int read_number(const ObjectType *type, const Field *f, void *target, sd_bus_message *m,
                       Error *error) {
        bool negative;
        uint64_t v;

        if (read_integer(m, &negative, &v) < 0)
                return wrong_type(type, f, error);
        if (f->type == FIELD_INT) {
                int64_t s = (int64_t) v;
                if (!negative && v > INT32_MAX)
                        return wrong_type(type, f, error);
                if (s < INT32_MIN)
                        return wrong_type(type, f, error);
                *(int *) target = (int) s;
                return 0;
        }
        if (negative && !(f->type != FIELD_UINT && v == UINT64_MAX))
                return wrong_type(type, f, error);
        if (f->type == FIELD_UINT) {
                if (v > UINT32_MAX)
                        return wrong_type(type, f, error);
                *(uint32_t *) target = (uint32_t) v;
        } else
                *(uint64_t *) target = v;
        return 0;
}

static int read_strv(const ObjectType *type, const Field *f, char ***target, sd_bus_message *m,
                     Error *error) {
        const char *s;
        size_t n = 0;

        *target = strv_free(*target);
        int r = sd_bus_message_enter_container(m, 'a', "s");
        if (r <= 0)
                return wrong_type(type, f, error);
        while ((r = sd_bus_message_read(m, "s", &s)) > 0) {
                if ((r = field_check_count(type, f, ++n, error)) < 0 ||
                    (r = field_check_text(type, f, s, error)) < 0)
                        return r;
                if ((r = strv_extend(target, s)) < 0)
                        return error_set_errno(error, r, "%s", type->name);
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_map(const ObjectType *type, const Field *f, char ***target, sd_bus_message *m,
                    Error *error) {
        const char *key, *s;
        size_t n = 0;

        *target = strv_free(*target);
        int r = sd_bus_message_enter_container(m, 'a', "{ss}");
        if (r <= 0)
                return wrong_type(type, f, error);
        while ((r = sd_bus_message_read(m, "{ss}", &key, &s)) > 0) {
                if ((r = field_check_count(type, f, ++n, error)) < 0 ||
                    (r = field_check_text(type, f, s, error)) < 0)
                        return r;
                if (strchr(key, '='))
                        return error_set(error, ERROR_INVALID,
                                         "%s: field %s: the key \"%s\" must not contain \"=\"", type->name,
                                         f->name, key);
                if ((r = strv_consume(target, string_join(key, "=", s))) < 0)
                        return error_set_errno(error, r, "%s", type->name);
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_list(const ObjectType *type, const Field *f, List *list, sd_bus_message *m,
                     ObjectFlags flags, Error *error) {
        list_done(list, f->type_of);
        int r = sd_bus_message_enter_container(m, 'a', "a{sv}");
        if (r <= 0)
                return wrong_type(type, f, error);
        while ((r = sd_bus_message_at_end(m, false)) == 0) {
                if ((r = field_check_count(type, f, list->n + 1, error)) < 0)
                        return r;
                void *item = list_append(list, f->type_of);
                if (!item)
                        return error_set_errno(error, -ENOMEM, "%s", type->name);
                if ((r = object_read_bus(f->type_of, item, m, flags, error)) < 0)
                        return r;
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_word(const ObjectType *type, const Field *f, void *target, sd_bus_message *m, Error *error) {
        const char *s;

        if (sd_bus_message_read(m, "s", &s) <= 0)
                return wrong_type(type, f, error);
        int r = field_check_text(type, f, s, error);
        if (r < 0)
                return r;
        if (f->type == FIELD_STRING)
                return free_and_strdup(target, s);
        return field_read_word(type, f, s, target, error);
}

static int read_fd(const ObjectType *type, const Field *f, int *target, sd_bus_message *m, Error *error) {
        int fd;

        if (sd_bus_message_read(m, "h", &fd) <= 0)
                return wrong_type(type, f, error);
        *target = fd;
        return 0;
}

static int read_value(const ObjectType *type, const Field *f, void *target, sd_bus_message *m,
                      ObjectFlags flags, Error *error) {
        int b;

        switch (f->type) {
        case FIELD_BOOL:
                if (sd_bus_message_read(m, "b", &b) <= 0)
                        return wrong_type(type, f, error);
                *(bool *) target = b;
                return 0;
        case FIELD_INT:
        case FIELD_UINT:
        case FIELD_UINT64:
        case FIELD_DURATION:
        case FIELD_TIMESTAMP:
                return read_number(type, f, target, m, error);
        case FIELD_STRING:
        case FIELD_ENUM:
                return read_word(type, f, target, m, error);
        case FIELD_STRV:
                return read_strv(type, f, target, m, error);
        case FIELD_MAP:
                return read_map(type, f, target, m, error);
        case FIELD_OBJECT:
                object_done(f->type_of, target);
                return object_read_bus(f->type_of, target, m, flags, error);
        case FIELD_LIST:
                return read_list(type, f, target, m, flags, error);
        case FIELD_FD:
                return read_fd(type, f, target, m, error);
        }
        return -EINVAL;
}

static int read_entry(const ObjectType *type, void *object, sd_bus_message *m, ObjectFlags flags,
                      char ***names, Error *error) {
        const char *name, *contents;
        char bus_type;

        int r = sd_bus_message_read(m, "s", &name);
        if (r < 0)
                return r;
        const Field *f = object_find_field(type, name);
        if (!f || (f->flags & FIELD_INTERNAL)) {
                if (flags & OBJECT_STRICT)
                        return error_set(error, ERROR_INVALID, "%s: there is no field \"%s\"", type->name,
                                         name);
                return sd_bus_message_skip(m, "v");
        }
        if ((r = sd_bus_message_peek_type(m, &bus_type, &contents)) < 0 ||
            (r = sd_bus_message_enter_container(m, 'v', contents)) < 0)
                return r;
        r = read_value(type, f, (char *) object + f->offset, m, flags, error);
        if (r >= 0 && names)
                r = strv_extend(names, name);
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

/* names: gets those of the fields, may be NULL. */
static int read_entries(const ObjectType *type, void *object, sd_bus_message *m, ObjectFlags flags,
                        char ***names, Error *error) {
        int r = sd_bus_message_enter_container(m, 'a', "{sv}");

        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = read_entry(type, object, m, flags, names, error);
                if (r < 0 || (r = sd_bus_message_exit_container(m)) < 0)
                        return r;
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

int object_read_bus(const ObjectType *type, void *object, sd_bus_message *m, ObjectFlags flags,
                    Error *error) {
        object_init(type, object);
        int r = read_entries(type, object, m, flags, NULL, error);
        if (r >= 0 && type->validate)
                r = type->validate(object, error);
        if (r < 0) {
                object_done(type, object);
                return error_set_errno(error, r, "%s: malformed message", type->name);
        }
        return 0;
}

int object_read_bus_part(const ObjectType *type, void *object, sd_bus_message *m, char ***ret_names,
                         Error *error) {
        _cleanup_strv_free_ char **names = NULL;

        object_init(type, object);
        int r = read_entries(type, object, m, OBJECT_STRICT, &names, error);
        if (r < 0) {
                object_done(type, object);
                return error_set_errno(error, r, "%s: malformed message", type->name);
        }
        *ret_names = TAKE_PTR(names);
        return 0;
}
