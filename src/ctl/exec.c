/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "client-session.h"
#include "container-spec.h"
#include "env-file.h"
#include "fd-util.h"
#include "object-bus.h"
#include "string-util.h"
#include "strv.h"
#include "terminal.h"
#include "verbs-ctl.h"

#define O(member) offsetof(ExecOptions, member)

const Option exec_options[] = {
        { 'd', "detach", NULL, "Do not wait for it", option_flag, O(detach) },
        { 0, "detach-keys", "KEYS", "The keys that leave it running (ctrl-p,ctrl-q); empty for none",
          option_string, O(detach_keys) },
        { 'e', "env", "NAME[=VALUE]", "Set an environment variable, without a value to the one it has here",
          option_strings, O(environment) },
        { 0, "env-file", "FILE", "Set those in a file, a NAME=VALUE a line", option_strings, O(env_files),
          WORD_FILE },
        { 'i', "interactive", NULL, "Pass standard input on", option_flag, O(interactive) },
        { 0, "privileged", NULL, "With all capabilities", option_flag, O(privileged) },
        { 't', "tty", NULL, "Give it a terminal", option_flag, O(terminal) },
        { 'u', "user", "USER[:GROUP]", "Run it as this user of the container", option_string, O(user) },
        { 'w', "workdir", "PATH", "The folder that it starts in", option_string, O(directory) },
        {},
};

void exec_options_done(void *options) {
        ExecOptions *o = options;

        strv_free(o->environment);
        strv_free(o->env_files);
}

static const char *from_environment(const char *name) {
        return getenv(name);
}

static void spec_done(ExecSpec *spec) {
        object_done(&exec_spec_type, spec);
}

static int make_spec(const ExecOptions *o, char **command, ExecSpec *spec, Error *error) {
        unsigned rows, columns;
        int r;

        object_init(&exec_spec_type, spec);
        spec->terminal = o->terminal;
        spec->open_stdin = o->interactive && !o->detach;
        spec->detach = o->detach;
        spec->privileged = o->privileged;
        STRV_FOREACH(file, o->env_files)
                if ((r = env_file_load(*file, from_environment, &spec->environment, error)) < 0)
                        return r;
        STRV_FOREACH(assignment, o->environment)
                if ((r = env_put(*assignment, from_environment, &spec->environment, error)) < 0)
                        return r;
        if (strv_copy_into(command, &spec->command) < 0 || free_and_strdup(&spec->user, o->user) < 0 ||
            free_and_strdup(&spec->working_directory, o->directory) < 0)
                return error_set_errno(error, -ENOMEM, "cannot execute");
        if (o->terminal && (terminal_size(STDIN_FILENO, &rows, &columns) >= 0 ||
                            terminal_size(STDOUT_FILENO, &rows, &columns) >= 0)) {
                spec->rows = rows;
                spec->columns = columns;
        }
        return exec_spec_type.validate(spec, error);
}

/* Returns the stream. */
static int call_exec(Ctl *ctl, const char *path, const ExecSpec *spec, Error *error) {
        _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
        int fd;

        int r = ctl_message_new(ctl, path, CONTAINER_INTERFACE, "Exec", &m, error);
        if (r < 0)
                return r;
        if ((r = object_append_bus(&exec_spec_type, spec, m, 0)) < 0)
                return error_set_errno(error, r, "cannot talk to berthd");
        if ((r = ctl_call(ctl, m, CALL_FOR_EVER, &reply, error)) < 0)
                return r;
        if ((r = sd_bus_message_read(reply, "sh", NULL, &fd)) < 0)
                return error_set_errno(error, r, "cannot understand berthd");
        int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        return copy < 0 ? error_set_errno(error, negative_errno(), "cannot execute") : copy;
}

int verb_exec(void *context, char **arguments, void *options, Error *error) {
        _cleanup_(spec_done) ExecSpec spec = {};
        _cleanup_free_ char *path = NULL;
        const ExecOptions *o = options;
        int r;

        if ((r = make_spec(o, arguments + 1, &spec, error)) < 0 ||
            (!o->detach && (r = session_check_terminal(o->terminal, o->interactive, error)) < 0) ||
            (r = ctl_find_container(context, arguments[0], &path, error)) < 0)
                return r;
        _cleanup_close_ int stream = call_exec(context, path, &spec, error);
        if (stream < 0)
                return ctl_cannot(error, stream, "execute in", arguments[0]);
        if (o->detach)
                return EXIT_SUCCESS;
        SessionOptions session = {
                .name = arguments[0],
                .path = path,
                .standard_input = o->interactive,
                .standard_output = true,
                .standard_error = true,
                .terminal = o->terminal,
                .detach_keys = o->detach_keys,
                .action = "execute in",
        };
        return session_run(context, &session, stream, NULL, error);
}
