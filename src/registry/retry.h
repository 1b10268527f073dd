/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* When a request that failed is made again. Pure. */

#include "macro.h"

#define RETRIES_MAX 4
#define RETRY_DELAY_FIRST (500 * UINT64_C(1000)) /* usec, doubles each time … */
#define RETRY_DELAY_MAX (10 * UINT64_C(1000000))
#define RETRY_AFTER_MAX \
        (60 * UINT64_C(1000000))     /* a registry that asks for more patience is reported instead */
#define RETRY_PROGRESS (1024 * 1024) /* bytes; an attempt that brought so many counts as a success */

typedef struct Backoff {
        unsigned retries; /* so far, in a row */
} Backoff;

/* The answer may be another one in a moment: 408, 429, and 5xx but for what the server says it never does. */
bool status_is_temporary(long status) _const_;

/* How long to wait before the next attempt: what the registry asked for (retry_after, 0: nothing), else exponential
 * with jitter out of `random` (any number), between half the delay and all of it. Returns 0, -EAGAIN when there were
 * enough attempts, or -ETIME when the registry asks for more patience than RETRY_AFTER_MAX. */
int backoff_next(Backoff *backoff, uint64_t retry_after, uint64_t random, uint64_t *ret_usec);
