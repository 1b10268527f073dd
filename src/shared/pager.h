/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Long output on a terminal goes through a pager: $BERTH_PAGER, $SYSTEMD_PAGER, $PAGER, less, more; an empty one or "cat"
 * turns it off. */

#include "macro.h"

/* Puts the pager behind standard output, unless that is no terminal. */
void pager_open(void);
bool pager_is_open(void);
/* Waits until the user has left the pager. To be called before the program ends. */
void pager_close(void);
