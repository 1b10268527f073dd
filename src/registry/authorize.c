/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "authorize.h"
#include "answer.h"
#include "log.h"
#include "time-util.h"
#include "token.h"

/* ---- one request to the token server ---- */

static int token_sink(void *userdata, const HttpResponse *response, const void *data, size_t size,
                      Error *error) {
        StringBuffer *buffer = userdata;

        if (size > TOKEN_ANSWER_MAX - buffer->size)
                return error_set(error, ERROR_REGISTRY, "the answer of the token server is too long");
        return string_buffer_append(buffer, data, size);
}

static void erase_buffer(StringBuffer *buffer) {
        if (buffer->data)
                explicit_bzero(buffer->data, buffer->size);
        string_buffer_done(buffer);
}

/* by_form: a POST (OAuth 2), else a GET. */
static int ask(RegistrySession *session, const Challenge *challenge, const TokenRequest *wanted,
               bool by_form, HttpResponse *response, StringBuffer *answer, Error *error) {
        _cleanup_erase_ char *form = by_form ? token_form(challenge, wanted) : NULL;
        _cleanup_free_ char *url = by_form ? strndup(challenge->realm, strcspn(challenge->realm, "#"))
                                           : token_url(challenge, wanted);
        const Registry *registry = session->registry;

        if (!url || (by_form && !form))
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        if (!registry_allows_url(registry, session->endpoint->base, url))
                return error_set(error, ERROR_REGISTRY, "%s: its token server %s is not reached over HTTPS",
                                 registry->purpose, challenge->realm);
        const HttpBody body = { .media_type = "application/x-www-form-urlencoded",
                                .data = form,
                                .fd = -EBADF,
                                .size = form ? strlen(form) : 0 };
        const HttpRequest request = {
                .method = by_form ? HTTP_POST : HTTP_GET,
                .url = url,
                .body = by_form ? &body : NULL,
                .username = by_form ? NULL : wanted->username,
                .password = wanted->refresh_token ?: wanted->password,
                .sink = token_sink,
                .userdata = answer,
        };
        http_response_done(response);
        int r = session_perform(session, &request, false, response, error);
        if (r >= 0)
                return 0;
        if (error->kind != ERROR_NONE)
                return r;
        if (response->failure == TRANSFER_CANCELLED)
                return error_set(error, ERROR_CANCELLED, "cancelled");
        return error_set(error, ERROR_REGISTRY, "%s: cannot reach the token server %s: %s",
                         registry->purpose, challenge->realm, strempty(response->reason));
}

/* Many token servers know the GET of the distribution specification only; what they answer to a POST differs. */
static bool may_not_know_forms(long status) {
        return status == 401 || status == 404 || status == 405;
}

static int describe_refusal(const RegistrySession *session, const char *realm, const HttpResponse *response,
                            Error *error) {
        _cleanup_free_ char *said = answer_message(strempty(response->error.data), response->error.size);

        /* An OAuth 2 server refuses a grant with 400 (RFC 6749, 5.2). */
        if (response->status == 401 || response->status == 403 || response->status == 400)
                return unauthorized_error(session, said, error);
        return error_set(error, ERROR_REGISTRY, "%s: the token server %s answers with HTTP status %ld",
                         session->registry->purpose, realm, response->status);
}

