/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Questions on the terminal. */

#include "error.h"

/* A line, with its echo; suggestion (may be NULL): what an empty answer means. Newly allocated. */
int prompt_line(const char *question, const char *suggestion, char **ret, Error *error);
/* The same without echo, for what nobody may see; to be overwritten. Ctrl-C ends the program, as ever. */
int prompt_secret(const char *question, char **ret, Error *error);
/* All of standard input without the end of its last line. */
int read_secret(size_t limit, char **ret, Error *error);
