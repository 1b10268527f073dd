/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Between pack.c, which walks, and pack-entry.c, which writes one entry. */

#include "pack.h"

/* Names under which files with several links are in the archive already. Open addressing, grows. */
typedef struct LinkTable {
        struct LinkItem {
                dev_t device;
                ino_t inode;
                char *path; /* NULL: free place */
        } * items;
        size_t n, allocated;
} LinkTable;

typedef struct Packing {
        const PackOptions *options;
        TarWriter *writer;
        LinkTable links;
        uint8_t *buffer;
} Packing;

/* One entry: what fd (O_PATH) is, called `path` in the archive. Content and all. */
int pack_entry(Packing *p, int fd, const struct stat *st, const char *path, Error *error);
/* An empty file, as whiteouts are. */
int pack_marker(Packing *p, const char *path, Error *error);
void link_table_done(LinkTable *table);
int pack_failed(Error *error, int r, const char *path); /* "can't read …" */
#define PACK_BUFFER_SIZE (256 * 1024)
