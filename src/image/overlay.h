/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How overlayfs mounted with `userxattr` marks what is missing (Documentation/filesystems/overlayfs.rst, "whiteouts and
 * opaque directories"), and how an OCI layer does (image-spec layer.md, "Whiteouts"):
 *
 *                       OCI layer               overlayfs
 *      a name is gone   an empty .wh.NAME       NAME: a character device 0/0, or an empty file with
 *                                               user.overlay.whiteout in a directory marked opaque="x"
 *      a directory      .wh..wh..opq in it      user.overlay.opaque="y"
 *      hides all below
 *
 * A whiteout speaks of the layers below only; its own layer may have the same name. In an opaque directory a whiteout
 * has nothing to hide, and overlayfs would show it as a broken entry, since it does not merge such a directory. */

#include <sys/stat.h>

#include "macro.h"

#define WHITEOUT_PREFIX ".wh."
#define WHITEOUT_META_PREFIX ".wh..wh."
#define WHITEOUT_OPAQUE ".wh..wh..opq"

#define OVERLAY_XATTR_OPAQUE "user.overlay.opaque"
#define OVERLAY_XATTR_WHITEOUT "user.overlay.whiteout"

bool overlay_stat_is_whiteout(const struct stat *st) _pure_;
int overlay_make_whiteout_at(int dir_fd, const char *name); /* -EEXIST */
int overlay_set_opaque_at(int dir_fd, const char *name);
int overlay_set_opaque(int fd); /* not O_PATH */
/* 1 or 0 of a directory (fd may be O_PATH), or a negative errno. */
int overlay_is_opaque(int fd);
/* Removes the whiteouts directly in the directory. */
int overlay_drop_whiteouts(int dir_fd);

/* Attributes that belong to a file system's own workings rather than to the file: never stored in an image nor taken
 * from one. trusted.* is among them: it needs CAP_SYS_ADMIN outside any user namespace, on both sides. */
bool xattr_is_private(const char *name) _pure_;
