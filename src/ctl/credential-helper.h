/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Programs that keep credentials for docker and podman: docker-credential-NAME VERB, with a request on standard input and the
 * answer on standard output. Their standard error, and the terminal if they want to ask something, are ours. */

#include "credentials.h"

#define HELPER_SECONDS 120 /* a person may have to type a password */

/* The helper that a file names for a registry ("credHelpers"), or for all of them ("credsStore"). Borrowed from the document;
 * NULL: none. Pure. */
const char *credential_helper_of(const json_t *document, const char *registry);

/* Returns 1, or 0 when it has nothing for the registry. */
int credential_helper_get(const char *helper, const char *registry, Credential *ret, Error *error);
int credential_helper_store(const char *helper, const char *registry, const Credential *credential,
                            Error *error);
/* Returns 1, or 0 when there was nothing. */
int credential_helper_erase(const char *helper, const char *registry, Error *error);
/* The registries that it has something for. */
int credential_helper_list(const char *helper, char ***ret, Error *error);
