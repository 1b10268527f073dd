/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "client-session.h"
#include "fd-util.h"
#include "string-util.h"
#include "strv.h"
#include "verbs-ctl.h"

#define O(member) offsetof(AttachOptions, member)

const Option attach_options[] = {
        { 0, "detach-keys", "KEYS", "The keys that leave it running (ctrl-p,ctrl-q); empty for none",
          option_string, O(detach_keys) },
        { 0, "no-stdin", NULL, "Do not pass standard input on", option_flag, O(no_stdin) },
        { 0, "sig-proxy", NULL, "Pass signals on to it, when there is no terminal (the default)",
          option_flag, O(sig_proxy) },
        {},
};

const Option start_options[] = {
        { 'a', "attach", NULL, "Attach its output, pass signals on, and end as it ends", option_flag,
          O(attach) },
        { 0, "detach-keys", "KEYS", "The keys that leave it running (ctrl-p,ctrl-q); empty for none",
          option_string, O(detach_keys) },
        { 'i', "interactive", NULL, "Attach its standard input as well", option_flag, O(interactive) },
        { 0, "sig-proxy", NULL, "Pass signals on to it, when there is no terminal (the default)",
          option_flag, O(sig_proxy) },
        {},
};

void attach_options_init(void *options) {
        AttachOptions *o = options;

        o->sig_proxy = true;
}

static bool runs(const json_t *properties) {
        static const char *const words[] = { "starting", "running", "paused", "stopping" };
        const char *status = json_text(properties, "Status");

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (streq(status, words[i]))
                        return true;
        return false;
}

/* What the container was created with decides what can be attached. */
static int find(Ctl *ctl, const char *name, char **ret_path, json_t **ret_properties, Error *error) {
        int r = ctl_find_container(ctl, name, ret_path, error);

        return r < 0 ? r : ctl_properties(ctl, *ret_path, CONTAINER_INTERFACE, ret_properties, error);
}

static int attach(Ctl *ctl, SessionOptions *session, Error *error) {
        int r = session_check_terminal(session->terminal, session->standard_input, error);

        if (r < 0)
                return r;
        _cleanup_close_ int stream = session_attach(ctl, session, error);
        return stream < 0 ? stream : session_run(ctl, session, stream, NULL, error);
}

int verb_attach(void *context, char **arguments, void *options, Error *error) {
        const AttachOptions *o = options;
        _cleanup_json_ json_t *properties = NULL;
        _cleanup_free_ char *path = NULL;

        int r = find(context, arguments[0], &path, &properties, error);
        if (r < 0)
                return r;
        if (!runs(properties))
                return error_set(error, ERROR_NOT_RUNNING,
                                 "cannot attach to \"%s\": it is not running (berthctl start -ai %s)",
                                 arguments[0], arguments[0]);
        SessionOptions session = {
                .name = arguments[0],
                .path = path,
                .standard_input = !o->no_stdin && json_flag(properties, "OpenStdin"),
                .standard_output = true,
                .standard_error = true,
                .terminal = json_flag(properties, "Terminal"),
                .proxy_signals = o->sig_proxy,
                .redraw = true,
                .detach_keys = o->detach_keys,
        };
        return attach(context, &session, error);
}

static int start_attached(Ctl *ctl, const char *name, const AttachOptions *o, Error *error) {
        _cleanup_json_ json_t *properties = NULL;
        _cleanup_free_ char *path = NULL;

        int r = find(ctl, name, &path, &properties, error);
        if (r < 0)
                return r;
        SessionOptions session = {
                .name = name,
                .path = path,
                .standard_input = o->interactive && json_flag(properties, "OpenStdin"),
                .standard_output = true,
                .standard_error = true,
                .terminal = json_flag(properties, "Terminal"),
                .proxy_signals = o->sig_proxy,
                .start = !runs(properties),
                .detach_keys = o->detach_keys,
        };
        return attach(ctl, &session, error);
}

static int append_nothing(sd_bus_message *m, void *userdata) {
        return sd_bus_message_append(m, "a{sv}", 0);
}

int verb_start(void *context, char **arguments, void *options, Error *error) {
        static const EachCall call = { "start", "Start", append_nothing, .already_is_fine = true };
        const AttachOptions *o = options;

        if (!o->attach && !o->interactive)
                return ctl_call_each(context, arguments, &call, error);
        if (strv_length(arguments) > 1)
                return error_set(error, ERROR_INVALID, "only one container can be attached at a time");
        int r = start_attached(context, arguments[0], o, error);
        if (r >= 0)
                return r;
        /* A failure to start is told by the status, as with run. */
        ctl_report(error);
        return error_kind_to_exit_status(error->kind);
}
