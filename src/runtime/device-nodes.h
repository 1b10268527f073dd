/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Device nodes of a container with ids of its own. The host's nodes belong to nobody there, and neither can devtmpfs be
 * id-mapped nor may the container's root make nodes. So the host's root makes them anew, for the container's root. */

#include "launch-spec.h"

/* A detached tmpfs with a node for each LaunchDevice, named by its number from 0, with the permission bits of the host's and
 * owned by `owner`. Returns the mount's fd. */
int device_nodes_make(const List *devices, uint32_t owner, Error *error);