/* Asks the token server. *response is its answer. */
static int fetch_token(RegistrySession *session, const Challenge *challenge, HttpResponse *response,
                       TokenAnswer *ret, Error *error) {
        const Registry *registry = session->registry;
        const Endpoint *endpoint = session->endpoint;
        const Credential *credential = &endpoint->credential;
        _cleanup_(erase_buffer) StringBuffer answer = {};
        _cleanup_free_ char *scope =
                registry->offline || isempty(endpoint->repository)
                        ? strdup("")
                        : string_join("repository:", endpoint->repository, ":", registry->actions);
        const TokenRequest wanted = {
                .scope = scope,
                .username = credential->username,
                .password = credential->password,
                /* Some servers give another one each time, and take the old one back. */
                .refresh_token = credential->identity_token
                                         ? endpoint->refresh_token ?: credential->identity_token
                                         : NULL,
                .offline = registry->offline,
        };

        if (!scope)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        bool by_form = wanted.refresh_token || (wanted.offline && wanted.username);
        int r = ask(session, challenge, &wanted, by_form, response, &answer, error);
        if (r >= 0 && by_form && wanted.username && may_not_know_forms(response->status)) {
                erase_buffer(&answer);
                r = ask(session, challenge, &wanted, false, response, &answer, error);
        }
        if (r < 0)
                return r;
        if (response->status / 100 != 2)
                return describe_refusal(session, challenge->realm, response, error);
        r = token_parse(strempty(answer.data), answer.size, ret);
        if (r == -EBADMSG)
                return error_set(error, ERROR_REGISTRY, "%s: the token server %s gives no usable token",
                                 registry->purpose, challenge->realm);
        return r < 0 ? error_set(error, ERROR_OUT_OF_MEMORY, "out of memory") : 0;
}

/* ---- the endpoint's token; with its lock held ---- */

static void keep_token(Endpoint *endpoint, TokenAnswer *answer) {
        erase_and_free(endpoint->token);
        endpoint->token = TAKE_PTR(answer->token);
        /* Well before it runs out, since the request that it goes with takes its time, too. */
        endpoint->renew_at = now_usec(CLOCK_BOOTTIME) + answer->lifetime / 10 * 9;
        if (!answer->refresh_token)
                return;
        erase_and_free(endpoint->refresh_token);
        endpoint->refresh_token = TAKE_PTR(answer->refresh_token);
}

/* Takes over *challenge when there is a token for it. */
static int get_token(RegistrySession *session, Challenge *challenge, HttpResponse *response, Error *error) {
        _cleanup_(token_answer_done) TokenAnswer answer = {};
        Endpoint *endpoint = session->endpoint;

        int r = fetch_token(session, challenge, response, &answer, error);
        if (r < 0)
                return r;
        keep_token(endpoint, &answer);
        if (challenge != &endpoint->challenge) {
                challenge_done(&endpoint->challenge);
                endpoint->challenge = *challenge;
                *challenge = (Challenge){};
        }
        return 0;
}

static int authorize_locked(RegistrySession *session, Challenge *challenge, const char *used_token,
                            bool used_basic, const char *said, HttpResponse *response, Error *error) {
        Endpoint *endpoint = session->endpoint;

        if (challenge->scheme == CHALLENGE_BASIC && endpoint->credential.username && !used_basic) {
                endpoint->basic = true;
                return 0;
        }
        if (challenge->scheme != CHALLENGE_BEARER)
                return unauthorized_error(session, said, error);
        if (!streq_ptr(endpoint->token, used_token))
                return 0;
        return get_token(session, challenge, response, error);
}

int session_authorize(RegistrySession *session, const char *used_token, bool used_basic,
                      HttpResponse *response, Error *error) {
        _cleanup_free_ char *said = answer_message(strempty(response->error.data), response->error.size);
        _cleanup_(challenge_done) Challenge challenge = response->challenge;

        response->challenge = (Challenge){};
        http_response_done(response);
        pthread_mutex_lock(&session->endpoint->lock);
        int r = authorize_locked(session, &challenge, used_token, used_basic, said, response, error);
        pthread_mutex_unlock(&session->endpoint->lock);
        return r;
}

void session_renew_token(RegistrySession *session) {
        _cleanup_(http_response_done) HttpResponse response = {};
        _cleanup_error_ Error failure = {};
        Endpoint *endpoint = session->endpoint;

        pthread_mutex_lock(&endpoint->lock);
        if (endpoint->token && now_usec(CLOCK_BOOTTIME) >= endpoint->renew_at &&
            get_token(session, &endpoint->challenge, &response, &failure) < 0) {
                log_debug("cannot renew the token: %s", error_text(&failure));
                endpoint->renew_at = UINT64_MAX; /* once is enough */
        }
        pthread_mutex_unlock(&endpoint->lock);
}
