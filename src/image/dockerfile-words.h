/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The words of a Dockerfile instruction: quotes, backslashes and variables, as the Dockerfile reference has them. */

#include "error.h"
#include "macro.h"

/* The next word of *text, which advances: 1, 0 at the end, or a negative errno (-EINVAL: a quote or brace is not closed).
 * environment: "KEY=VALUE" list in which variables are looked up. whole: what is left is one word, inner spaces
 * included. */
int dockerfile_word(const char **text, char *const *environment, bool whole, char **ret);
/* The whole line. */
int dockerfile_words(const char *text, char *const *environment, char ***ret);
