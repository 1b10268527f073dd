/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Paths inside a root file system whose content a stranger made: no symlink, "..", or magic link leads out of it. */

#include "macro.h"

typedef enum TargetType {
        TARGET_FILE,
        TARGET_DIRECTORY,
} TargetType;

/* Opens path below root_fd with O_PATH, following symlinks inside the root. What is missing is made: parents and a
 * TARGET_DIRECTORY as directories (0755), a TARGET_FILE as an empty file (0644); where a symlink dangles, at its
 * target. Returns the fd; -ENOTDIR or -EISDIR when something of another type is there, -ELOOP. */
int root_open_target(int root_fd, const char *path, TargetType type);
/* The directory that holds path's last component, made when it is missing (O_PATH), and that component's name, which
 * points into path. -EINVAL for a path that ends in a slash or is "..". */
int root_open_parent(int root_fd, const char *path, const char **ret_name);
