/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "session.h"
#include "answer.h"
#include "log.h"
#include "random-util.h"
#include "retry.h"
#include "strv.h"
#include "token.h"

_Static_assert(REGISTRY_CANCEL_FDS == CANCEL_FDS_MAX, "the descriptors are passed through");

#define AUTHORIZE_MAX 2 /* a token that has run out, and one that the server made too short-lived */

static int copy_options(Registry *registry, const RegistryOptions *options) {
        const struct {
                char **target;
                const char *value;
        } strings[] = {
                { &registry->name, options->registry },     { &registry->repository, options->repository },
                { &registry->actions, options->actions },   { &registry->purpose, options->purpose },
                { &registry->username, options->username }, { &registry->password, options->password },
        };

        for (size_t i = 0; i < ELEMENTSOF(strings); i++)
                if (free_and_strdup(strings[i].target, strings[i].value) < 0)
                        return -ENOMEM;
        memcpy(registry->cancel_fds, options->cancel_fds, sizeof(registry->cancel_fds));
        return strv_copy_into(options->insecure, &registry->insecure);
}

int registry_new(const RegistryOptions *options, Registry **ret, Error *error) {
        Registry *registry = new0(Registry, 1);

        if (!registry)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        pthread_mutex_init(&registry->lock, NULL);
        if (copy_options(registry, options) < 0) {
                registry_free(registry);
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        }
        *ret = registry;
        return 0;
}

Registry *registry_free(Registry *registry) {
        if (!registry)
                return NULL;
        free(registry->token);
        free(registry->base);
        pthread_mutex_destroy(&registry->lock);
        strv_free(registry->insecure);
        free(registry->password);
        free(registry->username);
        free(registry->purpose);
        free(registry->actions);
        free(registry->repository);
        free(registry->name);
        free(registry);
        return NULL;
}

int registry_session_new(Registry *registry, RegistrySession **ret, Error *error) {
        _cleanup_(registry_session_freep) RegistrySession *session = new0(RegistrySession, 1);

        if (!session)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        session->registry = registry;
        int r = transfer_new(registry->cancel_fds, &session->transfer, error);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(session);
        return 0;
}

RegistrySession *registry_session_free(RegistrySession *session) {
        if (!session)
                return NULL;
        transfer_free(session->transfer);
        free(session);
        return NULL;
}

bool registry_url_is_insecure(const Registry *registry, const char *url) {
        _cleanup_free_ char *host = url_host(url);

        return host && registry_trust(host, registry->insecure) == REGISTRY_INSECURE;
}

bool registry_allows_url(const Registry *registry, const char *base, const char *url) {
        return !url_is_plain(url) || url_is_plain(base) || registry_url_is_insecure(registry, url);
}

/* ---- one exchange ---- */

/* What a request carries to the registry itself, and to nobody else. */
typedef struct Authorization {
        char *token;
        bool basic;
} Authorization;

static void authorization_done(Authorization *authorization) {
        free(authorization->token);
}

static int registry_authorization(Registry *registry, Authorization *ret) {
        Authorization authorization = {};

        pthread_mutex_lock(&registry->lock);
        int r = free_and_strdup(&authorization.token, registry->token);
        authorization.basic = registry->basic;
        pthread_mutex_unlock(&registry->lock);
        if (r >= 0)
                *ret = authorization;
        return r;
}

static int perform(RegistrySession *session, const RegistryRequest *request, const char *url,
                   const Authorization *authorization, HttpResponse *ret, Error *error) {
        const Registry *registry = session->registry;
        const HttpRequest http = {
                .method = request->method,
                .url = url,
                .body = request->body,
                .accept = request->accept,
                .bearer = authorization ? authorization->token : NULL,
                .username = authorization && authorization->basic ? registry->username : NULL,
                .password = registry->password,
                .insecure = registry_url_is_insecure(registry, url),
                .range_start = request->position ? *request->position : 0,
                .sink = request->sink,
                .userdata = request->userdata,
        };

        int r = transfer_perform(session->transfer, &http, ret, error);
        log_debug("%s %s (from %llu%s): %s%ld", http_method_name(http.method), url,
                  (unsigned long long) http.range_start, http.bearer ? ", with a token" : "",
                  r < 0 ? strempty(ret->reason) : "status ", ret->status);
        return r;
}

/* Where the registry's redirect leads was not reached, or answers strangely: that is not the registry's address, and
 * its challenges are not ours to answer. */
static void note_elsewhere(HttpResponse *response, const char *url) {
        _cleanup_free_ char *host = url_host(url);

        challenge_done(&response->challenge);
        if (!response->reason)
                return;
        char *reason = string_join("it redirects to ", strempty(host), ": ", response->reason);
        if (reason)
                free_and_replace(response->reason, reason);
}

static int next_url(RegistrySession *session, const char *base, unsigned hops, HttpResponse *response,
                    char **url, Error *error) {
        const Registry *registry = session->registry;

        if (hops >= REDIRECTS_MAX)
                return error_set(error, ERROR_REGISTRY, "%s: the registry redirects more than %d times",
                                 registry->purpose, REDIRECTS_MAX);
        if (!registry_allows_url(registry, base, response->redirect))
                return error_set(error, ERROR_REGISTRY,
                                 "%s: the registry redirects from HTTPS to something else",
                                 registry->purpose);
        free_and_replace(*url, TAKE_PTR(response->redirect));
        http_response_done(response);
        return 0;
}

