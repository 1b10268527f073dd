/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container-private.h"
#include "container-secrets.h"
#include "container-volumes.h"
#include "fd-util.h"
#include "seccomp-cache.h"
#include "string-util.h"

/* What must be there before a container is launched and takes a worker, one after the other. A preparation fills in the
 * worker's request and returns 1, or returns 0 when all is there already, as it mostly is. What the worker makes stands where
 * the launch document says: nothing comes back but that it went well. */
typedef int (*Preparation)(Container *c, WorkerRequest *request, Error *error);

static int prepare_filter(Container *c, WorkerRequest *request, Error *error) {
        return seccomp_cache_prepare(&c->spec, request, error);
}

static int link_filter(Container *c, WorkerRequest *request, Error *error) {
        _cleanup_close_ int fd = container_open_run_directory(c, true);

        return fd < 0 ? error_set_errno(error, fd, "cannot make the run directory of \"%s\"", c->spec.name)
                      : seccomp_cache_link(&c->spec, fd, error);
}

static const Preparation preparations[] = {
        container_prepare_volumes, prepare_filter, link_filter, container_prepare_secrets, NULL,
};

static void on_worker_ended(const Error *why, void *userdata) {
        _cleanup_error_ Error error = {};
        Container *c = userdata;

        c->start->worker = NULL;
        if (why) {
                container_on_prepared(c, why);
                return;
        }
        c->start->preparation++;
        int r = container_prepare(c, &error);
        if (r != 0)
                container_on_prepared(c, r < 0 ? &error : NULL);
}

static const WorkerHooks worker_hooks = { .ended = on_worker_ended };

static int begin_worker(Container *c, const WorkerRequest *request, Error *error) {
        int r = worker_start(c->context->event, request, NULL, 0, &worker_hooks, c, &c->start->worker,
                             error);

        return r < 0 ? error_prefix(error, r, "cannot prepare container \"%s\"", c->spec.name) : 0;
}

int container_prepare(Container *c, Error *error) {
        for (; preparations[c->start->preparation]; c->start->preparation++) {
                WorkerRequest request;
                object_init(&worker_request_type, &request);
                int r = preparations[c->start->preparation](c, &request, error);
                if (r > 0)
                        r = begin_worker(c, &request, error);
                object_done(&worker_request_type, &request);
                if (r < 0 || c->start->worker)
                        return r;
        }
        return 1;
}
