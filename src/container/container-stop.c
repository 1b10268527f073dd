/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <signal.h>

#include "container-private.h"
#include "log.h"
#include "parse-util.h"
#include "process-util.h"
#include "restart-policy.h"
#include "string-util.h"
#include "time-util.h"

static void stop_options_init(void *object) {
        StopOptions *options = object;

        options->timeout = STOP_TIMEOUT_UNSET;
}

static const Field stop_options_fields[] = {
        { "Signal", FIELD_STRING, offsetof(StopOptions, signal), .max = 32 },
        { "TimeoutUSec", FIELD_DURATION, offsetof(StopOptions, timeout) },
        {},
};
const ObjectType stop_options_type = { "stop options", sizeof(StopOptions), stop_options_fields,
                                       stop_options_init };

static int not_running(const Container *c, Error *error) {
        return error_set(error, ERROR_NOT_RUNNING, "container \"%s\" is not running", c->spec.name);
}

void container_cancel_stop(Container *c) {
        c->stop_timer = sd_event_source_disable_unref(c->stop_timer);
        c->stop_question = sd_bus_slot_unref(c->stop_question);
}

static int on_stop_timeout(sd_event_source *source, uint64_t usec, void *userdata) {
        Container *c = userdata;

        container_kill_all(c);
        return 0;
}

/* An earlier time-out stays when it comes first. */
static int arm_stop_timer(Container *c, uint64_t timeout) {
        uint64_t now = now_usec(CLOCK_MONOTONIC), due;

        if (timeout > USEC_INFINITY - now)
                return 0;
        if (c->stop_timer && sd_event_source_get_time(c->stop_timer, &due) >= 0 && due <= now + timeout)
                return 0;
        c->stop_timer = sd_event_source_disable_unref(c->stop_timer);
        return sd_event_add_time_relative(c->context->event, &c->stop_timer, CLOCK_MONOTONIC, timeout,
                                          USEC_PER_MSEC, on_stop_timeout, c);
}

static void tell_signal(Container *c, int signal) {
        char number[16];

        snprintf(number, sizeof(number), "%d", signal);
        container_tell_one(c, "kill", "signal", number);
}

static int begin_stop(Container *c, int signal, uint64_t timeout, Error *error) {
        bool paused = c->state.status == CONTAINER_PAUSED;
        int r;

        if (!c->executed) {
                /* PID 1 has no handler yet, so a signal would mean nothing to it. */
                _cleanup_error_ Error why = {};
                error_set(&why, ERROR_CANCELLED, "container \"%s\" was stopped while it started",
                          c->spec.name);
                container_start_abort(c, &why);
                return 0;
        }
        if (c->state.status != CONTAINER_STOPPING) {
                c->state.status = CONTAINER_STOPPING;
                (void) container_save_state(c);
                container_changed_status(c);
        }
        if ((r = arm_stop_timer(c, timeout)) < 0)
                return error_set_errno(error, r, "cannot set a timer");
        if (timeout == 0)
                container_kill_all(c);
        else if ((r = pidfd_signal(c->leader_fd, signal)) < 0 && r != -ESRCH)
                return error_set_errno(error, r, "cannot signal container \"%s\"", c->spec.name);
        tell_signal(c, timeout == 0 ? SIGKILL : signal);
        if (paused)
                container_thaw(c);
        return 0;
}

static void end_restarting(Container *c) {
        c->restart_timer = sd_event_source_disable_unref(c->restart_timer);
        c->state.status = CONTAINER_EXITED;
        c->state.manually_stopped = true;
        (void) container_save_state(c);
        container_changed_status(c);
        container_wake(c, EDGE_STOPPED, NULL);
}

static int stop_signal(const Container *c, const StopOptions *options, Error *error) {
        if (!options || isempty(options->signal))
                return c->effective.stop_signal;
        int signal = parse_signal(options->signal);
        return signal > 0 ? signal
                          : error_set(error, ERROR_INVALID, "unknown signal \"%s\"", options->signal);
}

int container_stop(Container *c, const StopOptions *options, ContainerDone done, void *userdata,
                   Error *error) {
        uint64_t timeout =
                options && options->timeout != STOP_TIMEOUT_UNSET ? options->timeout : c->spec.stop_timeout;

        int signal = stop_signal(c, options, error);
        if (signal < 0)
                return signal;
        if (c->state.status == CONTAINER_RESTARTING) {
                end_restarting(c);
                return container_wait(c, EDGE_STOPPED, done, userdata);
        }
        if (!container_is_active(c))
                return error_set(error, ERROR_ALREADY, "container \"%s\" is not running", c->spec.name);
        c->state.manually_stopped = true;
        int r = container_wait(c, EDGE_STOPPED, done, userdata);
        if (r < 0)
                return error_set_errno(error, r, "cannot wait for the end of \"%s\"", c->spec.name);
        _cleanup_error_ Error failure = {};
        if (begin_stop(c, signal, timeout, &failure) < 0)
                container_wake(c, EDGE_STOPPED, &failure);
        return 0;
}

