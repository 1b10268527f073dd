/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Between extract.c, which goes through the archive, extract-entry.c, which makes one entry, and extract-layer.c, which
 * knows whiteouts. */

#include "extract.h"

typedef struct DirectoryTime {
        char *path;
        struct timespec modified;
} DirectoryTime;

typedef struct Extraction {
        Tree *tree;
        TarReader *reader;
        ExtractOptions options;
        ExtractStatistics statistics;
        /* Set at the end, when nothing is made in them any more. */
        DirectoryTime *times;
        size_t n_times, times_allocated;
} Extraction;

/* Makes the entry, whose name is not a whiteout. */
int extract_entry(Extraction *x, const TarEntry *entry, Error *error);
/* Clears the way for the entry at name in the directory. Returns 0, EXTRACT_MERGE when a directory is there and stays
 * for a directory, EXTRACT_OPAQUE when a whiteout gave way to a directory to be, or a negative errno. */
enum {
        EXTRACT_MERGE = 1,
        EXTRACT_OPAQUE = 2,
};
int extract_make_room(Extraction *x, int dir_fd, const char *name, bool directory, Error *error);
/* A layer's entry whose last component begins with ".wh.". */
int extract_whiteout(Extraction *x, const char *path, Error *error);
int extract_failed(Error *error, int r, const char *path); /* "can't unpack …" */
