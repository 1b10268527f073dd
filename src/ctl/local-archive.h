/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Local files out of and into the archives of `cp`: a module of its own (ctl-archive.so), because libarchive drags
 * along more libraries than all the rest of berthctl, and every `berthctl run` would pay for loading them.
 *
 * Unpacking trusts the archive with nothing: it comes from a container. Each path is opened below the target folder by
 * the kernel (openat2, RESOLVE_BENEATH), so neither ".." nor a symbolic link, old or just unpacked, leads out of it;
 * device nodes are left out, and so are set-user-id bits unless ownership was asked for. */

#include "error.h"
#include "macro.h"

typedef struct UnpackOptions {
        const char *name; /* what the archive's top becomes (cp-plan.h) */
        bool ownership;   /* keep owner and set-id bits */
} UnpackOptions;

typedef struct PackOptions {
        const char *name; /* of the top in the archive */
        bool follow_link; /* a symbolic link that is the path itself */
} PackOptions;

typedef struct LocalArchive {
        /* Unpacks the tar that comes out of tar_fd below the folder. */
        int (*unpack)(int directory_fd, int tar_fd, const UnpackOptions *options, Error *error);
        /* Writes a tar of the path to tar_fd. */
        int (*pack)(const char *path, int tar_fd, const PackOptions *options, Error *error);
        /* Appends the names right below the archive's top to *names, folders with a "/"; gives up after `usec`. */
        int (*list)(int tar_fd, uint64_t usec, char ***names);
} LocalArchive;

#define LOCAL_ARCHIVE_MODULE LIBEXECDIR "/ctl-archive.so"
#define LOCAL_ARCHIVE_SYMBOL "local_archive"

/* Loads the module, once. */
int local_archive_load(const LocalArchive **ret, Error *error);
