/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <jansson.h>

#include "token.h"

#define LIFETIME_MAX_SECONDS (365 * 24 * 3600)

/* ---- asking ---- */

/* "name=value" behind `separator`, which is left out where it is 0. */
static int append_field(StringBuffer *text, char separator, const char *name, const char *value) {
        int r = separator != 0 ? string_buffer_append(text, &separator, 1) : 0;

        if (r >= 0)
                r = string_buffer_appendf(text, "%s=", name);
        for (const unsigned char *p = (const unsigned char *) value; *p && r >= 0; p++)
                if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:/,", *p))
                        r = string_buffer_append(text, p, 1);
                else
                        r = string_buffer_appendf(text, "%%%02X", *p);
        return r;
}

static int append_query(StringBuffer *url, const char *name, const char *value) {
        return append_field(url, strchr(url->data, '?') ? '&' : '?', name, value);
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

static const char *scope_of(const Challenge *challenge, const TokenRequest *request) {
        return isempty(challenge->scope) ? strempty(request->scope) : challenge->scope;
}

char *token_url(const Challenge *challenge, const TokenRequest *request) {
        _cleanup_(string_buffer_done) StringBuffer url = {};
        const struct {
                const char *name, *value;
        } fields[] = {
                { "service", challenge->service },
                { "account", request->username },
                { "client_id", request->offline ? TOKEN_CLIENT : NULL },
                { "offline_token", request->offline ? "true" : NULL },
        };

        if (string_buffer_append(&url, challenge->realm, strcspn(challenge->realm, "#")) < 0)
                return NULL;
        for (size_t i = 0; i < ELEMENTSOF(fields); i++)
                if (fields[i].value && append_query(&url, fields[i].name, fields[i].value) < 0)
                        return NULL;
        if (append_scopes(&url, scope_of(challenge, request)) < 0)
                return NULL;
        return TAKE_PTR(url.data);
}

char *token_form(const Challenge *challenge, const TokenRequest *request) {
        _cleanup_(string_buffer_done) StringBuffer form = {};
        const char *refresh = request->refresh_token, *scope = scope_of(challenge, request);
        const struct {
                const char *name, *value;
        } fields[] = {
                { "grant_type", refresh ? "refresh_token" : "password" },
                { "client_id", TOKEN_CLIENT },
                { "service", challenge->service },
                { "scope", isempty(scope) ? NULL : scope },
                { "access_type", request->offline ? "offline" : NULL },
                { "username", refresh ? NULL : strempty(request->username) },
                { "password", refresh ? NULL : strempty(request->password) },
                { "refresh_token", refresh },
        };

        for (size_t i = 0; i < ELEMENTSOF(fields); i++)
                if (fields[i].value &&
                    append_field(&form, i > 0 ? '&' : 0, fields[i].name, fields[i].value) < 0)
                        return NULL;
        return TAKE_PTR(form.data);
}

/* ---- the answer ---- */

void token_answer_done(TokenAnswer *answer) {
        erase_and_free(answer->token);
        erase_and_free(answer->refresh_token);
        *answer = (TokenAnswer){};
}

/* What goes into a header must not be able to end it. */
static bool token_is_valid(const char *token) {
        size_t n = strlen(token);

        for (size_t i = 0; i < n; i++)
                if (token[i] <= ' ' || token[i] > '~')
                        return false;
        return n > 0 && n <= TOKEN_MAX;
}

static uint64_t lifetime_of(const json_t *json) {
        json_int_t seconds = json_integer_value(json_object_get(json, "expires_in"));

        return seconds > 0 ? (uint64_t) MIN(seconds, (json_int_t) LIFETIME_MAX_SECONDS) * 1000000
                           : TOKEN_LIFETIME_DEFAULT;
}

static int take_answer(const json_t *json, TokenAnswer *ret) {
        const char *token = json_string_value(json_object_get(json, "token"))
                                    ?: json_string_value(json_object_get(json, "access_token"));
        const char *refresh = json_string_value(json_object_get(json, "refresh_token"));

        if (!token || !token_is_valid(token) || (!isempty(refresh) && !token_is_valid(refresh)))
                return -EBADMSG;
        TokenAnswer answer = {
                .token = strdup(token),
                .refresh_token = isempty(refresh) ? NULL : strdup(refresh),
                .lifetime = lifetime_of(json),
        };
        if (!answer.token || (!isempty(refresh) && !answer.refresh_token)) {
                token_answer_done(&answer);
                return -ENOMEM;
        }
        *ret = answer;
        return 0;
}

int token_parse(const char *data, size_t size, TokenAnswer *ret) {
        json_t *json = json_loadb(data, size, 0, NULL);
        int r = take_answer(json, ret);

        json_decref(json);
        return r;
}
