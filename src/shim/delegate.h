/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "error.h"

/* Makes owner the owner of the cgroup, so that it can divide it: of the directory and of those files that the kernel
 * lists for this in /sys/kernel/cgroup/delegate. What limits the cgroup itself stays root's. `cgroup`: the path below the
 * cgroup root. */
int cgroup_delegate(const char *cgroup, uid_t owner, Error *error);
