/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A client of one repository of a registry that speaks the OCI distribution specification (and Docker's registry API
 * v2, from which that was made).
 *
 * A Registry knows where the registry is and the token it gave; any number of threads share it. Each thread makes its
 * requests over a RegistrySession, which is one connection. Requests block; they are made again by themselves after
 * failures that may pass (retry.h), and go on where they broke off. */

#include "byte-stream.h"
#include "registries-conf.h"

typedef struct Registry Registry;
typedef struct RegistrySession RegistrySession;

#define REGISTRY_CANCEL_FDS 2
#define REGISTRY_SEARCH "search"
#define REGISTRY_CREDENTIALS 2

typedef struct RegistryOptions {
        const char *registry; /* as references name it: "docker.io", "host:5000" */
        const char *repository;
        const char *
                actions; /* asked of the token server: "pull" (mirrors may do it), "pull,push"; or REGISTRY_SEARCH */
        const char *purpose;   /* begins the sentence of an error: "cannot pull host:5000/x:latest" */
        char *const *insecure; /* registries that may be reached without or with an untrusted certificate */
        const RegistriesConf *conf; /* mirrors, and who else is insecure; NULL: nothing. Borrowed */
        /* credentials.h; NULL: none. The second is for what the first has nothing for, and not for `insecure` ones. */
        const json_t *credentials[REGISTRY_CREDENTIALS];
        int cancel_fds[REGISTRY_CANCEL_FDS]; /* one of them readable: everything stops; -EBADF: none */
} RegistryOptions;

/* Copies the options but conf. No connection is made yet. */
int registry_new(const RegistryOptions *options, Registry **ret, Error *error);
Registry *registry_free(Registry *registry); /* after its sessions; returns NULL */
DEFINE_CLEANUP(Registry *, registry_free);

int registry_session_new(Registry *registry, RegistrySession **ret, Error *error);
RegistrySession *registry_session_free(RegistrySession *session);
DEFINE_CLEANUP(RegistrySession *, registry_session_free);

/* Whether the registry lets us in: GET /v2/ with the credentials that it was made for. *ret_identity_token: what its token server gives
 * instead of the password, NULL when it gives none; to be overwritten. ERROR_UNAUTHORIZED, ERROR_REGISTRY,
 * ERROR_UNSUPPORTED (it is no registry), ERROR_CANCELLED. Only for a registry that has no other session. */
int registry_log_in(RegistrySession *session, char **ret_identity_token, Error *error);

typedef struct RegistryDocument {
        char *data; /* byte-exact, NUL-terminated beyond size */
        size_t size;
        char *media_type; /* as the registry calls it, in lower case, without parameters; or NULL */
        char *digest;     /* computed */
} RegistryDocument;
void registry_document_done(RegistryDocument *document);

/* GET /v2/<repository>/manifests/<reference>; reference: a tag or a digest, which is verified, as is the one that the
 * registry names. accept: media types. ERROR_NO_SUCH_IMAGE, ERROR_UNAUTHORIZED, ERROR_REGISTRY, ERROR_CORRUPT,
 * ERROR_LIMIT (longer than limit), ERROR_CANCELLED. */
int registry_get_manifest(RegistrySession *session, const char *reference, const char *accept, size_t limit,
                          RegistryDocument *ret, Error *error);

/* GET /v2/<repository>/tags/list, all its pages: each tag once, in the registry's order. More than max are ERROR_LIMIT, none
 * ERROR_NO_SUCH_IMAGE. */
int registry_get_tags(RegistrySession *session, size_t max, char ***ret, Error *error);

/* GET /v2/<repository>/blobs/<digest>, the bytes from `start` up to `size`, which is that of the whole; they go to the
 * sink in order, each once, whatever happens on the way. The digest is not verified: the sink sees all bytes only
 * when start is 0. An error of the sink ends it and is the result. */
int registry_get_blob(RegistrySession *session, const char *digest, uint64_t start, uint64_t size,
                      const Sink *sink, Error *error);
/* A small one as a whole, verified, NUL-terminated beyond its size. what: for the error, "its config". ERROR_CORRUPT. */
int registry_read_blob(RegistrySession *session, const char *digest, uint64_t size, const char *what,
                       char **ret, Error *error);

/* Repositories that have to do with the term, as an array of objects {Name, Description, Stars, Official, Automated}, at most
 * limit of them; "" is any. The client's actions must be REGISTRY_SEARCH. ERROR_UNSUPPORTED, or ERROR_UNAUTHORIZED: the registry can't.
 * The caller calls json_decref. */
int registry_search(RegistrySession *session, const char *term, size_t limit, json_t **ret, Error *error);

/* What the session's last request brought was damaged. Returns whether it is worth making again: it came from a mirror,
 * which is then asked no more. */
bool registry_distrust(RegistrySession *session);
