/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Files of NAME=VALUE lines, as `docker run --env-file` and `--label-file` read them: empty lines and lines that begin with
 * "#" are skipped, white space in front of a name is dropped, everything behind "=" is the value, quotes included. */

#include "error.h"
#include "macro.h"

/* Puts the assignments of the text into the map. A name without "=" takes the value that lookup() gives it (NULL: it is
 * left out); lookup NULL: the value is empty. `path` is for messages. */
int env_file_parse(const char *text, const char *path, const char *(*lookup)(const char *name), char ***map,
                   Error *error);
int env_file_load(const char *path, const char *(*lookup)(const char *name), char ***map, Error *error);
/* One `-e NAME=VALUE` or `-e NAME`. */
int env_put(const char *assignment, const char *(*lookup)(const char *name), char ***map, Error *error);
