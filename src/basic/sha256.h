/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* SHA-256 (FIPS 180-4) of a short text, for programs that must not be linked with libcrypto; those that may, and have much
 * to hash, use digest.h. */

#include "macro.h"

#define SHA256_SIZE 32

void sha256(const void *data, size_t size, uint8_t ret[static SHA256_SIZE]);
