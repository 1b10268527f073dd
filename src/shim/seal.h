/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "macro.h"

/* Executes this program again out of a read-only mount of its own file, with one more argument, SHIM_SEALED.
 *
 * A container can come by the program that its first process ran before the command: /proc/1/exe of a reaper, or
 * "/proc/self/exe" as the command of an exec. In a user namespace it may not write to it. Root in the host's user
 * namespace may, and would replace the host's berth-shim; through this mount it gets EROFS.
 *
 * Returns a negative errno, or not at all. */
#define SHIM_SEALED "sealed"
int shim_seal(const char *id);
