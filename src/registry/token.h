/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a token server is asked, and what it answers (distribution specification, token authentication; OAuth 2, RFC 6749).
 * Pure. */

#include "challenge.h"
#include "string-util.h"

#define TOKEN_MAX (64 * 1024)
#define TOKEN_ANSWER_MAX (1024 * 1024)
#define TOKEN_LIFETIME_DEFAULT (60 * UINT64_C(1000000)) /* usec; where the server does not say */

#define TOKEN_CLIENT "berth"

/* What the server is asked for beyond a token. */
typedef struct TokenRequest {
        const char *scope;         /* where the challenge has none; "": none */
        const char *username;      /* NULL: anonymous */
        const char *password;      /* of the user */
        const char *refresh_token; /* instead */
        bool offline;              /* a refresh token is wanted, too */
} TokenRequest;

/* The URL of a GET, for which user name and password go into the header. NULL when out of memory. */
char *token_url(const Challenge *challenge, const TokenRequest *request);
/* The body of a POST to the realm; to be overwritten. NULL when out of memory. */
char *token_form(const Challenge *challenge, const TokenRequest *request);

typedef struct TokenAnswer {
        char *token;
        char *refresh_token; /* NULL: none */
        uint64_t lifetime;   /* usec */
} TokenAnswer;
void token_answer_done(TokenAnswer *answer);
int token_parse(const char *data, size_t size, TokenAnswer *ret); /* 0, -EBADMSG, -ENOMEM */
