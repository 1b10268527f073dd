/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What is known of a secret but its content: /var/lib/berth/secrets/<name>.json. The content is beside it in <name>.cred,
 * encrypted by systemd-creds(1) with the host's key (and the TPM's, where there is one), bound to that name. */

#include "object.h"

#define SECRET_NAME_MAX 253
#define SECRET_SIZE_MAX (500 * 1024) /* Docker's */

typedef struct SecretSpec {
        char *id;         /* 64 hex digits; internal */
        char *name;       /* internal */
        uint64_t created; /* internal */
        uint64_t size;    /* bytes of the content; internal */

        char **labels; /* map */
} SecretSpec;
extern const ObjectType secret_spec_type;

/* Letters, digits, "_", "." and "-", not beginning with a sign; at most SECRET_NAME_MAX. */
bool secret_name_is_valid(const char *name) _pure_;
