/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Getting into a registry that answers 401 (distribution specification, token authentication). */

#include "session.h"

#define TOKEN_MAX (64 * 1024)

/* Does what the challenge in *response wants, so that the request can be made again. used_token: with which it was
 * refused (NULL: none); when another thread has got another one meanwhile, that will do. Returns 0, or a negative errno
 * with *error set: ERROR_UNAUTHORIZED when there is no way in. *response is then what the token server answered. */
int session_authorize(RegistrySession *session, const char *used_token, HttpResponse *response,
                      Error *error);

/* Pure, for tests: the URL to ask, and the token in the answer. */
char *token_url(const Challenge *challenge, const char *default_scope);
int token_parse(const char *data, size_t size, char **ret); /* 0, -EBADMSG, -ENOMEM */
