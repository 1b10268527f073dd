/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <jansson.h>

#include "answer.h"
#include "log.h"

#define MESSAGE_MAX 200

char *answer_message(const char *data, size_t size) {
        static const char *const others[] = { "error_description", "details", "message" };
        json_t *json = json_loadb(data, size, 0, NULL);
        const json_t *first = json_array_get(json_object_get(json, "errors"), 0);
        const char *message = json_string_value(json_object_get(first, "message"));
        for (size_t i = 0; i < ELEMENTSOF(others) && isempty(message); i++)
                message = json_string_value(json_object_get(json, others[i]));
        char *copy = isempty(message) ? NULL : strndup(message, MESSAGE_MAX);

        json_decref(json);
        for (char *p = copy; p && *p; p++)
                if ((unsigned char) *p < ' ' || (unsigned char) *p >= 0x7f)
                        *p = ' ';
        return copy;
}

static const struct {
        long status; /* 0: any */
        ErrorKind kind;
        const char *reason; /* NULL: the status */
        bool with_message;  /* what the registry says tells more */
} meanings[] = {
        { 403, ERROR_UNAUTHORIZED, "the registry forbids it", true },
        { 404, ERROR_NO_SUCH_IMAGE, "the registry says it does not exist, or needs a login" },
        { 405, ERROR_REGISTRY, "the registry does not do that, for it may be read-only" },
        { 406, ERROR_UNSUPPORTED, "the registry has it in no format that berth knows" },
        { 429, ERROR_REGISTRY, "the registry allows no more requests for now", true },
        { 0, ERROR_REGISTRY, NULL, true },
};

int unauthorized_error(const RegistrySession *session, const char *said, Error *error) {
        const Credential *credential = &session->endpoint->credential;
        const char *purpose = session->registry->purpose, *host = session->endpoint->host;
        _cleanup_free_ char *quoted = isempty(said) ? strdup("") : string_join(" (it says \"", said, "\")");

        if (credential->identity_token)
                return error_set(
                        error, ERROR_UNAUTHORIZED,
                        "%s: the registry does not accept the login any more%s; berthctl login %s makes "
                        "a new one",
                        purpose, strempty(quoted), host);
        if (credential->username)
                return error_set(error, ERROR_UNAUTHORIZED,
                                 "%s: the registry refuses the user name or the password of \"%s\"%s",
                                 purpose, credential->username, strempty(quoted));
        return error_set(error, ERROR_UNAUTHORIZED,
                         "%s: the registry says it does not exist, or needs a login", purpose);
}

int answer_error(const RegistrySession *session, const HttpResponse *response, Error *error) {
        _cleanup_free_ char *message = answer_message(strempty(response->error.data), response->error.size);
        const char *purpose = session->registry->purpose;
        char status[64];
        size_t i = 0;

        if (response->status == 401)
                return unauthorized_error(session, message, error);
        while (meanings[i].status != 0 && meanings[i].status != response->status)
                i++;
        snprintf(status, sizeof(status), "the registry answers with HTTP status %ld", response->status);
        const char *reason = meanings[i].reason ?: status;
        if (message && meanings[i].with_message)
                return error_set(error, meanings[i].kind, "%s: %s: \"%s\"", purpose, reason, message);
        return error_set(error, meanings[i].kind, "%s: %s", purpose, reason);
}

/* With TLS 1.3 a server refuses a client only when the handshake is through, and all that we see is an end. */
static const char *certificate_hint(const RegistrySession *session, const HttpResponse *response) {
        Endpoint *endpoint = session->endpoint;
        bool possible = response->status == 0 && !endpoint->insecure && !endpoint_base(endpoint);

        return possible ? " (it may want a client certificate: see berth.registries.conf(5))" : "";
}

int failure_error(const RegistrySession *session, const HttpResponse *response, Error *error) {
        const char *reason = response->reason ?: "out of memory", *purpose = session->registry->purpose;
        const char *host = session->endpoint->host;

        switch (response->failure) {
        case TRANSFER_CANCELLED:
                return error_set(error, ERROR_CANCELLED, "cancelled");
        case TRANSFER_UNTRUSTED:
                return error_set(error, ERROR_REGISTRY,
                                 "cannot trust the certificate of registry %s: %s (add its authority to the "
                                 "system's, or as a .crt file to /etc/berth/certs.d/%s/)",
                                 host, reason, host);
        case TRANSFER_BROKEN:
                return error_set(error, ERROR_REGISTRY, "%s: the connection to the registry broke: %s%s",
                                 purpose, reason, certificate_hint(session, response));
        case TRANSFER_NOT_TLS:
                return error_set(error, ERROR_REGISTRY, "cannot reach registry %s over HTTPS: %s%s", host,
                                 reason, strstr(reason, "alert") ? certificate_hint(session, response) : "");
        case TRANSFER_REFUSED:
                return error_set(error, ERROR_REGISTRY, "%s: %s", purpose, reason);
        default:
                return error_set(error, ERROR_REGISTRY, "cannot reach registry %s: %s", host, reason);
        }
}

/* ---- mirrors ---- */

char *endpoint_complaint(const Registry *registry, const HttpResponse *response, const Error *failure) {
        if (response->failure != TRANSFER_NO_FAILURE && response->reason)
                return strdup(response->reason);
        if (response->failure == TRANSFER_NO_FAILURE && response->status == 404)
                return strdup("it does not have it");
        if (response->failure == TRANSFER_NO_FAILURE && (response->status == 401 || response->status == 403))
                return strdup("it wants other credentials");
        if (response->failure == TRANSFER_NO_FAILURE && response->status >= 400)
                return format_string("HTTP status %ld", response->status);
        /* A sentence of its own, but for what it was about. */
        const char *message = error_text(failure), *rest = startswith(message, registry->purpose);
        return strdup(rest && startswith(rest, ": ") ? rest + 2 : message);
}

static int append_complaints(Registry *registry, StringBuffer *buffer) {
        int r = 0;

        for (size_t i = 0; i < registry->n_endpoints && r >= 0; i++) {
                Endpoint *endpoint = &registry->endpoints[i];
                pthread_mutex_lock(&endpoint->lock);
                if (endpoint->complaint)
                        r = string_buffer_appendf(buffer, "%smirror %s: %s", buffer->size > 0 ? "; " : "",
                                                  endpoint->host, endpoint->complaint);
                pthread_mutex_unlock(&endpoint->lock);
        }
        return r;
}

void add_complaints(Registry *registry, Error *error) {
        _cleanup_(string_buffer_done) StringBuffer complaints = {};
        bool mirrors_only = registry->endpoints[registry->n_endpoints - 1].is_mirror;

        if (append_complaints(registry, &complaints) < 0 || complaints.size == 0)
                return;
        char *message = mirrors_only ? format_string("%s: no mirror of %s gives it (%s)", registry->purpose,
                                                     registry->name, complaints.data)
                                     : format_string("%s (%s)", error_text(error), complaints.data);
        if (message)
                free_and_replace(error->message, message);
}
