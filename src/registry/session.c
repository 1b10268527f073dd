/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "session.h"
#include "answer.h"
#include "authorize.h"
#include "log.h"
#include "random-util.h"
#include "retry.h"

_Static_assert(REGISTRY_CANCEL_FDS == CANCEL_FDS_MAX, "the descriptors are passed through");

#define AUTHORIZE_MAX 2 /* a token that has run out, and one that the server made too short-lived */

/* ---- one exchange ---- */

/* What a request carries to the registry itself, and to nobody else. */
typedef struct Authorization {
        char *token;
        bool basic;
} Authorization;

static void authorization_done(Authorization *authorization) {
        erase_and_free(authorization->token);
}

static int endpoint_authorization(Endpoint *endpoint, Authorization *ret) {
        Authorization authorization = {};

        pthread_mutex_lock(&endpoint->lock);
        int r = free_and_strdup(&authorization.token, endpoint->token);
        authorization.basic = endpoint->basic;
        pthread_mutex_unlock(&endpoint->lock);
        if (r >= 0)
                *ret = authorization;
        return r;
}

int session_perform(RegistrySession *session, const HttpRequest *request, bool home, HttpResponse *ret,
                    Error *error) {
        Registry *registry = session->registry;
        const Endpoint *endpoint = session->endpoint;
        HttpRequest http = *request;

        *ret = (HttpResponse){ .content_length = UINT64_MAX };
        http.insecure = home ? endpoint->insecure : registry_url_is_insecure(registry, http.url);
        int r = registry_tls_files(registry, home ? endpoint : NULL, http.url, &http.tls, error);
        return r < 0 ? r : transfer_perform(session->transfer, &http, ret, error);
}

