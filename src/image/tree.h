/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Making things inside a directory tree that strangers fill, and may be changing at the same moment. Each path is taken
 * apart into a parent, which is resolved inside the root by the kernel (openat2 RESOLVE_IN_ROOT: neither .. nor symbolic
 * links can lead out), and a last component, which is never followed. */

#include <sys/stat.h>

#include "error.h"
#include "macro.h"

typedef struct Tree {
        int root_fd;  /* borrowed; what absolute symbolic links are relative to */
        char *prefix; /* paths are below this directory of the root; "" for the root itself */
        bool overlay; /* whiteouts in the way of a new directory are replaced (extract-layer.h) */
        uid_t uid;    /* of missing parents that are made */
        gid_t gid;

        /* The parent used last: archives list a directory's entries one after the other. */
        char *parent;
        int parent_fd;
        bool parent_set_gid; /* new files take over its group */
        int parent_opaque;   /* -1: not looked up yet */
} Tree;

int tree_init(Tree *tree, int root_fd, const char *prefix, bool overlay);
void tree_done(Tree *tree);
/* The directory that `path` (plain and relative, not "") lies in, as an O_PATH fd that belongs to the tree and lives until
 * the next call, and the last component. Missing directories are made when `create`. Returns the fd. */
int tree_parent(Tree *tree, const char *path, bool create, const char **ret_name, Error *error);
/* The same without the cache: the fd belongs to the caller. */
int tree_open_parent(Tree *tree, const char *path, bool create, const char **ret_name, Error *error);
/* The directory that all paths are relative to, O_RDONLY; the fd belongs to the caller. */
int tree_open_root(Tree *tree, Error *error);
/* Something that may have been part of the resolved parent has gone. */
void tree_forget(Tree *tree);

/* "/proc/self/fd/N": for calls that have no …at() form. */
#define FD_PATH_MAX 32
char *fd_path(int fd, char buffer[static FD_PATH_MAX]);
