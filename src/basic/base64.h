/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The base 64 encoding of RFC 4648, section 4. */

#include "macro.h"

/* NUL-terminated; NULL when out of memory. */
char *base64_encode(const void *data, size_t size);
/* The whole text must be base 64; the padding may be missing. The result is NUL-terminated behind *ret_size bytes.
 * Returns 0, -EBADMSG or -ENOMEM. */
int base64_decode(const char *text, char **ret, size_t *ret_size);
