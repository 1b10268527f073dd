/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The local end of load, import, save and export. */

#include "error.h"
#include "macro.h"

/* A file, or standard input for NULL and "-" (refused when that is a terminal). Returns an fd of our own. */
int archive_file_open_input(const char *path, Error *error);

/* A regular file appears under its name when it is complete, and not at all when the work fails; anything else (a pipe, a
 * device, standard output for NULL and "-") is written to directly. */
typedef struct ArchiveFile {
        int fd;
        char *path, *temporary; /* NULL: written to directly */
} ArchiveFile;
#define ARCHIVE_FILE_NONE ((ArchiveFile){ .fd = -EBADF })

int archive_file_open_output(const char *path, ArchiveFile *ret, Error *error);
int archive_file_commit(ArchiveFile *file, Error *error);
void archive_file_done(ArchiveFile *file);
