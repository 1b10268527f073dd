/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fd-util.h"
#include "job.h"
#include "log.h"
#include "string-util.h"
#include "strv.h"

/* Each reader of a log is a worker that writes to the caller's stream. While the container runs, a following one is
 * told of its end by the end of the control socket. */
typedef struct LogReader {
        Manager *manager;
        Container *container; /* NULL: has ended */
        WorkerProcess *worker;
        TAILQ_ENTRY(LogReader) list;
} LogReader;

static void logs_options_init(void *object) {
        LogsOptions *options = object;

        options->tail = UINT64_MAX;
}

#define F(member) offsetof(LogsOptions, member)
static const Field logs_options_fields[] = {
        { "Follow", FIELD_BOOL, F(follow) },
        { "Tail", FIELD_UINT64, F(tail) },
        { "Since", FIELD_UINT64, F(since) },
        { "Until", FIELD_UINT64, F(until) },
        { "Stdout", FIELD_BOOL, F(standard_output) },
        { "Stderr", FIELD_BOOL, F(standard_error) },
        {},
};
const ObjectType logs_options_type = { "logs options", sizeof(LogsOptions), logs_options_fields,
                                       logs_options_init };

static void free_reader(LogReader *reader) {
        TAILQ_REMOVE(&reader->manager->log_readers, reader, list);
        reader->manager->n_log_readers--;
        free(reader);
}

static void on_ended(const Error *error, void *userdata) {
        if (error)
                log_debug("A log reader ended: %s", error_text(error));
        free_reader(userdata);
}

static int make_request(const Container *c, const LogsOptions *options, WorkerRequest *request) {
        bool both = !options->standard_output && !options->standard_error;
        int r;

        if ((r = free_and_strdup(&request->verb, "logs")) < 0 ||
            (r = free_and_strdup(&request->state_directory, STATE_DIRECTORY)) < 0 ||
            (r = free_and_strdup(&request->id, c->spec.id)) < 0 ||
            (r = free_and_strdup(&request->name, c->spec.name)) < 0)
                return r;
        request->follow = options->follow;
        request->running = container_is_active(c);
        request->standard_output = both || options->standard_output;
        request->standard_error = both || options->standard_error;
        request->tail_set = options->tail != UINT64_MAX;
        request->tail = request->tail_set ? options->tail : 0;
        request->since = options->since;
        request->until = options->until;
        return 0;
}

int manager_read_logs(Manager *m, Container *c, const LogsOptions *options, int *ret_fd, Error *error) {
        static const WorkerHooks hooks = { .ended = on_ended };
        WorkerRequest request;
        int sockets[2];

        if (m->n_log_readers >= LOG_READERS_MAX)
                return error_set(error, ERROR_LIMIT, "%d logs are being read already", LOG_READERS_MAX);
        int r = socket_pair(SOCK_SEQPACKET, 0, sockets);
        if (r < 0)
                return error_set_errno(error, r, "cannot make a stream");
        _cleanup_close_ int theirs = sockets[0], ours = sockets[1];
        _cleanup_free_ LogReader *reader = new0(LogReader, 1);
        if (!reader)
                return error_set_errno(error, -ENOMEM, "cannot read the log of \"%s\"", c->spec.name);
        *reader = (LogReader){ .manager = m, .container = container_is_active(c) ? c : NULL };

        object_init(&worker_request_type, &request);
        r = make_request(c, options, &request);
        if (r >= 0)
                r = worker_start(m->event, &request, &ours, 1, &hooks, reader, &reader->worker, error);
        object_done(&worker_request_type, &request);
        if (r < 0)
                return error_set_errno(error, r, "cannot read the log of \"%s\"", c->spec.name);
        TAILQ_INSERT_TAIL(&m->log_readers, reader, list);
        m->n_log_readers++;
        TAKE_PTR(reader);
        *ret_fd = TAKE_FD(theirs);
        return 0;
}

void manager_end_logs(Manager *m, Container *c) {
        LogReader *reader, *next;

        for (reader = TAILQ_FIRST(&m->log_readers); reader; reader = next) {
                next = TAILQ_NEXT(reader, list);
                if (!c) { /* berthd ends */
                        worker_abandon(reader->worker);
                        free_reader(reader);
                } else if (reader->container == c) {
                        reader->container = NULL;
                        worker_hang_up(reader->worker);
                }
        }
}
