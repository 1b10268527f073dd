/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "macro.h"

/* Asks journald to have written all that was sent to it before, and waits for that, at most timeout usec: it answers
 * when its queues are empty, which under a flood of other programs' messages may be never. Returns 0, -ETIMEDOUT, or
 * another negative errno when there is no journald or it can't be asked. */
int journal_synchronize(uint64_t timeout);
