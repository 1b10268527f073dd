/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The way to a container's files.
 *
 * Of a running container: through /proc/LEADER/root, which is its root with all mounts as it sees them, from inside its
 * user namespace, so that owners are its own and nothing is allowed that its root isn't. The worker's own mount
 * namespace and libraries stay the host's: nothing out of the container is ever executed or loaded.
 * Of a stopped one: its overlay, mounted where only this worker sees it, with the options that it always has.
 *
 * Paths are then resolved by the kernel inside that root (open_in_root), one system call each, so that a container that
 * swaps a directory for a link meanwhile gets only itself. */

#include <sys/stat.h>

#include "worker.h"

/* The root, as an O_PATH fd, with the privileges for mounting and entering given up. */
int container_files_open(const Worker *worker, bool writable, WorkerNeeds needs, Error *error);
/* An overlay of the directories (topmost first), read-only, or with upper and work. The same kind of fd. */
int container_overlay_open(char *const *lower, const char *upper, const char *work, Error *error);

/* Of an upper directory: the path (without a slash in front) is an empty file that berth made to mount a file of its own on it,
 * where the image had none. The container never saw it, so it is none of its changes. */
bool container_file_is_mount_point(const char *path, const struct stat *st) _pure_;

/* The path with all links resolved inside the root (the last one only when follow), textually and for information; what
 * does not exist is kept as it is. Begins with "/". */
int container_path_resolve(int root_fd, const char *path, bool follow, char **ret, Error *error);
