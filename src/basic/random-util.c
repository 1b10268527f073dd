/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/random.h>

#include "random-util.h"

void random_bytes(void *buffer, size_t n) {
        for (size_t done = 0; done < n;) {
                ssize_t k = getrandom((char *) buffer + done, n - done, 0);
                if (k < 0) {
                        assert(errno == EINTR);
                        continue;
                }
                done += k;
        }
}

uint64_t random_u64(void) {
        uint64_t x;

        random_bytes(&x, sizeof(x));
        return x;
}
