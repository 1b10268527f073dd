/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "retry.h"
#include "test.h"

int main(void) {
        Backoff backoff = {};
        uint64_t usec, delay = RETRY_DELAY_FIRST;

        for (int i = 0; i < RETRIES_MAX; i++, delay *= 2) {
                Backoff again = backoff;
                CHECK(backoff_next(&again, 0, 0, &usec) == 0 && usec == delay / 2);
                again = backoff;
                CHECK(backoff_next(&again, 0, delay / 2, &usec) == 0 && usec == delay);
                CHECK(backoff_next(&backoff, 0, UINT64_MAX, &usec) == 0);
                CHECK(usec >= delay / 2 && usec <= delay);
        }
        CHECK(backoff_next(&backoff, 0, 0, &usec) == -EAGAIN);

        backoff = (Backoff){};
        CHECK(backoff_next(&backoff, 7000000, 0, &usec) == 0 && usec == 7000000);
        CHECK(backoff_next(&backoff, RETRY_AFTER_MAX + 1, 0, &usec) == -ETIME);

        CHECK(status_is_temporary(429) && status_is_temporary(500) && status_is_temporary(503));
        CHECK(!status_is_temporary(200) && !status_is_temporary(404) && !status_is_temporary(501));
        return TEST_RESULT();
}
