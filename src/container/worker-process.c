/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "child.h"
#include "fd-util.h"
#include "log.h"
#include "process-util.h"
#include "string-util.h"
#include "time-util.h"
#include "worker-process.h"

#define CANCEL_TIMEOUT_USEC (10 * USEC_PER_SEC)

struct WorkerProcess {
        sd_event *event; /* borrowed */
        char *verb;
        Child *child;
        int socket;
        sd_event_source *source, *cancel_timer;
        const WorkerHooks *hooks; /* NULL: nobody is interested any more */
        void *userdata;
        Error error; /* that it sent */
        bool cancelled;
};

static WorkerProcess *worker_free(WorkerProcess *worker) {
        if (!worker)
                return NULL;
        sd_event_source_disable_unref(worker->source);
        sd_event_source_disable_unref(worker->cancel_timer);
        safe_close(worker->socket);
        child_abandon(worker->child);
        error_done(&worker->error);
        free(worker->verb);
        free(worker);
        return NULL;
}
DEFINE_CLEANUP(WorkerProcess *, worker_free);

static void on_ended(int code, void *userdata) {
        _cleanup_(worker_freep) WorkerProcess *worker = userdata;

        worker->child = NULL;
        if (code != 0 && worker->cancelled)
                error_set(&worker->error, ERROR_CANCELLED, "cancelled");
        else if (code != 0)
                error_set(&worker->error, ERROR_FAILED,
                          code > 128 ? "the worker for \"%s\" was killed by signal %d"
                                     : "the worker for \"%s\" ended with status %d",
                          worker->verb, code > 128 ? code - 128 : code);
        if (worker->hooks && worker->hooks->ended)
                worker->hooks->ended(worker->error.kind != ERROR_NONE ? &worker->error : NULL,
                                     worker->userdata);
}

static void dispatch(WorkerProcess *worker, const char *packet, size_t size) {
        WorkerProgress progress = {};
        WorkerResult result = {};

        switch (worker_parse(packet, size, &progress, &result, &worker->error)) {
        case WORKER_PROGRESS:
                if (worker->hooks && worker->hooks->progress)
                        worker->hooks->progress(&progress, worker->userdata);
                object_done(&worker_progress_type, &progress);
                return;
        case WORKER_RESULT:
                if (worker->hooks && worker->hooks->result)
                        worker->hooks->result(&result, worker->userdata);
                object_done(&worker_result_type, &result);
                return;
        case WORKER_ERROR:
                return;
        default:
                log_warning("The worker for \"%s\" sent a malformed message.", worker->verb);
        }
}

static int on_message(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        _cleanup_free_ char *packet = malloc(WORKER_PACKET_MAX);
        WorkerProcess *worker = userdata;

        if (!packet)
                return 0;
        ssize_t n = receive_message(fd, packet, WORKER_PACKET_MAX, NULL, NULL);
        if (n == -EAGAIN)
                return 0;
        if (n <= 0) {
                if (n < 0)
                        log_warning_errno((int) n, "Failed to read from the worker for \"%s\": %m",
                                          worker->verb);
                /* Its end is what counts; until then there is nothing more to read. */
                worker->source = sd_event_source_disable_unref(worker->source);
                return 0;
        }
        dispatch(worker, packet, n);
        return 0;
}

_noreturn_ static void become_worker(int socket, pid_t parent) {
        reset_signals();
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent &&
            (socket == WORKER_FD ? fd_set_cloexec(socket, false) : dup2(socket, WORKER_FD)) >= 0)
                execl(LIBEXECDIR "/berth-worker", "berth-worker", (char *) NULL);
        log_error_errno(negative_errno(), "Failed to execute %s: %m", LIBEXECDIR "/berth-worker");
        _exit(127);
}

static int spawn(sd_event *event, WorkerProcess *worker, int socket) {
        pid_t parent = getpid();
        int pidfd;

        pid_t pid = fork_into(-EBADF, 0, &pidfd);
        if (pid < 0)
                return pid;
        if (pid == 0)
                become_worker(socket, parent);
        int r = child_watch(event, pid, pidfd, on_ended, worker, &worker->child);
        if (r < 0)
                (void) kill(pid, SIGKILL);
        return r;
}

int worker_start(sd_event *event, const WorkerRequest *request, const int *fds, size_t n_fds,
                 const WorkerHooks *hooks, void *userdata, WorkerProcess **ret, Error *error) {
        _cleanup_(worker_freep) WorkerProcess *worker = new0(WorkerProcess, 1);
        int sockets[2], r;

        if (!worker)
                return error_set_errno(error, -ENOMEM, "cannot start a worker");
        *worker = (WorkerProcess){ .event = event, .socket = -EBADF, .verb = strdup(request->verb) };
        r = worker->verb ? socket_pair(SOCK_SEQPACKET, 0, sockets) : -ENOMEM;
        if (r < 0)
                return error_set_errno(error, r, "cannot start a worker");
        worker->socket = sockets[0];
        _cleanup_close_ int theirs = sockets[1];

        /* The request waits in the socket for the process. */
        if ((r = fd_set_nonblock(worker->socket, true)) < 0 ||
            (r = worker_send_request(worker->socket, request, fds, n_fds)) < 0)
                return r == -EMSGSIZE ? error_set(error, ERROR_LIMIT, "the request for \"%s\" is too long",
                                                  worker->verb)
                                      : error_set_errno(error, r, "cannot send the request for \"%s\"",
                                                        worker->verb);
        if ((r = sd_event_add_io(event, &worker->source, worker->socket, EPOLLIN, on_message, worker)) < 0 ||
            (r = spawn(event, worker, theirs)) < 0)
                return error_set_errno(error, r, "cannot start a worker for \"%s\"", worker->verb);
        worker->hooks = hooks;
        worker->userdata = userdata;
        *ret = TAKE_PTR(worker);
        return 0;
}

static int on_cancel_timeout(sd_event_source *source, uint64_t usec, void *userdata) {
        WorkerProcess *worker = userdata;

        (void) child_signal(worker->child, SIGKILL);
        return 0;
}

void worker_cancel(WorkerProcess *worker) {
        if (worker->cancelled || !worker->child)
                return;
        worker->cancelled = true;
        (void) child_signal(worker->child, SIGTERM);
        if (sd_event_add_time_relative(worker->event, &worker->cancel_timer, CLOCK_MONOTONIC,
                                       CANCEL_TIMEOUT_USEC, 0, on_cancel_timeout, worker) < 0)
                (void) child_signal(worker->child, SIGKILL);
}

void worker_hang_up(WorkerProcess *worker) {
        (void) shutdown(worker->socket, SHUT_WR);
}

WorkerProcess *worker_abandon(WorkerProcess *worker) {
        if (worker) {
                worker->hooks = NULL;
                worker_cancel(worker);
        }
        return NULL;
}
