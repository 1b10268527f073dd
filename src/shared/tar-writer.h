/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Writes a tar (POSIX.1-2001, "pax") into a Sink. The same entries always give the same bytes: whole seconds, no user
 * names, no access times. Names are bytes. */

#include "tar-reader.h"

typedef struct TarXattr {
        const char *name;
        const void *value;
        size_t size;
} TarXattr;

/* A part of a sparse file that has data. */
typedef struct TarExtent {
        uint64_t offset, size;
} TarExtent;

typedef struct TarWriter TarWriter;

int tar_writer_new(const Sink *output, TarWriter **ret);
/* entry->path as it is to stand in the archive (a directory gets its "/"); extents NULL: the file has no holes. */
int tar_writer_entry(TarWriter *writer, const TarEntry *entry, const TarXattr *xattrs, size_t n_xattrs,
                     const TarExtent *extents, size_t n_extents, Error *error);
/* The content of the last entry in order, up to entry->size; with extents, the holes' zeros too. */
int tar_writer_data(TarWriter *writer, const void *data, size_t size, Error *error);
int tar_writer_zeros(TarWriter *writer, uint64_t size, Error *error);
int tar_writer_finish(TarWriter *writer, Error *error);
TarWriter *tar_writer_free(TarWriter *writer);
DEFINE_CLEANUP(TarWriter *, tar_writer_free);
