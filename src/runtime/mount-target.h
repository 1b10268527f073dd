/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The container's half of a mount that was asked for: where it may be put, and whose its files become. */

#include "error.h"
#include "macro.h"

/* The path may hold a mount: not the root, and of /proc only what emulators of it replace. Textual. */
int mount_target_check(const char *target, Error *error);
/* Puts a detached mount on target below root_fd, which is made (as a directory or file, as the mount's root is) when it is
 * missing. Links in the path stay below the root, and don't lead into /proc either. */
int mount_target_attach(int mount_fd, int root_fd, const char *target, Error *error);
/* Gives the files of the mount at target below root_fd to the user, those of mounts below it left alone. Only what has
 * another owner is changed. */
int mount_target_chown(int root_fd, const char *target, const char *user, Error *error);
