/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The namespaces of the container's first process. */

#include "launch-spec.h"

/* fork() into the container's namespaces (but that of the cgroup, which comes later). Returns as fork() does, or a negative
 * errno; the error says what failed, mostly a container whose namespaces are to be shared and that is gone. */
pid_t namespaces_fork(const LaunchSpec *spec, int *ret_pidfd, Error *error);
/* What a further process joins, of setns(2)'s flags. */
int namespaces_to_join(const LaunchSpec *spec);
/* Lines of uid_map or gid_map. keep: the id that is the same inside and outside, or 0. */
char *id_map_lines(uint32_t base, uint32_t count, uint32_t keep);
