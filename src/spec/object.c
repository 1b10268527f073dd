/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "object.h"
#include "string-util.h"
#include "strv.h"

const char *enum_to_string(EnumTable table, int value) {
        for (int i = 0; table[i]; i++)
                if (i == value)
                        return table[i];
        return "unknown";
}

int enum_from_string(EnumTable table, const char *s) {
        for (int i = 0; table[i]; i++)
                if (streq(table[i], s))
                        return i;
        return -EINVAL;
}

bool object_name_is_valid(const char *name, size_t max) {
        return !isempty(name) && strlen(name) <= max && !strchr("_.-", name[0]) &&
               string_in_charset(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");
}

void object_init(const ObjectType *type, void *object) {
        memset(object, 0, type->size);
        for (const Field *f = type->fields; f->name; f++)
                if (f->type == FIELD_OBJECT)
                        object_init(f->type_of, (char *) object + f->offset);
        if (type->init)
                type->init(object);
}

void list_done(List *list, const ObjectType *type) {
        for (size_t i = 0; i < list->n; i++)
                object_done(type, (char *) list->items + i * type->size);
        free(list->items);
        *list = (List){};
}

static void field_done(const Field *f, void *value) {
        switch (f->type) {
        case FIELD_STRING:
                free_and_replace(*(char **) value, NULL);
                break;
        case FIELD_STRV:
        case FIELD_MAP:
                *(char ***) value = strv_free(*(char ***) value);
                break;
        case FIELD_OBJECT:
                object_done(f->type_of, value);
                break;
        case FIELD_LIST:
                list_done(value, f->type_of);
                break;
        default:
                break;
        }
}

void object_done(const ObjectType *type, void *object) {
        for (const Field *f = type->fields; f->name; f++)
                field_done(f, (char *) object + f->offset);
        memset(object, 0, type->size);
}

void *list_append(List *list, const ObjectType *type) {
        /* Lists are short and made once: growing by one keeps the struct at two words. */
        void *items = reallocarray(list->items, list->n + 1, type->size);

        if (!items)
                return NULL;
        list->items = items;
        void *item = (char *) items + list->n * type->size;
        object_init(type, item);
        list->n++;
        return item;
}

static int field_copy(const Field *f, void *target, const void *source) {
        switch (f->type) {
        case FIELD_STRING:
                return free_and_strdup(target, *(char *const *) source);
        case FIELD_STRV:
        case FIELD_MAP:
                return strv_copy_into(*(char **const *) source, target);
        case FIELD_OBJECT:
                return object_copy(f->type_of, target, source);
        case FIELD_LIST: {
                const List *list = source;
                for (size_t i = 0; i < list->n; i++) {
                        void *item = list_append(target, f->type_of);
                        if (!item)
                                return -ENOMEM;
                        int r = object_copy(f->type_of, item,
                                            (const char *) list->items + i * f->type_of->size);
                        if (r < 0)
                                return r;
                }
                return 0;
        }
        case FIELD_BOOL:
                *(bool *) target = *(const bool *) source;
                return 0;
        case FIELD_INT:
        case FIELD_UINT:
        case FIELD_ENUM:
        case FIELD_FD:
                memcpy(target, source, sizeof(int));
                return 0;
        case FIELD_UINT64:
        case FIELD_DURATION:
        case FIELD_TIMESTAMP:
                memcpy(target, source, sizeof(uint64_t));
                return 0;
        }
        return -EINVAL;
}

int object_copy(const ObjectType *type, void *target, const void *source) {
        memset(target, 0, type->size);
        for (const Field *f = type->fields; f->name; f++) {
                int r = field_copy(f, (char *) target + f->offset, (const char *) source + f->offset);
                if (r < 0) {
                        object_done(type, target);
                        return r;
                }
        }
        return 0;
}

int object_copy_fields(const ObjectType *type, void *target, const void *source, char *const *names) {
        for (size_t i = 0; names && names[i]; i++) {
                const Field *f = object_find_field(type, names[i]);
                if (!f)
                        return -EINVAL;
                void *value = (char *) target + f->offset;
                field_done(f, value);
                int r = field_copy(f, value, (const char *) source + f->offset);
                if (r < 0)
                        return r;
        }
        return 0;
}

const Field *object_find_field(const ObjectType *type, const char *name) {
        for (const Field *f = type->fields; f->name; f++)
                if (streq(f->name, name))
                        return f;
        return NULL;
}

int field_check_text(const ObjectType *type, const Field *field, const char *s, Error *error) {
        size_t max = field->type == FIELD_STRING && field->max ? field->max : OBJECT_STRING_MAX;

        if (strlen(s) > max)
                return error_set(error, ERROR_LIMIT, "%s: field %s is longer than %zu bytes", type->name,
                                 field->name, max);
        return 0;
}

int field_check_count(const ObjectType *type, const Field *field, size_t n, Error *error) {
        size_t max = field->max ?: OBJECT_ITEMS_MAX;

        if (n > max)
                return error_set(error, ERROR_LIMIT, "%s: field %s has more than %zu items", type->name,
                                 field->name, max);
        return 0;
}

int field_read_word(const ObjectType *type, const Field *field, const char *s, int *ret, Error *error) {
        int r = enum_from_string(field->words, s);

        if (r < 0) {
                _cleanup_free_ char *words = strv_join((char **) field->words, ", ");
                return error_set(error, ERROR_INVALID, "%s: %s \"%s\" is unknown; it is one of %s",
                                 type->name, field->name, s, strempty(words));
        }
        *ret = r;
        return 0;
}
