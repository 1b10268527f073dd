/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What -v, --mount and --tmpfs mean. Pure. */

#include "container-spec.h"

/* "[SOURCE:]PATH[:ro,rslave,…]". SOURCE is a path of the host, where a relative one ("./x", "../x") lies below `directory`, or
 * the name of a volume. */
int mount_parse_volume(const char *s, const char *directory, List *mounts, Error *error);
/* "type=bind,source=/x,target=/y,readonly,…", fields quoted as in CSV where they hold commas. */
int mount_parse_mount(const char *s, const char *directory, List *mounts, Error *error);
/* "/run[:size=64m,mode=1777]" */
int mount_parse_tmpfs(const char *s, List *mounts, Error *error);