/* The request with its redirects. */
static int exchange(RegistrySession *session, const RegistryRequest *request, const char *base,
                    const Authorization *authorization, HttpResponse *ret, Error *error) {
        _cleanup_free_ char *url = request->url ? strdup(request->url) : string_join(base, request->path);

        if (!url)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        if (!registry_allows_url(session->registry, base, url))
                return error_set(error, ERROR_REGISTRY,
                                 "%s: the registry wants the upload over something else than HTTPS",
                                 session->registry->purpose);
        for (unsigned hops = 0;; hops++) {
                bool home = url_same_origin(base, url);
                int r = perform(session, request, url, home ? authorization : NULL, ret, error);
                if (!home)
                        note_elsewhere(ret, url);
                if (r < 0 || ret->status / 100 != 3 || !ret->redirect)
                        return r;
                r = next_url(session, base, hops, ret, &url, error);
                if (r < 0)
                        return r;
        }
}

/* ---- finding the registry ---- */

/* The URL that the registry has answered at, or NULL. It never changes once it is set. */
static const char *registry_base(Registry *registry) {
        pthread_mutex_lock(&registry->lock);
        const char *base = registry->base;
        pthread_mutex_unlock(&registry->lock);
        return base;
}

static void set_registry_base(Registry *registry, char **url) {
        pthread_mutex_lock(&registry->lock);
        if (!registry->base)
                registry->base = TAKE_PTR(*url);
        pthread_mutex_unlock(&registry->lock);
}

/* The first request is made to each address in turn, until one answers. */
static int exchange_first(RegistrySession *session, const RegistryRequest *request, HttpResponse *ret,
                          Error *error) {
        Registry *registry = session->registry;
        char *urls[ENDPOINT_SCHEMES_MAX] = {};

        int n = endpoint_urls(registry->name, registry_trust(registry->name, registry->insecure), urls);
        int r = n < 0 ? error_set(error, ERROR_OUT_OF_MEMORY, "out of memory") : 0;
        for (int i = 0; i < n; i++) {
                http_response_done(ret);
                r = exchange(session, request, urls[i], NULL, ret, error);
                if (r >= 0)
                        set_registry_base(registry, &urls[i]);
                if (r >= 0 || (ret->failure != TRANSFER_UNREACHABLE && ret->failure != TRANSFER_NOT_TLS))
                        break;
        }
        for (size_t i = 0; i < ELEMENTSOF(urls); i++)
                free(urls[i]);
        return r;
}

/* ---- trying ---- */

static int attempt(RegistrySession *session, const RegistryRequest *request, HttpResponse *ret,
                   Error *error) {
        for (unsigned n = 0;; n++) {
                _cleanup_(authorization_done) Authorization authorization = {};
                const char *base = registry_base(session->registry);

                if (registry_authorization(session->registry, &authorization) < 0)
                        return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
                int r = base ? exchange(session, request, base, &authorization, ret, error)
                             : exchange_first(session, request, ret, error);
                if (r < 0 || ret->status != 401 || ret->challenge.scheme == CHALLENGE_NONE ||
                    n >= AUTHORIZE_MAX)
                        return r;
                r = session_authorize(session, authorization.token, ret, error);
                if (r < 0)
                        return r;
                http_response_done(ret); /* the token server's */
        }
}

/* The next attempt may fare better. A registry that nobody has reached yet and that refuses the connection is told
 * of at once: then it is down, or the name is wrong, and a person waits. */
static bool is_temporary(RegistrySession *session, const HttpResponse *response) {
        switch (response->failure) {
        case TRANSFER_NO_FAILURE:
                return status_is_temporary(response->status);
        case TRANSFER_BROKEN:
                return true;
        case TRANSFER_UNREACHABLE:
                return registry_base(session->registry);
        default:
                return false;
        }
}

/* Waits before the next attempt. Returns 0, or a negative errno when there is none: -EAGAIN, -ETIME (too long to
 * wait), -ECANCELED. */
static int wait_for_retry(RegistrySession *session, Backoff *backoff, const HttpResponse *response,
                          const Error *failure) {
        uint64_t usec;

        int r = backoff_next(backoff, response->retry_after, random_u64(), &usec);
        if (r < 0)
                return r;
        log_debug("%s; trying again in %llu ms", error_text(failure), (unsigned long long) usec / 1000);
        return transfer_wait(session->transfer, usec);
}

static int describe(const Registry *registry, const HttpResponse *response, int r, Error *error) {
        if (r < 0 && error->kind != ERROR_NONE)
                return r;
        return r < 0 ? failure_error(registry, response, error) : answer_error(registry, response, error);
}

int session_request(RegistrySession *session, const RegistryRequest *request, HttpResponse *ret,
                    Error *error) {
        Backoff backoff = {};

        *ret = (HttpResponse){};
        for (;;) {
                _cleanup_error_ Error failure = {};
                uint64_t before = request->position ? *request->position : 0;

                http_response_done(ret);
                int r = attempt(session, request, ret, &failure);
                if (r >= 0 && ret->status / 100 == 2)
                        return 0;
                r = describe(session->registry, ret, r, &failure);

                if (request->position && *request->position - before >= RETRY_PROGRESS)
                        backoff = (Backoff){};
                int w = !request->once && is_temporary(session, ret)
                                ? wait_for_retry(session, &backoff, ret, &failure)
                                : -EAGAIN;
                if (w == -ECANCELED)
                        return error_set(error, ERROR_CANCELLED, "cancelled");
                if (w < 0) {
                        error_move(error, &failure);
                        return r;
                }
        }
}
