/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "string-util.h"
#include "time-util.h"
#include "verbs-ctl.h"

#define O(member) offsetof(LifecycleOptions, member)

const Option stop_options[] = {
        { 's', "signal", "SIGNAL", "Send this signal instead of its own stop signal", option_signal,
          O(signal), WORD_SIGNAL },
        { 't', "time", "SECONDS", "How long to wait before it is killed, -1 for ever", option_duration,
          O(timeout) },
        { 0, "timeout", "SECONDS", NULL, option_duration, O(timeout) },
        {},
};

const Option kill_options[] = {
        { 's', "signal", "SIGNAL", "Send this signal instead of SIGKILL", option_signal, O(signal),
          WORD_SIGNAL },
        {},
};

const Option wait_options[] = {
        { 0, "condition", "WHAT",
          "Wait until it is not-running (the default), for its next-exit, or until it is removed or healthy",
          option_choice, O(condition), WORD_CHOICE, "not-running|next-exit|removed|healthy" },
        {},
};

const Option rm_options[] = {
        { 'f', "force", NULL, "Kill it when it runs; one that does not exist is no error", option_flag,
          O(force) },
        { 'v', "volumes", NULL, "With its anonymous volumes", option_flag, O(volumes) },
        { 'l', "link", NULL, NULL, option_flag, O(link) },
        {},
};

static int append_stop(sd_bus_message *m, void *userdata) {
        const LifecycleOptions *o = userdata;
        int r;

        if ((r = sd_bus_message_open_container(m, 'a', "{sv}")) < 0)
                return r;
        if (o->signal && (r = sd_bus_message_append(m, "{sv}", "Signal", "s", o->signal)) < 0)
                return r;
        if (o->timeout.set &&
            (r = sd_bus_message_append(m, "{sv}", "TimeoutUSec", "t", o->timeout.usec)) < 0)
                return r;
        return sd_bus_message_close_container(m);
}

int verb_stop(void *context, char **arguments, void *options, Error *error) {
        const EachCall call = { "stop", "Stop", append_stop, options, .already_is_fine = true };

        return ctl_call_each(context, arguments, &call, error);
}

int verb_restart(void *context, char **arguments, void *options, Error *error) {
        const EachCall call = { "restart", "Restart", append_stop, options };

        return ctl_call_each(context, arguments, &call, error);
}

static int append_signal(sd_bus_message *m, void *userdata) {
        const LifecycleOptions *o = userdata;

        return sd_bus_message_append(m, "s", o->signal ?: "SIGKILL");
}

int verb_kill(void *context, char **arguments, void *options, Error *error) {
        const EachCall call = { "kill", "Kill", append_signal, options };

        return ctl_call_each(context, arguments, &call, error);
}

int verb_pause(void *context, char **arguments, void *options, Error *error) {
        static const EachCall call = { "pause", "Pause" };

        return ctl_call_each(context, arguments, &call, error);
}

int verb_unpause(void *context, char **arguments, void *options, Error *error) {
        static const EachCall call = { "unpause", "Unpause" };

        return ctl_call_each(context, arguments, &call, error);
}

/* ---- wait ---- */

static int print_exit_code(const char *name, sd_bus_message *reply, void *userdata) {
        int32_t code;

        int r = sd_bus_message_read_basic(reply, 'i', &code);
        if (r >= 0)
                printf("%d\n", code);
        return r;
}

/* In the order of the names, and across restarts of berthd. */
static int wait_for_one(Ctl *ctl, const char *name, const char *condition, Error *error) {
        _cleanup_free_ char *path = NULL;

        int r = ctl_find_container(ctl, name, &path, error);
        while (r >= 0) {
                _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
                _cleanup_bus_error_ sd_bus_error e = SD_BUS_ERROR_NULL;

                if ((r = ctl_message_new(ctl, path, CONTAINER_INTERFACE, "Wait", &m, error)) < 0)
                        return r;
                if ((r = sd_bus_message_append(m, "s", condition)) < 0)
                        return error_set_errno(error, r, "cannot talk to berthd");
                r = sd_bus_call(ctl->bus, m, CALL_FOR_EVER, &e, &reply);
                if (r >= 0)
                        return print_exit_code(name, reply, NULL);
                if (!ctl_error_is_disconnect(&e))
                        return ctl_error_from_bus(&e, r, error);
                r = 0;
        }
        return r;
}

int verb_wait(void *context, char **arguments, void *options, Error *error) {
        const LifecycleOptions *o = options;
        int status = EXIT_SUCCESS;

        for (char **name = arguments; *name; name++) {
                _cleanup_error_ Error own = {};
                int r = wait_for_one(context, *name, o->condition ?: "not-running", &own);
                if (r < 0) {
                        (void) ctl_cannot(&own, r, "wait for", *name);
                        ctl_report(&own);
                        status = EXIT_FAILURE;
                }
                fflush(stdout);
        }
        return status;
}

/* ---- rename, rm ---- */

int verb_rename(void *context, char **arguments, void *options, Error *error) {
        _cleanup_free_ char *path = NULL;

        int r = ctl_find_container(context, arguments[0], &path, error);
        if (r >= 0)
                r = ctl_call_method(context, path, CONTAINER_INTERFACE, "Rename", CALL_SHORT, NULL, error,
                                    "s", arguments[1]);
        return r < 0 ? ctl_cannot(error, r, "rename", arguments[0]) : EXIT_SUCCESS;
}

static int append_force(sd_bus_message *m, void *userdata) {
        const LifecycleOptions *o = userdata;

        return sd_bus_message_append(m, "a{sv}", 2, "Force", "b", o->force, "Volumes", "b", o->volumes);
}

int verb_rm(void *context, char **arguments, void *options, Error *error) {
        const LifecycleOptions *o = options;
        const EachCall call = { "remove", "Remove", append_force, options, .missing_is_fine = o->force };

        return ctl_call_each(context, arguments, &call, error);
}
