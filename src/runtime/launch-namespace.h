/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What another container shares, reached through its first process, and the clocks of a time namespace. */

#include "launch-spec.h"

/* The namespace `file` ("net", …) of exactly that process, or -ESRCH when it is gone. */
int namespace_open(const LaunchNamespace *shared, const char *file);
/* Its /dev/shm as a detached mount. */
int shared_memory_open(const LaunchNamespace *shared, Error *error);
/* "boottime=-1.5" as a line of /proc/PID/timens_offsets. -EINVAL, -ERANGE. */
int time_offset_line(const char *assignment, char ret[static 64]);
