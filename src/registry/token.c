/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <jansson.h>

#include "answer.h"
#include "token.h"

#define TOKEN_ANSWER_MAX (1024 * 1024)

static int append_query(StringBuffer *url, const char *name, const char *value) {
        int r = string_buffer_appendf(url, "%c%s=", strchr(url->data, '?') ? '&' : '?', name);

        for (const unsigned char *p = (const unsigned char *) value; *p && r >= 0; p++)
                if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:/,", *p))
                        r = string_buffer_append(url, p, 1);
                else
                        r = string_buffer_appendf(url, "%%%02X", *p);
        return r;
}

/* A scope of several words ("repository:x:pull repository:y:pull") is one parameter each. */
static int append_scopes(StringBuffer *url, const char *scopes) {
        int r = 0;

        for (const char *p = scopes; *p && r >= 0;) {
                size_t n = strcspn(p, " ");
                if (n > 0) {
                        _cleanup_free_ char *scope = strndup(p, n);
                        r = scope ? append_query(url, "scope", scope) : -ENOMEM;
                }
                p += n + strspn(p + n, " ");
        }
        return r;
}

char *token_url(const Challenge *challenge, const char *default_scope) {
        _cleanup_(string_buffer_done) StringBuffer url = {};

        if (string_buffer_append(&url, challenge->realm, strcspn(challenge->realm, "#")) < 0)
                return NULL;
        if (challenge->service && append_query(&url, "service", challenge->service) < 0)
                return NULL;
        if (append_scopes(&url, isempty(challenge->scope) ? default_scope : challenge->scope) < 0)
                return NULL;
        return TAKE_PTR(url.data);
}

/* What goes into a header must not be able to end it. */
static bool token_is_valid(const char *token) {
        size_t n = strlen(token);

        for (size_t i = 0; i < n; i++)
                if (token[i] <= ' ' || token[i] > '~')
                        return false;
        return n > 0 && n <= TOKEN_MAX;
}

int token_parse(const char *data, size_t size, char **ret) {
        json_t *json = json_loadb(data, size, 0, NULL);
        const char *token = json_string_value(json_object_get(json, "token"))
                                    ?: json_string_value(json_object_get(json, "access_token"));
        int r = -EBADMSG;

        if (token && token_is_valid(token)) {
                *ret = strdup(token);
                r = *ret ? 0 : -ENOMEM;
        }
        json_decref(json);
        return r;
}

static int token_sink(void *userdata, const HttpResponse *response, const void *data, size_t size,
                      Error *error) {
        StringBuffer *buffer = userdata;

        if (size > TOKEN_ANSWER_MAX - buffer->size)
                return error_set(error, ERROR_REGISTRY, "the answer of the token server is too long");
        return string_buffer_append(buffer, data, size);
}

static int describe_failure(const RegistrySession *session, const char *realm, const HttpResponse *response,
                            Error *error) {
        if (response->failure == TRANSFER_CANCELLED)
                return error_set(error, ERROR_CANCELLED, "cancelled");
        return error_set(error, ERROR_REGISTRY, "%s: cannot reach the token server %s: %s",
                         session->registry->purpose, realm, strempty(response->reason));
}

static int describe_refusal(const RegistrySession *session, const char *realm, const HttpResponse *response,
                            Error *error) {
        if (response->status != 401 && response->status != 403)
                return error_set(error, ERROR_REGISTRY,
                                 "%s: the token server %s answers with HTTP status %ld",
                                 session->registry->purpose, realm, response->status);
        return unauthorized_error(session, error);
}

/* Asks the token server. *response is its answer. */
static int fetch_token(RegistrySession *session, const Challenge *challenge, HttpResponse *response,
                       char **ret, Error *error) {
        const Registry *registry = session->registry;
        const Endpoint *endpoint = session->endpoint;
        _cleanup_(string_buffer_done) StringBuffer body = {};
        _cleanup_free_ char *scope =
                string_join("repository:", endpoint->repository, ":", registry->actions);
        _cleanup_free_ char *url = scope ? token_url(challenge, scope) : NULL;

        if (!url)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        if (!registry_allows_url(registry, endpoint->base, url))
                return error_set(error, ERROR_REGISTRY, "%s: its token server %s is not reached over HTTPS",
                                 registry->purpose, challenge->realm);
        const HttpRequest request = {
                .url = url,
                .username = endpoint->credential.username,
                .password = endpoint->credential.password,
                .insecure = registry_url_is_insecure(registry, url),
                .sink = token_sink,
                .userdata = &body,
        };
        int r = transfer_perform(session->transfer, &request, response, error);
        if (r < 0)
                return describe_failure(session, challenge->realm, response, error);
        if (response->status / 100 != 2)
                return describe_refusal(session, challenge->realm, response, error);
        r = token_parse(strempty(body.data), body.size, ret);
        if (r == -EBADMSG)
                return error_set(error, ERROR_REGISTRY, "%s: the token server %s gives no usable token",
                                 registry->purpose, challenge->realm);
        return r < 0 ? error_set(error, ERROR_OUT_OF_MEMORY, "out of memory") : 0;
}

static int authorize_locked(RegistrySession *session, const Challenge *challenge, const char *used_token,
                            HttpResponse *response, Error *error) {
        Endpoint *endpoint = session->endpoint;
        _cleanup_free_ char *token = NULL;

        if (challenge->scheme == CHALLENGE_BASIC && endpoint->credential.username && !endpoint->basic) {
                endpoint->basic = true;
                return 0;
        }
        if (challenge->scheme != CHALLENGE_BEARER)
                return unauthorized_error(session, error);
        if (!streq_ptr(endpoint->token, used_token))
                return 0;
        int r = fetch_token(session, challenge, response, &token, error);
        if (r >= 0)
                free_and_replace(endpoint->token, TAKE_PTR(token));
        return r;
}

int session_authorize(RegistrySession *session, const char *used_token, HttpResponse *response,
                      Error *error) {
        _cleanup_(challenge_done) Challenge challenge = response->challenge;

        response->challenge = (Challenge){};
        http_response_done(response);
        pthread_mutex_lock(&session->endpoint->lock);
        int r = authorize_locked(session, &challenge, used_token, response, error);
        pthread_mutex_unlock(&session->endpoint->lock);
        return r;
}
