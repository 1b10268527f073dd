/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <jansson.h>

#include "answer.h"

#define MESSAGE_MAX 200

char *answer_message(const char *data, size_t size) {
        json_t *json = json_loadb(data, size, 0, NULL);
        const json_t *first = json_array_get(json_object_get(json, "errors"), 0);
        const char *message = json_string_value(json_object_get(first, "message"));
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
        { 406, ERROR_UNSUPPORTED, "the registry has it in no format that berth knows" },
        { 429, ERROR_REGISTRY, "the registry allows no more requests for now", true },
        { 0, ERROR_REGISTRY, NULL, true },
};

int unauthorized_error(const Registry *registry, Error *error) {
        if (registry->username)
                return error_set(error, ERROR_UNAUTHORIZED,
                                 "%s: the registry refuses the user name or the password of \"%s\"",
                                 registry->purpose, registry->username);
        return error_set(error, ERROR_UNAUTHORIZED,
                         "%s: the registry says it does not exist, or needs a login", registry->purpose);
}

int answer_error(const Registry *registry, const HttpResponse *response, Error *error) {
        _cleanup_free_ char *message = answer_message(strempty(response->error.data), response->error.size);
        char status[64];
        size_t i = 0;

        if (response->status == 401)
                return unauthorized_error(registry, error);
        while (meanings[i].status != 0 && meanings[i].status != response->status)
                i++;
        snprintf(status, sizeof(status), "the registry answers with HTTP status %ld", response->status);
        const char *reason = meanings[i].reason ?: status;
        if (message && meanings[i].with_message)
                return error_set(error, meanings[i].kind, "%s: %s: \"%s\"", registry->purpose, reason,
                                 message);
        return error_set(error, meanings[i].kind, "%s: %s", registry->purpose, reason);
}

int failure_error(const Registry *registry, const HttpResponse *response, Error *error) {
        const char *reason = response->reason ?: "out of memory";

        switch (response->failure) {
        case TRANSFER_CANCELLED:
                return error_set(error, ERROR_CANCELLED, "cancelled");
        case TRANSFER_UNTRUSTED:
                return error_set(error, ERROR_REGISTRY,
                                 "cannot trust the certificate of registry %s: %s (add its authority to the "
                                 "system's, or the registry to the insecure ones)",
                                 registry->name, reason);
        case TRANSFER_BROKEN:
                return error_set(error, ERROR_REGISTRY, "%s: the connection to the registry broke: %s",
                                 registry->purpose, reason);
        case TRANSFER_NOT_TLS:
                return error_set(error, ERROR_REGISTRY, "cannot reach registry %s over HTTPS: %s",
                                 registry->name, reason);
        case TRANSFER_REFUSED:
                return error_set(error, ERROR_REGISTRY, "%s: %s", registry->purpose, reason);
        default:
                return error_set(error, ERROR_REGISTRY, "cannot reach registry %s: %s", registry->name,
                                 reason);
        }
}
