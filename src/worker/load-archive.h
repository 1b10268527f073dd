/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What an image archive has in it. The archive may come through a pipe, with everything in any order, so it is read once:
 * small JSON documents stay in memory, anything else is taken for a layer, stored as a blob, and unpacked behind the
 * reader's back. What no image of the archive needs in the end is deleted again. */

#include "content-store.h"
#include "worker.h"

typedef struct LoadFile {
        char *path;  /* plain and relative */
        char *alias; /* a link: the path of what it means */
        char *text;  /* a document */
        size_t size;
        char *digest;                 /* of the blob; NULL for a document */
        int compression;              /* of the blob */
        char *diff_id;                /* of a layer that has been unpacked */
        LayerUnpack *unpack;          /* under way */
        BlobWriter *writer;           /* until then */
        bool added_blob, added_layer; /* neither was here before */
} LoadFile;

typedef struct LoadArchive {
        Worker *worker;
        ContentStore *content;
        LoadFile *files; /* sorted by path once all is read */
        size_t n_files, allocated;
        uint64_t documents_size;
        atomic_bool stopped; /* what still unpacks is not wanted any more */
} LoadArchive;

/* Opens the store; archive->worker is set. */
int load_archive_open(LoadArchive *archive, Error *error);
int load_archive_read(LoadArchive *archive, int fd, Error *error);
/* Through links. NULL when there is none. */
LoadFile *load_archive_find(LoadArchive *archive, const char *path);
/* The document "blobs/sha256/<hex>", verified. */
LoadFile *load_archive_find_blob(LoadArchive *archive, const char *digest);
/* Waits until the layer is unpacked (unpacks it, should nobody have begun) and is what it must be. */
int load_archive_need_layer(LoadArchive *archive, LoadFile *file, const char *diff_id, Error *error);
/* Waits until the file is a blob here, whatever is in it. */
int load_archive_need_blob(LoadArchive *archive, LoadFile *file, Error *error);
/* Ends all that is under way, and deletes what came in and no image record needs. */
void load_archive_done(LoadArchive *archive);
