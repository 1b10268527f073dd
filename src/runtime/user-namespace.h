/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A user namespace without a process, which says how the ids of a mount are mapped. lines: of a uid_map, taken for the group
 * ids as well. Returns its fd, or a negative errno. */
int user_namespace_make(const char *lines);
