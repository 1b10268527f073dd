/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Finding and executing a container's command, inside the container and as its user. */

#include "error.h"
#include "macro.h"

/* The file that arguments[0] means: itself when it has a slash, else the first executable of that name in the PATH of
 * environment (a default one when there is none). ERROR_COMMAND_NOT_FOUND, ERROR_COMMAND_NOT_EXECUTABLE. */
int command_find(const char *name, char *const *environment, char **ret_path, Error *error);
/* Does not return when it works. */
int command_execute(const char *path, char *const *arguments, char *const *environment, Error *error);
