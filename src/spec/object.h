/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The model's machinery. Each object of berth (a container's specification, an image record, a launch document …) is a
 * plain C struct and one constant table of its fields. From that one table come its JSON (files in /var/lib/berth,
 * messages to shims and workers, `--json`), its D-Bus form (a{sv}) and, with the `key` column, its unit-file keys.
 *
 * A struct that is all zeros is the valid empty object of its type; default values are set by the type's `init`.
 * Reading is strict about types and limits, and lenient about fields it does not know (a newer berth may have written
 * them), unless OBJECT_STRICT asks for an error, which is what every request from outside does. */

#include <jansson.h>

#include "error.h"
#include "macro.h"

typedef enum FieldType {
        FIELD_BOOL,     /* bool              b       true */
        FIELD_INT,      /* int               i       -1 */
        FIELD_UINT,     /* uint32_t          u       42 */
        FIELD_UINT64,   /* uint64_t          t       42 */
        FIELD_DURATION, /* uint64_t, usec    t       42 (microseconds) */
        FIELD_TIMESTAMP, /* uint64_t, usec    t       "2026-11-24T10:02:11.000000Z" in JSON, usec since 1970 on D-Bus */
        FIELD_STRING, /* char *            s       "x"; NULL and "" are both "not set" and not written */
        FIELD_STRV,   /* char **           as      ["a", "b"] */
        FIELD_MAP,    /* char ** of "k=v"  a{ss}   {"k": "v"} */
        FIELD_ENUM,   /* int               s       "word", from the field's EnumTable */
        FIELD_OBJECT, /* nested struct     a{sv}   {…} */
        FIELD_LIST,   /* List of structs   aa{sv}  [{…}, …] */
        FIELD_FD,     /* int               h       - (never in JSON); 0: none. Borrowed from the message */
} FieldType;

/* The words of an enumeration, in the order of its values from 0, ended by NULL. */
typedef const char *const *EnumTable;
const char *enum_to_string(EnumTable table, int value);
int enum_from_string(EnumTable table, const char *s); /* -EINVAL for an unknown word */

/* A list of structs, kept as one array. */
typedef struct List {
        void *items;
        size_t n;
} List;

typedef struct ObjectType ObjectType;

typedef enum FieldFlags {
        FIELD_ALWAYS = 1 << 0,   /* written even when zero or empty */
        FIELD_REQUIRED = 1 << 1, /* reading fails without it */
        FIELD_INTERNAL = 1 << 2, /* never on D-Bus and refused from outside: berth's own bookkeeping */
} FieldFlags;

typedef struct Field {
        const char *name; /* CamelCase, the same in JSON and on D-Bus */
        FieldType type;
        size_t offset;
        FieldFlags flags;
        EnumTable words;           /* FIELD_ENUM */
        const ObjectType *type_of; /* FIELD_OBJECT, FIELD_LIST */
        size_t max; /* most elements of a list/strv/map, most bytes of a string; 0: the general limits */
        const char *key; /* "Section.Key" in a unit file, or NULL */
} Field;

#define OBJECT_ITEMS_MAX 10000
#define OBJECT_STRING_MAX (1024 * 1024)

struct ObjectType {
        const char *name; /* for messages: "container" */
        size_t size;
        const Field *fields;                               /* ended by a NULL name */
        void (*init)(void *object);                        /* defaults; may be NULL */
        int (*validate)(const void *object, Error *error); /* beyond types and limits; may be NULL */
};

/* What may be the name of a container, network, volume or secret: letters, digits, "_", "." and "-", beginning with a letter
 * or a digit; at most max bytes. */
bool object_name_is_valid(const char *name, size_t max) _pure_;

/* Zeroes the object and applies the defaults. */
void object_init(const ObjectType *type, void *object);
/* Frees what the fields own; the struct itself belongs to the caller. */
void object_done(const ObjectType *type, void *object);
/* Deep copy into *target, which is overwritten (not freed first). 0 or -ENOMEM. */
int object_copy(const ObjectType *type, void *target, const void *source);
/* Copies the named fields over those of *target. 0 or -ENOMEM. */
int object_copy_fields(const ObjectType *type, void *target, const void *source, char *const *names);
/* Appends a zeroed, initialised item to the list field. NULL when out of memory. */
void *list_append(List *list, const ObjectType *type);
#define LIST_ITEM(list, type, i) (&((type *) (list)->items)[i])
void list_done(List *list, const ObjectType *type);
const Field *object_find_field(const ObjectType *type, const char *name);

typedef enum ObjectFlags {
        OBJECT_STRICT = 1 << 0, /* unknown and FIELD_INTERNAL fields are errors (ERROR_INVALID names them) */
        OBJECT_INTERNAL = 1 << 1, /* writing: with the FIELD_INTERNAL fields */
} ObjectFlags;

/* What both readers check: the limits of a field, and the words of an enumeration. 0, ERROR_LIMIT or ERROR_INVALID. */
int field_check_text(const ObjectType *type, const Field *field, const char *s, Error *error);
int field_check_count(const ObjectType *type, const Field *field, size_t n, Error *error);
int field_read_word(const ObjectType *type, const Field *field, const char *s, int *ret, Error *error);

/* ---- JSON (object-json.c) ---- */

/* A new reference, or NULL when out of memory. Empty fields are left out unless FIELD_ALWAYS. */
json_t *object_to_json(const ObjectType *type, const void *object, ObjectFlags flags);
char *object_to_json_text(const ObjectType *type, const void *object, ObjectFlags flags, bool pretty,
                          size_t *ret_size);
/* Initialises *object, reads, validates. On failure *object is left done (all zeros). */
int object_from_json(const ObjectType *type, void *object, const json_t *json, ObjectFlags flags,
                     Error *error);
int object_from_json_text(const ObjectType *type, void *object, const char *text, size_t size,
                          ObjectFlags flags, Error *error);
/* One file per object. Loading: -ENOENT passes through; a file that does not parse gives ERROR_CORRUPT. */
int object_save_at(const ObjectType *type, const void *object, int dir_fd, const char *path, bool durable);
int object_load_at(const ObjectType *type, void *object, int dir_fd, const char *path, size_t limit,
                   Error *error);
