/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Copies a tree as it is: types, owners, modes with set-id bits, times, extended attributes (but xattr_is_private ones), holes
 * and hard links. Where the file system can, files share their blocks (FICLONE). Neither tree may be changed by strangers
 * meanwhile in a way that matters: no link is followed, and what is a mount point is not entered. Sockets are left out. */

#include "error.h"
#include "macro.h"

/* The content of `from` into `to`, which is an empty directory; and to's owner, mode, times and attributes become those of
 * `from`. cancelled may be NULL. */
int copy_tree(int from_fd, int to_fd, bool (*cancelled)(void), Error *error);
