/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The inside of signature.h's keys. */

#include <openssl/evp.h>

#include "signature.h"

EVP_PKEY *signature_key_pkey(const SignatureKey *key);     /* borrowed */
const EVP_MD *signature_key_hash(const SignatureKey *key); /* NULL: the algorithm has its own */
