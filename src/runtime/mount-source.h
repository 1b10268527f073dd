/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The host's half of a mount: the shim opens a directory or file of the host as a detached mount, which init attaches
 * in the container. */

#include "plan.h"

/* userns_fd: the container's user namespace, for op->id_mapped; else ignored. Returns the mount's fd. The error names
 * source and target, and what to do when the file system can't be id-mapped. */
int mount_source_open(const Op *op, int userns_fd, Error *error);
