/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Files and directories, always relative to a directory fd (AT_FDCWD allowed). */

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "macro.h"

/* The whole file, NUL-terminated behind *ret_size bytes. -EFBIG when it is larger than limit. */
int read_file_at(int dir_fd, const char *path, size_t limit, char **ret, size_t *ret_size);

typedef enum WriteFlags {
        WRITE_SYNC = 1 << 0,      /* fsync the file and its directory: it survives a power cut */
        WRITE_EXCLUSIVE = 1 << 1, /* -EEXIST when the file is there already */
} WriteFlags;
/* Temp file, write, rename over: a reader or a crash sees the old content or the new, never a part. */
int write_file_atomic_at(int dir_fd, const char *path, const void *data, size_t size, mode_t mode,
                         WriteFlags flags);

/* Creates the directory and its missing parents; existing ones are fine. */
int mkdir_parents_at(int dir_fd, const char *path, mode_t mode);
/* Creates and opens a directory. Returns the fd (O_PATH when flags has O_PATH). */
int mkdir_open_at(int dir_fd, const char *path, mode_t mode);

/* Removes the tree below and including path, never following a symlink nor crossing a mount point. A missing one
 * is success. May take long: in berthd only for trees it made itself. */
int remove_tree_at(int dir_fd, const char *path);

/* Opens a path as if `root_fd` were the root: symlinks and .. can't leave it, /proc magic links are refused
 * (openat2 RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS). flags as openat's, O_CLOEXEC is added. Returns the fd. */
int open_in_root(int root_fd, const char *path, int flags, mode_t mode);

static inline void closedirp(DIR **dir) {
        if (*dir)
                (void) closedir(*dir);
}
#define _cleanup_closedir_ _cleanup_(closedirp)
static inline void fclosep(FILE **f) {
        if (*f)
                (void) fclose(*f);
}
#define _cleanup_fclose_ _cleanup_(fclosep)

/* Opens a directory for reading. NULL with errno set on failure. */
DIR *opendir_at(int dir_fd, const char *path);
/* The next entry that is neither . nor .., NULL at the end (errno 0) or on failure (errno set). */
struct dirent *readdir_no_dot(DIR *dir);
/* The names of all entries, sorted. 0 or a negative errno. */
int list_directory_at(int dir_fd, const char *path, char ***ret);
