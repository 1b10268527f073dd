/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "retry.h"

bool status_is_temporary(long status) {
        return status == 408 || status == 429 || (status >= 500 && status != 501 && status != 505);
}

int backoff_next(Backoff *backoff, uint64_t retry_after, uint64_t random, uint64_t *ret_usec) {
        if (backoff->retries >= RETRIES_MAX)
                return -EAGAIN;
        if (retry_after > RETRY_AFTER_MAX)
                return -ETIME;

        uint64_t delay = MIN(RETRY_DELAY_FIRST << backoff->retries, RETRY_DELAY_MAX);
        backoff->retries++;
        *ret_usec = retry_after > 0 ? retry_after : delay / 2 + random % (delay / 2 + 1);
        return 0;
}
