/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The verb login: tries what the caller has for one registry, and gives back what to keep. */
#include <unistd.h>

#include "fd-util.h"
#include "json-util.h"
#include "log.h"
#include "remote.h"
#include "string-util.h"

/* Whoever can't be given anything back keeps the password. */
static int write_document(int fd, const json_t *document) {
        _cleanup_erase_ char *text = json_dumps(document, JSON_COMPACT);

        if (!text)
                return -ENOMEM;
        if (ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0)
                return negative_errno();
        return write_full(fd, text, strlen(text));
}

/* An identity token is kept instead of the password. */
static int give_back(Worker *worker, Remote *remote, const char *key, const Credential *used, char *token,
                     Error *error) {
        const Credential kept = { .username = used->username, .identity_token = token };

        if (credentials_set(remote->credentials, key, &kept) < 0)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        int r = write_document(worker->fds[1], remote->credentials);
        if (r < 0)
                log_debug_errno(r, "The identity token can't be given back: %m");
        return 0;
}

static int log_in(Worker *worker, Remote *remote, const Reference *place, const char *key, Error *error) {
        _cleanup_(registry_session_freep) RegistrySession *session = NULL;
        _cleanup_(registry_freep) Registry *registry = NULL;
        _cleanup_(credential_done) Credential used = {};
        _cleanup_erase_ char *token = NULL;
        _cleanup_free_ char *purpose = string_join("cannot log in to ", key);
        int r;

        if (!purpose)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        r = credentials_find(remote->credentials, place->registry, place->repository, &used);
        if (r == -ENOMEM)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        if (r <= 0)
                return error_set(error, ERROR_INVALID, "%s: the credentials have nothing for it", purpose);
        /* Whom a push goes to is the registry itself, and none of its mirrors. */
        if ((r = remote_registry(remote, worker, place, "pull,push", purpose, -EBADF, &registry, error)) <
                    0 ||
            (r = registry_session_new(registry, &session, error)) < 0 ||
            (r = registry_log_in(session, &token, error)) < 0)
                return r;
        return token ? give_back(worker, remote, key, &used, token, error) : 0;
}

int verb_login(Worker *worker, Error *error) {
        _cleanup_(remote_done) Remote remote = {};
        _cleanup_(reference_done) Reference place = {};
        const char *key = strempty(worker->request.reference);
        const WorkerResult result = {};

        int r = registry_prefix_parse(key, &place.registry, &place.repository);
        if (r < 0)
                return error_set(error, ERROR_INVALID, "\"%s\" is no registry", key);
        r = remote_open(worker, &remote, error);
        if (r >= 0)
                r = log_in(worker, &remote, &place, key, error);
        if (r < 0)
                return worker_cancelled() ? worker_set_cancelled(error) : r;
        r = worker_send_result(worker->socket, &result);
        return r < 0 ? error_set_errno(error, r, "can't report to berthd") : 0;
}
