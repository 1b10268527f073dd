/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a registry's answer other than 2xx means, in words. */

#include "session.h"

/* Sets the error of a refused entry: who is nobody may just have misspelt the name, for registries do not tell strangers
 * whether something is private or not there. said: the registry's or its token server's own words; may be NULL. */
int unauthorized_error(const RegistrySession *session, const char *said, Error *error);
/* Sets the error of the answer; returns its negative errno. */
int answer_error(const RegistrySession *session, const HttpResponse *response, Error *error);
/* Sets the error of an exchange that brought no answer (response->failure). */
int failure_error(const RegistrySession *session, const HttpResponse *response, Error *error);

/* What a mirror that failed is told of with, in few words: "connection refused". NULL when out of memory. */
char *endpoint_complaint(const Registry *registry, const HttpResponse *response, const Error *failure);
/* Makes the error of a request that the last endpoint has failed one that tells what the mirrors said, too. */
void add_complaints(Registry *registry, Error *error);

/* Pure, for tests: the first message in a registry's error document ({"errors": [{"code", "message"}]}), or in one of the
 * forms that token servers have, made fit to be shown: one line, no control characters, not too long. NULL when there is none. */
char *answer_message(const char *data, size_t size);
