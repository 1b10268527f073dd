/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A tar becomes files: a layer in its folder, or an archive in a container. The archive may be hostile in any way
 * (tar-reader.h has the limits, tree.h keeps it inside), and so may be, in a container, the tree.
 *
 * Modes with set-id bits, owners, times (of directories too), extended attributes (but xattr_is_private ones), holes,
 * hard links and device nodes are kept. An entry replaces an earlier one of its name, a directory is merged. */

#include "tar-reader.h"
#include "tree.h"

typedef struct ExtractOptions {
        bool layer;                    /* whiteouts become overlay's (overlay.h) */
        bool no_overwrite_dir_non_dir; /* a directory in the place of something else, or the reverse, is an error */
        bool keep_owner;               /* the archive's owners; else all belong to tree->uid and gid */
        bool no_privileges;            /* tests without root: owners are left alone, devices left out */
} ExtractOptions;

typedef struct ExtractStatistics {
        uint64_t entries;
        uint64_t size; /* bytes of all files */
} ExtractStatistics;

int extract_archive(Tree *tree, TarReader *reader, const ExtractOptions *options, ExtractStatistics *ret,
                    Error *error);
