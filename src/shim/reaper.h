/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "error.h"

/* PID 1 of a container started with --init: makes a child, in which this returns 0, and stays as its parent: passes
 * signals on to it, reaps what is orphaned, and exits with its status. */
int reaper_fork(Error *error);
