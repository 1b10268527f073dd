/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The mounts of a launch document, in the order in which they are made. Pure. */

#include "launch.h"

/* ERROR_INVALID: two mounts on one target. */
int launch_mounts_make(const LaunchInputs *inputs, LaunchSpec *l, Error *error);
/* One of them, into a zeroed *ret. lower: of an image, else NULL. */
int launch_mount_make(const MountSpec *wanted, char *const *lower, LaunchMount *ret, Error *error);
