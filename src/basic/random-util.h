/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "macro.h"

/* From the kernel's random number generator; never fails (aborts where the kernel has none). */
void random_bytes(void *buffer, size_t n);
uint64_t random_u64(void);
