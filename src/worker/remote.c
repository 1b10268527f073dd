/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>

#include "fd-util.h"
#include "remote.h"
#include "string-util.h"

#define SYSTEM_CREDENTIALS CONFIG_DIRECTORY "/auth.json"

/* What root has given all who may use berthd. */
static int read_system_credentials(json_t **ret, Error *error) {
        _cleanup_close_ int fd = open(SYSTEM_CREDENTIALS, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

        if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
                return 0;
        if (fd < 0)
                return error_set_errno(error, negative_errno(), "cannot read " SYSTEM_CREDENTIALS);
        int r = credentials_read_fd(fd, ret, error);
        return r < 0 ? error_prefix(error, r, SYSTEM_CREDENTIALS) : 0;
}

int remote_open(Worker *worker, Remote *ret, Error *error) {
        _cleanup_(remote_done) Remote remote = {};

        credentials_protect_process();
        int r = credentials_read_fd(worker->fds[0], &remote.credentials, error);
        if (r < 0)
                return error_prefix(error, r, "the credentials that were handed over are of no use");
        r = read_system_credentials(&remote.system_credentials, error);
        if (r < 0)
                return r;
        r = registries_conf_load("", &remote.conf, error);
        if (r < 0)
                return r;
        *ret = remote;
        remote = (Remote){};
        return 0;
}

void remote_done(Remote *remote) {
        json_decref(remote->system_credentials);
        json_decref(remote->credentials);
        object_done(&registries_conf_type, &remote->conf);
        *remote = (Remote){};
}

int remote_check(const Remote *remote, const Reference *reference, const char *purpose, Error *error) {
        RegistryRule rule;

        registries_conf_find(&remote->conf, reference->registry, reference->repository, &rule);
        if (rule.blocked)
                return error_set(error, ERROR_DENIED,
                                 "%s: it is blocked by the administrator (Blocked= in [Registry %s] of "
                                 "registries.conf)",
                                 purpose, strempty(rule.prefix));
        if (rule.policy == TRUST_REJECT)
                return error_set(error, ERROR_DENIED,
                                 "%s: the administrator's policy rejects it (Policy= in [Registry %s] of "
                                 "registries.conf)",
                                 purpose, strempty(rule.prefix));
        return 0;
}

int remote_registry(Remote *remote, Worker *worker, const Reference *reference, const char *actions,
                    const char *purpose, int stop_fd, Registry **ret, Error *error) {
        const RegistryOptions options = {
                .registry = reference->registry,
                .repository = reference->repository,
                .actions = actions,
                .purpose = purpose,
                .insecure = worker->request.insecure_registries,
                .conf = &remote->conf,
                .credentials = { remote->credentials, remote->system_credentials },
                .cancel_fds = { worker_cancel_fd(), stop_fd },
        };

        int r = remote_check(remote, reference, purpose, error);
        return r < 0 ? r : registry_new(&options, ret, error);
}

int remote_complete_error(const char *purpose, int r, Error *error) {
        if (worker_cancelled()) {
                error_done(error);
                return worker_set_cancelled(error);
        }
        if (error->message && startswith(error->message, "cannot "))
                return r;
        return error_prefix(error, r, "%s", purpose);
}
