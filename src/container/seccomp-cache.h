/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Compiled seccomp filters, in /run/berth/seccomp. A filter depends on the profile and the container's capabilities, and is
 * named after both: berth's own profile by name, others by their SHA-256, so that nobody can make a profile whose filter
 * takes the place of another's. What an older berth-worker compiled counts for nothing. A boot clears it all. */

#include "container-spec.h"
#include "worker-message.h"

/* Returns 1 when a worker must compile the container's filter first (and fills its request), 0 when it is there already or
 * no filter is wanted. */
int seccomp_cache_prepare(const ContainerSpec *spec, WorkerRequest *request, Error *error);
/* Puts the filter, if one is wanted, into the run directory as SECCOMP_FILE, where it stays when the cache is swept. */
int seccomp_cache_link(const ContainerSpec *spec, int run_directory_fd, Error *error);
