/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Getting into a registry that answers 401. */

#include "session.h"

/* Does what the challenge in *response wants, so that the request can be made again. used_token and used_basic: with
 * which it was refused (NULL: none); when another thread has got further meanwhile, that will do. Returns 0, or a negative errno
 * with *error set: ERROR_UNAUTHORIZED when there is no way in. *response is then what the token server answered. */
int session_authorize(RegistrySession *session, const char *used_token, bool used_basic,
                      HttpResponse *response, Error *error);
/* Gets another token when that of the session's endpoint is about to run out. When that fails the old one is tried, and what
 * the registry says to it is the answer. */
void session_renew_token(RegistrySession *session);
