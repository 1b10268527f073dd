/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a registry is shown. The form is that of the files of docker and podman,
 *      {"auths": {"host:5000": {"auth": base64("user:password"), "identitytoken": "…"}}}
 * of which berth understands and keeps everything; keys may be a host, a host with a path (the longest fits), an URL, or Docker Hub's
 * old "https://index.docker.io/v1/".
 *
 * On their way to berthd and the worker they are such a document in a memory file (memfd), passed as a descriptor, so that no
 * monitor of the bus, no property and no log ever shows them. berthd passes the descriptor on unread.
 * A process that holds credentials calls credentials_protect_process() first: no core dumps, no ptrace by others. */

#include <jansson.h>

#include "error.h"
#include "macro.h"

#define CREDENTIALS_SIZE_MAX (1024 * 1024)

typedef struct Credential {
        char *username, *password; /* NULL: none */
        char *identity_token;      /* of OAuth2, instead of a password; NULL: none */
} Credential;

/* Overwrites what it frees. */
void credential_done(Credential *credential);

/* The document; "" is an empty one. ERROR_INVALID. The caller calls json_decref. */
int credentials_parse(const char *data, size_t size, json_t **ret, Error *error);
/* Reads a whole file or memory file from its beginning. */
int credentials_read_fd(int fd, json_t **ret, Error *error);
/* A new memory file with the document. Returns the fd. */
int credentials_to_fd(const json_t *document, Error *error);

/* What a key of the document stands for: "host[:port][/path]", Docker Hub being "docker.io" however it is written. NULL when out
 * of memory. */
char *credentials_key_scope(const char *key);

/* What the document has for "registry/repository" (repository NULL: for the registry as a whole). Returns 1, or 0 when there is
 * none (*ret is then empty), -EBADMSG when its entry makes no sense, or -ENOMEM. */
int credentials_find(const json_t *document, const char *registry, const char *repository, Credential *ret);
/* There is an entry for exactly this key, in whatever spelling. */
bool credentials_has(const json_t *document, const char *key);
/* Adds, replaces, or (credential NULL) removes the entry of a key as `login` names it ("docker.io", "host:5000",
 * "host/path"), in a spelling that docker and podman understand. Returns 1 when there was one before, else 0, or
 * -ENOMEM. */
int credentials_set(json_t *document, const char *key, const Credential *credential);
/* Takes the helpers' word for an identity token into account: a user named "<token>" has one as its password. Takes over
 * the texts. Returns 1, or 0 when nothing is left. */
int credential_take(char *username, char *password, Credential *ret);

/* From here on JSON texts are overwritten when they are freed, too. */
void credentials_protect_process(void);
