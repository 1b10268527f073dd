/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Configuration files in the form of systemd.syntax(7): sections, "Key=value" lines, comments with # or ;, a backslash at
 * the end of a line continues it. NAME is read from the first of /etc/berth, /run/berth and /usr/lib/berth that has it,
 * then the files ending in .conf in the folders NAME.d of all three, ordered by their names; of equal file names the first folder's
 * counts, and one that is empty or a link to /dev/null masks the others.
 *
 * A section may have an argument: "[Registry docker.io]". */

#include "object.h"

typedef struct ConfLine {
        const char *file; /* absolute */
        unsigned number;
        const char *section;  /* "Registry"; "" in front of the first one */
        const char *argument; /* "docker.io", or NULL */
        const char *key;      /* NULL: the section begins here */
        const char *value;    /* without spaces around it; "" resets a list */
} ConfLine;

/* Takes one line; a failure names what is wrong with it ("file:line: " is put in front). */
typedef int (*ConfHandler)(const ConfLine *line, void *userdata, Error *error);

typedef enum ConfFlags {
        CONF_LENIENT =
                1 << 0, /* a wrong line is logged as a warning and passed over, instead of ending it all */
} ConfFlags;

#define CONF_FILE_MAX (1024 * 1024)

/* No file at all is fine. root: in front of the three folders, "" for the host's. Returns 0 or a negative errno. */
int conf_read(const char *root, const char *name, ConfHandler handler, void *userdata, ConfFlags flags,
              Error *error);
/* One text, for tests and fuzzers. */
int conf_parse(const char *file, const char *text, size_t size, ConfHandler handler, void *userdata,
               ConfFlags flags, Error *error);

/* Gives the field of `object` whose `key` column is "Section.Key" its value, by the field's type: booleans, numbers, sizes
 * for FIELD_UINT64 ("4M"; "infinity" is UINT64_MAX), durations ("90d"), words of an enumeration, texts, and lists, to which each line
 * adds its words. ERROR_INVALID for an unknown key. */
int object_assign(const ObjectType *type, void *object, const char *section, const char *key,
                  const char *value, Error *error);
