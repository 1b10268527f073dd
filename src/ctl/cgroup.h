/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the kernel knows of a container's cgroup, on this machine. */

#include "macro.h"

#define CGROUP_UNKNOWN UINT64_MAX /* there is no such controller, or the cgroup is gone */
#define CGROUP_UNLIMITED (UINT64_MAX - 1)

typedef struct CgroupUsage {
        uint64_t cpu_usec;
        uint64_t memory, memory_max;
        uint64_t tasks, tasks_max;
} CgroupUsage;

/* path: below the cgroup root ("/machine.slice/…"). */
void cgroup_usage(const char *path, CgroupUsage *ret);

/* The cgroup's processes, and those of the cgroups below it, as systemctl status draws them, each line behind the
 * indentation. Returns 0 or a negative errno. */
int cgroup_print_tree(const char *path, unsigned indent, unsigned width);
