/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Between the requests that the specification knows (registry.h) and single HTTP exchanges (transfer.h): finds the
 * registry's address, follows redirects, gets tokens, tries again. */

#include <pthread.h>

#include "endpoint.h"
#include "registry.h"
#include "transfer.h"

#define REDIRECTS_MAX 10

struct Registry {
        char *name;
        char *repository;
        char *actions;
        char *purpose;
        char **insecure;
        char *username, *password;
        int cancel_fds[REGISTRY_CANCEL_FDS];

        pthread_mutex_t lock; /* of what follows */
        char *base;           /* "https://host:5000": what has answered; never changes afterwards */
        char *token;
        bool basic; /* the registry takes user name and password itself */
};

struct RegistrySession {
        Registry *registry;
        Transfer *transfer;
};

typedef struct RegistryRequest {
        HttpMethod method;
        const char *path; /* "/v2/…" */
        const char *
                url; /* instead of path: where the registry said to go on. Other hosts get no authorization */
        const HttpBody *body;
        bool once; /* the caller tries again himself, for he must find out first how far it got */
        const char *accept;
        const uint64_t
                *position; /* where to go on, looked at before each attempt; NULL: always from the start */
        HttpSink sink;
        void *userdata;
} RegistryRequest;

/* Returns 0 when a 2xx answer has gone wholly to the sink, else a negative errno with *error set. *ret
 * (http_response_done) is filled in either case. */
int session_request(RegistrySession *session, const RegistryRequest *request, HttpResponse *ret,
                    Error *error);

/* A URL that the registry named, as a redirect or as its token server, may be asked: it is HTTPS, or the registry
 * itself is not, or its host may be reached without. */
bool registry_allows_url(const Registry *registry, const char *base, const char *url);
bool registry_url_is_insecure(const Registry *registry, const char *url);
