/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Between the requests that the specification knows (registry.h) and single HTTP exchanges (transfer.h): asks the mirrors
 * and then the registry itself, finds their addresses, follows redirects, gets tokens, tries again. */

#include <pthread.h>

#include "credentials.h"
#include "endpoint.h"
#include "registry.h"
#include "retry.h"
#include "tls-files.h"
#include "transfer.h"

#define REDIRECTS_MAX 10

/* Who may have what is asked for: a mirror, or the registry itself. Each has its own address, credentials and token,
 * which are shown to none of the others. */
typedef struct Endpoint {
        char *host;       /* as references name it: "docker.io", "mirror.example:5000" */
        char *repository; /* at this endpoint */
        bool is_mirror;
        bool insecure;
        Credential credential;

        pthread_mutex_t lock; /* of what follows */
        char *base;           /* "https://host:5000": what has answered; never changes afterwards */
        char *token;
        Challenge challenge; /* that the token answers */
        uint64_t renew_at;   /* CLOCK_BOOTTIME, usec: the token is about to run out then */
        char *refresh_token; /* that came with it; NULL: none */
        bool basic;          /* it takes user name and password itself */
        bool given_up;       /* not worth asking again, as long as there is another one */
        char *complaint;     /* what it last said, or what was wrong with it; NULL: nothing */
} Endpoint;

typedef struct HostTls {
        char *host; /* of URLs */
        TlsFiles files;
        struct HostTls *next;
} HostTls;

/* The URL that it has answered at, or NULL. It never changes once it is set. */
const char *endpoint_base(Endpoint *endpoint);

struct Registry {
        char *name;
        char *repository;
        char *actions;
        char *purpose;
        char **insecure;
        const RegistriesConf *conf; /* may be NULL */
        bool offline;               /* refresh tokens are wanted */
        int cancel_fds[REGISTRY_CANCEL_FDS];

        pthread_mutex_t tls_lock;
        struct HostTls *tls; /* what was asked for so far */

        Endpoint *endpoints; /* at least one, in the order of asking */
        size_t n_endpoints;
};

struct RegistrySession {
        Registry *registry;
        Transfer *transfer;
        Endpoint *endpoint; /* that is asked, or was asked last */
};

typedef struct RegistryRequest {
        HttpMethod method;
        const char *path;   /* below "/v2/<repository>": "/manifests/latest" */
        bool is_whole_path; /* … or the whole: "/v2/_catalog" */
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

/* For requests that are made once: the next attempt may fare better; and the wait before it, which returns 0, or a negative
 * errno when there is none: -EAGAIN, -ETIME (too long to wait), -ECANCELED. failure: what is waited for. */
bool session_is_temporary(RegistrySession *session, const HttpResponse *response);
int session_wait(RegistrySession *session, Backoff *backoff, const HttpResponse *response,
                 const Error *failure);

/* One exchange as this host's TLS must be. home: the URL is one of the session's endpoint itself. As transfer_perform(). */
int session_perform(RegistrySession *session, const HttpRequest *request, bool home, HttpResponse *ret,
                    Error *error);
/* The administrator's files for the URL's host; those of the endpoint when the URL is one of its own (else NULL). They stay
 * valid as long as the registry. *ret is NULL where there is no TLS. */
int registry_tls_files(Registry *registry, const Endpoint *endpoint, const char *url, const TlsFiles **ret,
                       Error *error);

/* A URL that the registry named, as a redirect or as its token server, may be asked: it is HTTPS, or the registry
 * itself is not, or its host may be reached without. */
bool registry_allows_url(const Registry *registry, const char *base, const char *url);
bool registry_url_is_insecure(const Registry *registry, const char *url);
