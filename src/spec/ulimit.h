/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Limits of a process (setrlimit(2)) in Docker's words: "nofile" = "SOFT[:HARD]", either of them -1 or "unlimited" for none.
 * The units are the kernel's. */

#include <sys/resource.h>

#include "error.h"
#include "macro.h"

/* ERROR_INVALID: an unknown name, a malformed value, a soft limit over the hard one. */
int ulimit_parse(const char *name, const char *value, int *ret_resource, struct rlimit *ret, Error *error);
/* All of a map, for the process pid (0: the caller). ERROR_UNSUPPORTED when the host does not let us. */
int ulimits_apply(char *const *ulimits, pid_t pid, Error *error);
