/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "client-session.h"
#include "create-options.h"
#include "fd-util.h"
#include "object-bus.h"
#include "string-util.h"
#include "strv.h"
#include "verbs-ctl.h"

/* A container that was just made. */
typedef struct Created {
        char *path;
        char *name;
} Created;

static void created_done(Created *created) {
        free(created->path);
        free(created->name);
}

static int call_create(Ctl *ctl, const CreateOptions *o, Created *ret, Error *error) {
        _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
        const char *path;

        int r = ctl_message_new(ctl, NULL, NULL, "CreateContainer", &m, error);
        if (r < 0)
                return r;
        if ((r = sd_bus_message_append(m, "s", strempty(o->name))) < 0 ||
            (r = object_append_bus(&container_spec_type, &o->spec, m, 0)) < 0)
                return error_set_errno(error, r, "cannot talk to berthd");
        if ((r = ctl_call(ctl, m, CALL_SHORT, &reply, error)) < 0)
                return r;
        if ((r = sd_bus_message_read_basic(reply, 'o', &path)) < 0 ||
            (r = sd_bus_path_decode(path, BERTH_PATH "/container", &ret->name)) <= 0 ||
            !(ret->path = strdup(path)))
                return error_set_errno(error, r < 0 ? r : -EBADMSG, "cannot understand berthd");
        return 0;
}

static int pull_image(Ctl *ctl, const CreateOptions *o, const char *policy, Error *error) {
        return transfer_pull(ctl, o->spec.image, o->platform, policy, o->quiet, stderr, error);
}

/* Creates it; an image that is not here, or not for the platform, is pulled, unless that was ruled out. */
static int create(Ctl *ctl, const CreateOptions *o, Created *ret, Error *error) {
        const char *pull = o->pull ?: "missing";
        bool missing = streq(pull, "missing"), never = streq(pull, "never");
        int r;

        if (((!missing && !never) || (missing && o->platform)) && (r = pull_image(ctl, o, pull, error)) < 0)
                return r;
        _cleanup_error_ Error first = {};
        r = call_create(ctl, o, ret, &first);
        if (r >= 0)
                return r;
        if (first.kind == ERROR_NO_SUCH_IMAGE && never)
                return error_set(error, first.kind,
                                 "the image %s is not here, and --pull=never forbids asking its registry "
                                 "(berthctl pull %s gets it)",
                                 o->spec.image, o->spec.image);
        if (first.kind != ERROR_NO_SUCH_IMAGE || !missing) {
                error_move(error, &first);
                return o->name ? ctl_cannot(error, r, "create", o->name) : r;
        }
        if ((r = pull_image(ctl, o, "missing", error)) < 0)
                return r;
        return call_create(ctl, o, ret, error);
}

/* ---- --cidfile ---- */

typedef struct IdFile {
        const char *path;
        int fd;
        bool written;
} IdFile;

/* A file without an id in it is of no use to anybody. */
static void id_file_done(IdFile *file) {
        if (file->fd >= 0 && !file->written)
                (void) unlink(file->path);
        safe_close(file->fd);
}

static int id_file_open(IdFile *file, const char *path, Error *error) {
        *file = (IdFile){ .path = path, .fd = -EBADF };
        if (!path)
                return 0;
        file->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file->fd < 0 && errno == EEXIST)
                return error_set(
                        error, ERROR_NAME_TAKEN,
                        "--cidfile: %s exists already (of another container? remove it, or choose another)",
                        path);
        return file->fd < 0 ? error_set_errno(error, negative_errno(), "--cidfile: cannot write %s", path)
                            : 0;
}

static int id_file_write(Ctl *ctl, IdFile *file, const Created *created, Error *error) {
        _cleanup_json_ json_t *properties = NULL;

        if (file->fd < 0)
                return 0;
        int r = ctl_properties(ctl, created->path, CONTAINER_INTERFACE, &properties, error);
        if (r < 0)
                return r;
        const char *id = json_text(properties, "Id");
        r = write_full(file->fd, id, strlen(id));
        if (r < 0)
                return error_set_errno(error, r, "--cidfile: cannot write %s", file->path);
        file->written = true;
        return 0;
}

static int create_with_id_file(Ctl *ctl, CreateOptions *o, char **arguments, Created *ret, Error *error) {
        _cleanup_(id_file_done) IdFile file = { .fd = -EBADF };
        int r;

        if ((r = create_options_finish(o, arguments, error)) < 0 ||
            (r = id_file_open(&file, o->cidfile, error)) < 0 || (r = create(ctl, o, ret, error)) < 0)
                return r;
        return id_file_write(ctl, &file, ret, error);
}