int container_kill(Container *c, int signal, Error *error) {
        int r;

        if (c->state.status == CONTAINER_RESTARTING && signal == SIGKILL) {
                end_restarting(c);
                return 0;
        }
        if (!container_is_active(c) || !c->executed)
                return not_running(c, error);
        if ((r = pidfd_signal(c->leader_fd, signal)) < 0)
                return r == -ESRCH
                               ? not_running(c, error)
                               : error_set_errno(error, r, "cannot signal container \"%s\"", c->spec.name);
        /* Whoever sends the signal that ends it wants it ended. */
        if (signal == SIGKILL || signal == c->effective.stop_signal) {
                c->state.manually_stopped = true;
                (void) container_save_state(c);
        }
        tell_signal(c, signal);
        return 0;
}

/* ---- restart by request ---- */

typedef struct Restart {
        ContainerDone done;
        void *userdata;
} Restart;

static void finish_restart(Container *c, Restart *restart, const Error *error) {
        if (!error)
                container_tell(c, "restart", NULL);
        if (restart->done)
                restart->done(c, error, restart->userdata);
        free(restart);
}

static void on_restart_started(Container *c, const Error *error, void *userdata) {
        finish_restart(c, userdata, error);
}

static void on_restart_stopped(Container *c, const Error *why, void *userdata) {
        _cleanup_error_ Error error = {};

        if (why) {
                finish_restart(c, userdata, why);
                return;
        }
        if (container_start(c, NULL, on_restart_started, userdata, &error) < 0)
                finish_restart(c, userdata, &error);
}

int container_restart(Container *c, const StopOptions *options, ContainerDone done, void *userdata,
                      Error *error) {
        Restart *restart = new0(Restart, 1);

        if (!restart)
                return error_set_errno(error, -ENOMEM, "cannot restart \"%s\"", c->spec.name);
        *restart = (Restart){ .done = done, .userdata = userdata };
        int r = container_is_active(c) ? container_stop(c, options, on_restart_stopped, restart, error)
                                       : container_start(c, NULL, on_restart_started, restart, error);
        if (r < 0)
                free(restart);
        return r;
}

/* ---- the restart policy ---- */

static int on_restart_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        container_start_again(userdata);
        return 0;
}

void container_arm_restart(Container *c, bool executed) {
        uint64_t ran =
                executed && c->state.finished > c->state.started ? c->state.finished - c->state.started : 0;

        c->restart_delay = restart_policy_delay(c->restart_delay, ran);
        c->state.restart_count++;
        c->restart_timer = sd_event_source_disable_unref(c->restart_timer);
        int r = sd_event_add_time_relative(c->context->event, &c->restart_timer, CLOCK_MONOTONIC,
                                           c->restart_delay, USEC_PER_MSEC, on_restart_timer, c);
        if (r < 0)
                log_error_errno(r, "Failed to set a timer for the restart of container %s: %m",
                                c->spec.name);
}

/* ---- systemd wants it to stop ---- */

static int on_stopping_answer(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        _cleanup_error_ Error error = {};
        Container *c = userdata;

        c->stop_question = sd_bus_slot_unref(c->stop_question);
        /* `systemctl stop` is a person's wish; a shutdown is not, and what it stops comes back at the next boot. */
        if (systemd_is_stopping(reply))
                c->context->shutting_down = c->stopped_by_host = true;
        else
                c->state.manually_stopped = true;
        if (begin_stop(c, c->effective.stop_signal, c->spec.stop_timeout, &error) < 0)
                log_error("Failed to stop container %s for systemd: %s", c->spec.name, error_text(&error));
        return 1;
}

void container_request_stop(Container *c) {
        if (!container_is_active(c) || c->stop_question)
                return;
        if (systemd_ask_stopping(c->context->systemd, on_stopping_answer, c, &c->stop_question) < 0)
                log_oom();
}

void container_resume_stop(Container *c) {
        if (arm_stop_timer(c, c->spec.stop_timeout) < 0)
                container_kill_all(c);
}
