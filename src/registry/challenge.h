/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The WWW-Authenticate header (RFC 9110, 11.6.1), of which registries use the schemes Basic (RFC 7617) and Bearer (with
 * the parameters of the distribution specification's token authentication). */

#include "macro.h"

typedef enum ChallengeScheme {
        CHALLENGE_NONE,
        CHALLENGE_BASIC,
        CHALLENGE_BEARER, /* preferred where a registry offers both */
} ChallengeScheme;

typedef struct Challenge {
        ChallengeScheme scheme;
        char *realm; /* Bearer: URL of the token server */
        char *service;
        char *scope;
} Challenge;

#define CHALLENGE_MAX (8 * 1024)

/* Reads one header value, which may hold several challenges, and replaces *challenge (zeroed before the first header)
 * by the best of them when that is better than what is there. Challenges that make no sense and schemes that berth
 * does not know are passed over. Returns 0, -EBADMSG for a header that is not of that grammar (*challenge may then
 * hold what came before the fault), or -ENOMEM. */
int challenge_parse(Challenge *challenge, const char *value);
void challenge_done(Challenge *challenge);