int verb_create(void *context, char **arguments, void *options, Error *error) {
        _cleanup_(created_done) Created created = {};
        CreateOptions *o = options;

        o->spec.stdin_once = false;
        int r = create_with_id_file(context, o, arguments, &created, error);
        if (r < 0)
                return r;
        puts(created.name);
        return EXIT_SUCCESS;
}

/* ---- run ---- */

/* Which streams: those that -a names, or what there is. */
static int choose_streams(const CreateOptions *o, SessionOptions *session, Error *error) {
        STRV_FOREACH(name, o->attach) {
                if (strcasecmp(*name, "stdin") == 0)
                        session->standard_input = true;
                else if (strcasecmp(*name, "stdout") == 0)
                        session->standard_output = true;
                else if (strcasecmp(*name, "stderr") == 0)
                        session->standard_error = true;
                else
                        return error_set(error, ERROR_INVALID,
                                         "--attach: \"%s\" is not one of stdin, stdout, stderr", *name);
        }
        if (!o->attach) {
                session->standard_input = o->spec.open_stdin;
                session->standard_output = session->standard_error = true;
        }
        return 0;
}

static int start_detached(Ctl *ctl, const CreateOptions *o, const Created *created, Error *error) {
        int r = ctl_call_method(ctl, created->path, CONTAINER_INTERFACE, "Start", CALL_FOR_EVER, NULL, error,
                                "a{sv}", 0);

        if (r < 0)
                return ctl_cannot(error, r, "start", created->name);
        puts(created->name);
        return EXIT_SUCCESS;
}

/* With --rm the container is gone when we are: whoever runs the same name next may rely on it. */
static void wait_for_removal(Ctl *ctl, const Created *created) {
        for (;;) {
                _cleanup_bus_error_ sd_bus_error e = SD_BUS_ERROR_NULL;
                _cleanup_message_ sd_bus_message *m = NULL;
                _cleanup_error_ Error ignored = {};

                if (ctl_message_new(ctl, created->path, CONTAINER_INTERFACE, "Wait", &m, &ignored) < 0 ||
                    sd_bus_message_append(m, "s", "removed") < 0)
                        return;
                if (sd_bus_call(ctl->bus, m, CALL_FOR_EVER, &e, NULL) >= 0 || !ctl_error_is_disconnect(&e))
                        return;
        }
}

/* A start that failed leaves nothing of a container that was to vanish anyway. */
static void remove_failed(Ctl *ctl, const Created *created) {
        _cleanup_error_ Error ignored = {};

        (void) ctl_call_method(ctl, created->path, CONTAINER_INTERFACE, "Remove", CALL_FOR_EVER, NULL,
                               &ignored, "a{sv}", 1, "Force", "b", true);
}

static int run_attached(Ctl *ctl, const SessionOptions *session, bool *ret_exited, Error *error) {
        _cleanup_close_ int stream = session_attach(ctl, session, error);
        if (stream < 0)
                return stream;
        return session_run(ctl, session, stream, ret_exited, error);
}

int verb_run(void *context, char **arguments, void *options, Error *error) {
        _cleanup_(created_done) Created created = {};
        CreateOptions *o = options;
        Ctl *ctl = context;
        SessionOptions session = { .terminal = o->spec.terminal,
                                   .start = true,
                                   .proxy_signals = o->sig_proxy,
                                   .stop_without_output = o->sig_proxy,
                                   .detach_keys = o->detach_keys };
        bool exited = false;
        int r;

        if (o->detach && o->attach)
                return error_set(error, ERROR_INVALID, "--attach and --detach contradict each other");
        if ((r = choose_streams(o, &session, error)) < 0 ||
            (!o->detach && (r = ctl_check_local(ctl, error)) < 0) ||
            (!o->detach &&
             (r = session_check_terminal(o->spec.terminal, session.standard_input, error)) < 0))
                return r;
        o->spec.stdin_once = session.standard_input && !o->detach;
        if ((r = create_with_id_file(ctl, o, arguments, &created, error)) < 0)
                return r;
        session.name = created.name;
        session.path = created.path;
        r = o->detach ? start_detached(ctl, o, &created, error)
                      : run_attached(ctl, &session, &exited, error);
        if (o->spec.auto_remove && r < 0)
                remove_failed(ctl, &created);
        else if (o->spec.auto_remove && exited)
                wait_for_removal(ctl, &created);
        return r;
}
