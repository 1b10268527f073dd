/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "byte-stream.h"
#include "report.h"
#include "string-util.h"
#include "strv.h"
#include "time-util.h"

/* ---- being asked to stop ---- */

static atomic_bool cancelled;
static int cancel_event = -EBADF;

static void on_sigterm(int signal_number) {
        PROTECT_ERRNO;

        cancelled = true;
        (void) eventfd_write(cancel_event, 1);
}

int report_setup(void) {
        struct sigaction action = { .sa_handler = on_sigterm };

        cancel_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (cancel_event < 0 || sigaction(SIGTERM, &action, NULL) < 0 ||
            sigaction(SIGINT, &action, NULL) < 0)
                return negative_errno();
        action.sa_handler = SIG_IGN;
        return sigaction(SIGPIPE, &action, NULL) < 0 ? negative_errno() : 0;
}

bool worker_cancelled(void) {
        return cancelled;
}

int worker_cancel_fd(void) {
        return cancel_event;
}

int worker_set_cancelled(Error *error) {
        return error_set(error, ERROR_CANCELLED, "cancelled");
}

/* ---- progress ---- */

#define PROGRESS_INTERVAL (100 * USEC_PER_MSEC)

typedef struct Item {
        char *id, *status;
        uint64_t sent; /* when, monotonic */
} Item;

static pthread_mutex_t items_mutex = PTHREAD_MUTEX_INITIALIZER;
static Item *items;
static size_t n_items, items_allocated;

static Item *find_item(const char *id) {
        for (size_t i = 0; i < n_items; i++)
                if (streq(items[i].id, id))
                        return &items[i];
        if (array_reserve(&items, &items_allocated, n_items + 1, sizeof(Item)) < 0)
                return NULL;
        items[n_items] = (Item){ .id = strdup(id) };
        return items[n_items].id ? &items[n_items++] : NULL;
}

void worker_progress(Worker *worker, const char *id, const char *status, uint64_t current, uint64_t total) {
        WorkerProgress progress = { (char *) id, (char *) status, current, total };
        uint64_t now = now_usec(CLOCK_MONOTONIC);
        bool due = false;

        pthread_mutex_lock(&items_mutex);
        Item *item = find_item(id);
        if (item && (!streq_ptr(item->status, status) || now - item->sent >= PROGRESS_INTERVAL)) {
                due = free_and_strdup(&item->status, status) >= 0;
                item->sent = now;
        }
        /* Within the lock, so that the last word is the latest. Without a reader nothing is lost but the news. */
        if (due)
                (void) worker_send_progress(worker->socket, &progress);
        pthread_mutex_unlock(&items_mutex);
}

/* ---- results ---- */

static int send_result(Worker *worker, const WorkerResult *result, Error *error) {
        int r = worker_send_result(worker->socket, result);

        return r < 0 && r != -EMSGSIZE ? error_set_errno(error, r, "can't report to berthd") : r;
}

int report_result(Worker *worker, const WorkerResult *result, Error *error) {
        int r = send_result(worker, result, error);

        return r == -EMSGSIZE ? error_set_errno(error, r, "can't report to berthd") : r;
}

int worker_send_image(Worker *worker, const ImageRecord *record, char *const *names, bool existed,
                      Error *error) {
        WorkerImage image = { .record = *record, .names = (char **) names };
        WorkerResult result = { .images = { .items = &image, .n = 1 }, .existed = existed };
        int r = send_result(worker, &result, error);

        if (r == -EMSGSIZE) {
                image.record.history = (List){};
                image.record.config = (ImageConfig){};
                r = report_result(worker, &result, error);
        }
        return r;
}

int report_document(Worker *worker, int fd, const json_t *document, Error *error) {
        _cleanup_free_ char *text = json_dumps(document, JSON_COMPACT);
        _cleanup_(fd_sink_done) FdSink output = {};
        const WorkerResult result = {};

        if (!text || fd_sink_init(&output, fd, worker_cancel_fd(), "the report") < 0)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        Sink sink = fd_sink(&output);
        int r = sink_write(&sink, text, strlen(text), error);
        if (r >= 0)
                r = fd_sink_flush(&output, error);
        return r < 0 ? r : report_result(worker, &result, error);
}

/* ---- the store's hooks ---- */

static void on_progress(void *userdata, const char *id, const char *status, uint64_t current,
                        uint64_t total) {
        worker_progress(userdata, id, status, current, total);
}

static bool on_cancelled(void *userdata) {
        return worker_cancelled();
}

int report_open_content(Worker *worker, ContentStore **ret, Error *error) {
        ContentHooks hooks = { .progress = on_progress, .cancelled = on_cancelled, .userdata = worker };

        return content_open(worker->request.state_directory, &hooks, ret, error);
}
