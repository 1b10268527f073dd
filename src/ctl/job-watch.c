/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "bus-json.h"
#include "fd-util.h"
#include "job-watch.h"
#include "string-util.h"
#include "time-util.h"

int job_append_options(sd_bus_message *m) {
        return sd_bus_message_append(m, "{sv}", "CancelOnDisconnect", "b", true);
}

static int on_progress(sd_bus_message *m, void *userdata, sd_bus_error *ignored) {
        Job *job = userdata;
        const char *id, *status;
        uint64_t current, total;

        if (!job->progress || !streq_ptr(sd_bus_message_get_path(m), job->path))
                return 0;
        if (sd_bus_message_read(m, "sstt", &id, &status, &current, &total) >= 0)
                (void) progress_update(job->progress, id, status, current, total);
        return 0;
}

static int on_finished(sd_bus_message *reply, void *userdata, sd_bus_error *ignored) {
        const sd_bus_error *e = sd_bus_message_get_error(reply);
        Job *job = userdata;

        job->done = true;
        if (e)
                (void) ctl_error_from_bus(e, 0, &job->error);
        else
                (void) bus_message_to_json(reply, &job->result);
        return 0;
}

/* What the job's items were before we listened. */
static void read_items(Job *job) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_error_ Error ignored = {};
        const char *id, *status;
        uint64_t current, total;

        if (ctl_call_method(job->ctl, job->path, "org.freedesktop.DBus.Properties", "Get", CALL_SHORT,
                            &reply, &ignored, "ss", JOB_INTERFACE, "Items") < 0 ||
            sd_bus_message_enter_container(reply, 'v', "a(sstt)") <= 0 ||
            sd_bus_message_enter_container(reply, 'a', "(sstt)") < 0)
                return;
        while (sd_bus_message_read(reply, "(sstt)", &id, &status, &current, &total) > 0)
                (void) progress_update(job->progress, id, status, current, total);
}

/* The path is the last of what the method returns. */
static int read_path(Job *job, sd_bus_message *reply) {
        const char *signature = sd_bus_message_get_signature(reply, true), *path;
        int r = 0;

        for (size_t i = 0; signature[i] && signature[i + 1] && r >= 0; i++) {
                char type[2] = { signature[i], 0 };
                r = sd_bus_message_skip(reply, type);
        }
        if (r < 0 || (r = sd_bus_message_read_basic(reply, 'o', &path)) < 0 || !(job->path = strdup(path)))
                return r < 0 ? r : -ENOMEM;
        return sd_bus_message_rewind(reply, true);
}

int job_start(Ctl *ctl, sd_bus_message *call, Progress *progress, Job *ret, sd_bus_message **ret_reply,
              Error *error) {
        _cleanup_message_ sd_bus_message *reply = NULL, *wait = NULL;
        int r;

        *ret = (Job){ .ctl = ctl, .progress = progress };
        /* Sent before the call, so nothing of the job can be missed. */
        if (progress &&
            (r = sd_bus_match_signal_async(ctl->bus, &ret->match, BERTH_SERVICE, NULL, JOB_INTERFACE,
                                           "Progress", on_progress, NULL, ret)) < 0)
                return error_set_errno(error, r, "cannot talk to berthd");
        if ((r = ctl_call(ctl, call, CALL_SHORT, &reply, error)) < 0)
                return r;
        if ((r = read_path(ret, reply)) < 0)
                return error_set_errno(error, r, "cannot understand berthd");
        if ((r = ctl_message_new(ctl, ret->path, JOB_INTERFACE, "Wait", &wait, error)) < 0)
                return r;
        if ((r = sd_bus_call_async(ctl->bus, &ret->wait, wait, on_finished, ret, CALL_FOR_EVER)) < 0)
                return error_set_errno(error, r, "cannot talk to berthd");
        if (progress)
                read_items(ret);
        if (ret_reply)
                *ret_reply = TAKE_PTR(reply);
        return 0;
}

static void cancel(Job *job) {
        _cleanup_message_ sd_bus_message *m = NULL;
        _cleanup_error_ Error ignored = {};

        job->cancelling = true;
        if (ctl_message_new(job->ctl, job->path, JOB_INTERFACE, "Cancel", &m, &ignored) >= 0 &&
            sd_bus_message_set_expect_reply(m, false) >= 0)
                (void) sd_bus_send(job->ctl->bus, m, NULL);
}

static int handle_interrupt(Job *job, int signals, Error *error) {
        struct signalfd_siginfo info;

        if (read(signals, &info, sizeof(info)) != sizeof(info))
                return 0;
        if (job->cancelling)
                return error_set(error, ERROR_CANCELLED, "interrupted");
        cancel(job);
        return 0;
}

static int wait_turn(Job *job, int signals, Error *error) {
        struct pollfd fds[] = {
                { .fd = sd_bus_get_fd(job->ctl->bus), .events = (short) sd_bus_get_events(job->ctl->bus) },
                { .fd = signals, .events = POLLIN },
        };
        uint64_t timeout = job->progress ? progress_timeout(job->progress) : USEC_INFINITY;

        int n = poll(fds, ELEMENTSOF(fds),
                     timeout == USEC_INFINITY ? -1 : (int) (timeout / USEC_PER_MSEC) + 1);
        if (n < 0 && errno != EINTR)
                return error_set_errno(error, negative_errno(), "cannot wait for berthd");
        if (job->progress)
                progress_tick(job->progress);
        return n > 0 && fds[1].revents ? handle_interrupt(job, signals, error) : 0;
}

static int wait_loop(Job *job, int signals, Error *error) {
        while (!job->done) {
                int r = sd_bus_process(job->ctl->bus, NULL);
                if (r < 0)
                        return error_set_errno(error, r, "the connection to the bus was lost");
                if (r == 0 && (r = wait_turn(job, signals, error)) < 0)
                        return r;
        }
        return 0;
}

int job_wait(Job *job, Error *error) {
        sigset_t set, before;

        sigemptyset(&set);
        (void) sigaddset(&set, SIGINT);
        (void) sigaddset(&set, SIGTERM);
        (void) sigprocmask(SIG_BLOCK, &set, &before);
        _cleanup_close_ int signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        int r = signals < 0 ? error_set_errno(error, negative_errno(), "cannot wait for berthd")
                            : wait_loop(job, signals, error);
        (void) sigprocmask(SIG_SETMASK, &before, NULL);
        if (r >= 0 && job->error.kind != ERROR_NONE) {
                error_move(error, &job->error);
                r = -error_kind_to_errno(error->kind);
        }
        if (job->progress)
                progress_finish(job->progress, r >= 0 ? NULL : job->cancelling ? "cancelled" : "failed");
        return r;
}

void job_done(Job *job) {
        sd_bus_slot_unref(job->match);
        sd_bus_slot_unref(job->wait);
        free(job->path);
        json_decref(job->result);
        error_done(&job->error);
}
