/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Mounting volumes whose files are elsewhere: for a worker in the host's own mount namespace, with CAP_SYS_ADMIN. It may
 * take long (a host that does not answer, a file system that is made). */

#include "error.h"
#include "volume-spec.h"

/* dir_fd: the volume's folder. Mounts on its `data`, unless something is mounted there already. A loop volume that has no
 * file system yet gets one, with what is in `data`. */
int volume_mount(const VolumeSpec *spec, int dir_fd, Error *error);
/* What volume_mount() needs of the host beyond the kernel is there; quick enough for berthd. */
int volume_mount_probe(const VolumeSpec *spec, Error *error);
