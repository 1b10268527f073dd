/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "macro.h"

/* A new terminal out of the devpts instance that is mounted on dev/pts below root_fd (a container's). */
int pty_open(int root_fd, int *ret_master, int *ret_slave);
int pty_resize(int fd, unsigned rows, unsigned columns);
/* In a new child: a session of its own with this terminal as its controlling one. */
int pty_take(int slave);