/* authorization: NULL where the URL is not at home, that is, not at the endpoint itself. */
static int perform(RegistrySession *session, const RegistryRequest *request, const char *url, bool home,
                   const Authorization *authorization, HttpResponse *ret, Error *error) {
        const Endpoint *endpoint = session->endpoint;
        const HttpRequest http = {
                .method = request->method,
                .url = url,
                .body = request->body,
                .accept = request->accept,
                .bearer = authorization ? authorization->token : NULL,
                .username = authorization && authorization->basic ? endpoint->credential.username : NULL,
                .password = endpoint->credential.password,
                .range_start = request->position ? *request->position : 0,
                .sink = request->sink,
                .userdata = request->userdata,
        };

        int r = session_perform(session, &http, home, ret, error);
        _cleanup_free_ char *place = log_enabled(LOG_DEBUG) ? url_without_secrets(url) : NULL;
        log_debug("%s %s (from %llu%s): %s%ld", http_method_name(http.method), strempty(place),
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

static char *request_url(const Endpoint *endpoint, const RegistryRequest *request, const char *base) {
        if (request->url)
                return strdup(request->url);
        return request->is_whole_path ? string_join(base, request->path)
                                      : string_join(base, "/v2/", endpoint->repository, request->path);
}

/* The request with its redirects. */
static int exchange(RegistrySession *session, const RegistryRequest *request, const char *base,
                    const Authorization *authorization, HttpResponse *ret, Error *error) {
        _cleanup_free_ char *url = request_url(session->endpoint, request, base);

        if (!url)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        if (!registry_allows_url(session->registry, base, url))
                return error_set(error, ERROR_REGISTRY,
                                 "%s: the registry wants the upload over something else than HTTPS",
                                 session->registry->purpose);
        for (unsigned hops = 0;; hops++) {
                bool home = url_same_origin(base, url);
                int r = perform(session, request, url, home, home ? authorization : NULL, ret, error);
                if (!home)
                        note_elsewhere(ret, url);
                if (r < 0 || ret->status / 100 != 3 || !ret->redirect)
                        return r;
                r = next_url(session, base, hops, ret, &url, error);
                if (r < 0)
                        return r;
        }
}

/* ---- finding the address of an endpoint ---- */

const char *endpoint_base(Endpoint *endpoint) {
        pthread_mutex_lock(&endpoint->lock);
        const char *base = endpoint->base;
        pthread_mutex_unlock(&endpoint->lock);
        return base;
}

static void set_endpoint_base(Endpoint *endpoint, char **url) {
        pthread_mutex_lock(&endpoint->lock);
        if (!endpoint->base)
                endpoint->base = TAKE_PTR(*url);
        pthread_mutex_unlock(&endpoint->lock);
}

/* The first request is made to each address in turn, until one answers. */
static int exchange_first(RegistrySession *session, const RegistryRequest *request, HttpResponse *ret,
                          Error *error) {
        Endpoint *endpoint = session->endpoint;
        bool searching = streq(session->registry->actions, REGISTRY_SEARCH);
        char *urls[ENDPOINT_SCHEMES_MAX] = {};

        int n = endpoint_urls(endpoint_address(endpoint->host, searching),
                              endpoint->insecure ? REGISTRY_INSECURE : REGISTRY_VERIFIED, urls);
        int r = n < 0 ? error_set(error, ERROR_OUT_OF_MEMORY, "out of memory") : 0;
        for (int i = 0; i < n; i++) {
                http_response_done(ret);
                r = exchange(session, request, urls[i], NULL, ret, error);
                if (r >= 0)
                        set_endpoint_base(endpoint, &urls[i]);
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
                const char *base = endpoint_base(session->endpoint);

                session_renew_token(session);
                if (endpoint_authorization(session->endpoint, &authorization) < 0)
                        return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
                int r = base ? exchange(session, request, base, &authorization, ret, error)
                             : exchange_first(session, request, ret, error);
                if (r < 0 || ret->status != 401 || ret->challenge.scheme == CHALLENGE_NONE ||
                    n >= AUTHORIZE_MAX)
                        return r;
                r = session_authorize(session, authorization.token, base && authorization.basic, ret, error);
                if (r < 0)
                        return r;
                http_response_done(ret); /* the token server's */
        }
}

/* The next attempt may fare better. A registry that nobody has reached yet and that refuses the connection is told
 * of at once: then it is down, or the name is wrong, and a person waits. */
bool session_is_temporary(RegistrySession *session, const HttpResponse *response) {
        switch (response->failure) {
        case TRANSFER_NO_FAILURE:
                return status_is_temporary(response->status);
        case TRANSFER_BROKEN:
                return true;
        case TRANSFER_UNREACHABLE:
                return endpoint_base(session->endpoint);
        default:
                return false;
        }
}

int session_wait(RegistrySession *session, Backoff *backoff, const HttpResponse *response,
                 const Error *failure) {
        uint64_t usec;

        int r = backoff_next(backoff, response->retry_after, random_u64(), &usec);
        if (r < 0)
                return r;
        log_debug("%s; trying again in %llu ms", error_text(failure), (unsigned long long) usec / 1000);
        return transfer_wait(session->transfer, usec);
}

static int describe(RegistrySession *session, const HttpResponse *response, int r, Error *error) {
        if (r < 0 && error->kind != ERROR_NONE)
                return r;
        return r < 0 ? failure_error(session, response, error) : answer_error(session, response, error);
}

/* ---- one endpoint after the other ---- */

/* Another endpoint may have what this one did not give. What the sink refuses may be the endpoint's fault. */
static bool is_endpoints_fault(const HttpResponse *response, const Error *failure) {
        if (response->failure == TRANSFER_CANCELLED || failure->kind == ERROR_OUT_OF_MEMORY)
                return false;
        return response->failure != TRANSFER_REFUSED || failure->kind == ERROR_CORRUPT ||
               failure->kind == ERROR_REGISTRY;
}

/* What it lacks, and a connection that broke, say nothing of the next request. */
static bool is_worth_asking_again(const HttpResponse *response) {
        return response->failure == TRANSFER_BROKEN ||
               (response->failure == TRANSFER_NO_FAILURE && response->status == 404);
}

static void note_complaint(RegistrySession *session, const HttpResponse *response, const Error *failure) {
        Endpoint *endpoint = session->endpoint;
        char *complaint = endpoint_complaint(session->registry, response, failure);

        pthread_mutex_lock(&endpoint->lock);
        free_and_replace(endpoint->complaint, complaint);
        endpoint->given_up = endpoint->given_up || !is_worth_asking_again(response);
        pthread_mutex_unlock(&endpoint->lock);
}

/* The next one that may be asked, from `from` on; NULL: none. The last one always may. */
static Endpoint *next_endpoint(Registry *registry, size_t from) {
        for (size_t i = from; i < registry->n_endpoints; i++) {
                Endpoint *endpoint = &registry->endpoints[i];
                pthread_mutex_lock(&endpoint->lock);
                bool given_up = endpoint->given_up && i + 1 < registry->n_endpoints;
                pthread_mutex_unlock(&endpoint->lock);
                if (!given_up)
                        return endpoint;
        }
        return NULL;
}

/* Asks each in turn. The failure is that of the last one asked. */
static int ask_endpoints(RegistrySession *session, const RegistryRequest *request, HttpResponse *ret,
                         Error *error) {
        Registry *registry = session->registry;

        for (Endpoint *endpoint = next_endpoint(registry, 0);;) {
                _cleanup_error_ Error failure = {};

                session->endpoint = endpoint;
                http_response_done(ret);
                int r = attempt(session, request, ret, &failure);
                if (r >= 0 && ret->status / 100 == 2)
                        return 0;
                r = describe(session, ret, r, &failure);
                endpoint = is_endpoints_fault(ret, &failure)
                                   ? next_endpoint(registry, endpoint - registry->endpoints + 1)
                                   : NULL;
                if (session->endpoint->is_mirror)
                        note_complaint(session, ret, &failure);
                if (!endpoint) {
                        error_move(error, &failure);
                        return r;
                }
                log_debug("%s; asking %s instead", error_text(&failure), endpoint->host);
        }
}

int session_request(RegistrySession *session, const RegistryRequest *request, HttpResponse *ret,
                    Error *error) {
        Backoff backoff = {};

        *ret = (HttpResponse){};
        for (;;) {
                _cleanup_error_ Error failure = {};
                uint64_t before = request->position ? *request->position : 0;

                int r = ask_endpoints(session, request, ret, &failure);
                if (r >= 0)
                        return 0;
                if (request->position && *request->position - before >= RETRY_PROGRESS)
                        backoff = (Backoff){};
                int w = !request->once && session_is_temporary(session, ret)
                                ? session_wait(session, &backoff, ret, &failure)
                                : -EAGAIN;
                if (w == -ECANCELED)
                        return error_set(error, ERROR_CANCELLED, "cancelled");
                if (w < 0) {
                        if (is_endpoints_fault(ret, &failure))
                                add_complaints(session->registry, &failure);
                        error_move(error, &failure);
                        return r;
                }
        }
}

bool registry_distrust(RegistrySession *session) {
        const Registry *registry = session->registry;
        Endpoint *endpoint = session->endpoint;

        if (!endpoint || endpoint == &registry->endpoints[registry->n_endpoints - 1])
                return false;
        pthread_mutex_lock(&endpoint->lock);
        endpoint->given_up = true;
        (void) free_and_strdup(&endpoint->complaint, "what it sent was damaged");
        pthread_mutex_unlock(&endpoint->lock);
        return true;
}
