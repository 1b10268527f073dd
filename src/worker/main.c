/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <locale.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd-util.h"
#include "log.h"
#include "path-util.h"
#include "report.h"
#include "sandbox.h"
#include "string-util.h"

static void worker_done(Worker *worker) {
        close_many(worker->fds, WORKER_DESCRIPTORS_MAX);
        object_done(&worker_request_type, &worker->request);
        safe_close(worker->socket);
}

static int receive_request(Worker *worker, Error *error) {
        _cleanup_free_ char *packet = malloc(WORKER_PACKET_MAX);

        if (!packet)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        worker->n_fds = WORKER_DESCRIPTORS_MAX;
        ssize_t n = receive_message(worker->socket, packet, WORKER_PACKET_MAX, worker->fds, &worker->n_fds);
        if (n <= 0) {
                worker->n_fds = 0;
                return error_set_errno(error, n < 0 ? (int) n : -ECONNRESET, "can't read berthd's request");
        }
        int r = object_from_json_text(&worker_request_type, &worker->request, packet, n, 0, error);
        if (r < 0)
                return r;
        image_limits_set(&worker->request.limits);
        if (isempty(worker->request.state_directory) || !path_is_absolute(worker->request.state_directory))
                return error_set(error, ERROR_INVALID, "the request has no state directory");
        return 0;
}

static int find_verb(const Worker *worker, const WorkerVerb **ret, Error *error) {
        for (const WorkerVerb *verb = worker_verbs; verb->name; verb++)
                if (streq(verb->name, worker->request.verb)) {
                        if (worker->n_fds != verb->n_fds)
                                return error_set(error, ERROR_INVALID,
                                                 "the worker's \"%s\" takes %zu file descriptors, not %zu",
                                                 verb->name, verb->n_fds, worker->n_fds);
                        *ret = verb;
                        return 0;
                }
        return error_set(error, ERROR_INVALID, "the worker has no verb \"%s\"", worker->request.verb);
}

static int run(Worker *worker, Error *error) {
        const WorkerVerb *verb = NULL;

        int r = receive_request(worker, error);
        if (r >= 0)
                r = find_verb(worker, &verb, error);
        if (r >= 0)
                r = sandbox_enter(worker, verb->needs, error);
        return r < 0 ? r : verb->run(worker, error);
}

int main(int argc, char *argv[]) {
        _cleanup_error_ Error error = {};
        _cleanup_(worker_done) Worker worker = {
                .socket = WORKER_FD,
                .fds = { -EBADF, -EBADF, -EBADF, -EBADF },
        };

        log_setup("berth-worker");
        (void) setlocale(LC_CTYPE, "C.UTF-8");
        umask(0); /* archives say what modes are */
        int r = report_setup();
        if (r >= 0)
                r = sandbox_die_with_parent();
        if (r < 0)
                return log_error_errno(r, "Failed to set up the worker: %m"), EXIT_FAILURE;
        if (fd_set_cloexec(WORKER_FD, true) < 0) {
                log_error("berth-worker is started by berthd and has no use of its own.");
                return EXIT_FAILURE;
        }
        r = run(&worker, &error);
        if (r >= 0)
                return EXIT_SUCCESS;
        if (error.kind == ERROR_NONE)
                error_set_errno(&error, r, "the worker failed");
        if (worker_send_error(worker.socket, &error) < 0)
                log_debug("Nobody to tell that %s.", error_text(&error));
        return EXIT_FAILURE;
}
