/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* New file systems and mounts, by the kernel's mount API of file descriptors. */

#include "error.h"
#include "macro.h"
#include "root-path.h"

/* A detached mount of a new file system. options: "key=value,flag" or NULL. attributes: MOUNT_ATTR_*. Returns the fd.
 * The error has the kernel's own message when it gave one. */
int file_system_make(const char *type, const char *options, uint64_t attributes, Error *error);
/* Puts a detached mount on target below root_fd; the mount point is made when it is missing. */
int mount_attach(int mount_fd, int root_fd, const char *target, TargetType type, Error *error);
