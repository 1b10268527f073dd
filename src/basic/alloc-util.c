/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "macro.h"

int array_reserve(void *array, size_t *allocated, size_t need, size_t size) {
        void **p = array;

        if (need <= *allocated)
                return 0;

        size_t n = MAX(need, *allocated * 2);
        n = MAX(n, (size_t) 8);
        void *q = reallocarray(*p, n, size);
        if (!q)
                return -ENOMEM;

        *p = q;
        *allocated = n;
        return 0;
}
