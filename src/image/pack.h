/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Files become a tar: a container's upper directory becomes a layer, and any tree, of which strangers may be changing
 * things at this moment, an archive. Each directory is opened by its path inside the root with no link followed, each file
 * is looked at before it is opened, and mount points are not entered. Entries come in the order of their names, hard
 * links and holes are kept; sockets are left out. */

#include <sys/stat.h>

#include "tar-writer.h"

typedef struct PackOptions {
        const char *prefix; /* what the root is called in the archive; "": its entries stand by themselves */
        bool upper;         /* an overlay's upper directory: whiteouts become OCI's (overlay.h) */
        bool skip_root;     /* no entry for the root itself */
        /* Leaves this out: a path below the root. NULL: nothing. */
        bool (*skip)(const char *path, const struct stat *st);
        bool (*cancelled)(void);
} PackOptions;

/* root_fd: the directory. */
int pack_tree(int root_fd, const PackOptions *options, TarWriter *writer, Error *error);
/* A single file, link or device: name in the directory, called options->prefix in the archive. */
int pack_file(int dir_fd, const char *name, const PackOptions *options, TarWriter *writer, Error *error);
