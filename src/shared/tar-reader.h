/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Reads a tar (ustar, pax, GNU, with sparse files) out of a Source that is not compressed any more. libarchive knows the
 * formats; this file adds what a stranger's archive needs: limits, and paths in one form.
 * Names are bytes: the locale's character set must be UTF-8 or C, and what is not UTF-8 passes unchanged. */

#include <sys/stat.h>

#include "byte-stream.h"

typedef struct TarLimits {
        size_t path;    /* bytes of a path or of a link's target */
        unsigned depth; /* components of a path */
        uint64_t entries;
        size_t xattrs;    /* bytes of names and values of one entry's extended attributes */
        uint64_t content; /* bytes of all files together, holes included */
        /* Ends of the sentences of the errors, for where a limit can be changed; may be NULL. */
        const char *path_hint, *entries_hint, *content_hint;
} TarLimits;
/* 4095 bytes (PATH_MAX), 1024 components, 10 million entries, 256 KiB (libarchive's own limit is 1 MiB), 8 TiB. */
extern const TarLimits tar_limits_default;

typedef enum TarType {
        TAR_FILE,
        TAR_DIRECTORY,
        TAR_SYMLINK,
        TAR_HARDLINK,
        TAR_CHARACTER_DEVICE,
        TAR_BLOCK_DEVICE,
        TAR_FIFO,
        TAR_OTHER, /* a socket, or something that this system has no word for */
} TarType;

/* One entry; valid until the next tar_reader_next(). */
typedef struct TarEntry {
        TarType type;
        const char *path; /* relative, without empty, "." and ".." components; "" is the root itself */
        const char *link; /* hard link: like path; symbolic link: as it stands */
        mode_t mode;      /* permissions, with set-id and sticky bits */
        uint64_t uid, gid;
        struct timespec modified;
        dev_t device;
        uint64_t size; /* file */
        size_t n_xattrs;
} TarEntry;

typedef struct TarReader TarReader;

/* limits NULL: the default ones. */
int tar_reader_new(const Source *input, const TarLimits *limits, TarReader **ret);
/* 1, 0 at the end, or a negative errno. A path that leads out of the archive's root ("../x", "a/../../x") is
 * ERROR_CORRUPT; "a/../b" is "b". An empty input is an empty archive. */
int tar_reader_next(TarReader *reader, TarEntry *ret, Error *error);
/* The next piece of the entry's content and where it belongs (a gap is a hole). The bytes, 0 at the end. */
ssize_t tar_reader_data(TarReader *reader, const void **ret, uint64_t *ret_offset, Error *error);
/* The content as a stage, holes filled with zeros. Until the next tar_reader_next(). */
Source tar_reader_source(TarReader *reader);
/* The i-th extended attribute of the entry. */
void tar_reader_xattr(TarReader *reader, size_t i, const char **ret_name, const void **ret_value,
                      size_t *ret_size);
TarReader *tar_reader_free(TarReader *reader);
DEFINE_CLEANUP(TarReader *, tar_reader_free);
