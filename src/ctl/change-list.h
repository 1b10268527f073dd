/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What workers write about files that differ: "A /path", "C /path", "D /path", each ended by NUL. */

#include "ctl.h"

/* Prints all up to the end of file: one a line, with what is no text in a path escaped as C does it, or as JSON. */
int change_list_print(Ctl *ctl, int fd, Error *error);
