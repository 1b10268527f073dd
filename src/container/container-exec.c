/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container-name.h"
#include "container-private.h"
#include "fd-util.h"
#include "log.h"
#include "string-util.h"
#include "strv.h"

#define EXECS_MAX 4096

static ContainerExec *find_exec(Container *c, const char *id) {
        ContainerExec *exec;

        TAILQ_FOREACH(exec, &c->execs, list)
                if (streq(exec->id, id))
                        return exec;
        return NULL;
}

static void free_exec(Container *c, ContainerExec *exec) {
        TAILQ_REMOVE(&c->execs, exec, list);
        c->n_execs--;
        free(exec->id);
        free(exec);
}

static void finish_waiting(Container *c, ContainerExec *exec, const Error *error) {
        ContainerDone done = exec->done;

        exec->done = NULL;
        if (done)
                done(c, error, exec->userdata);
}

void container_drop_execs(Container *c) {
        _cleanup_error_ Error error = {};
        ContainerExec *exec;

        error_set(&error, ERROR_NOT_RUNNING, "container \"%s\" has ended", c->spec.name);
        while ((exec = TAILQ_FIRST(&c->execs))) {
                finish_waiting(c, exec, &error);
                free_exec(c, exec);
        }
}

static ContainerExec *add_exec(Container *c, const char *id) {
        ContainerExec *exec = new0(ContainerExec, 1);

        if (!exec || !(exec->id = strdup(id))) {
                free(exec);
                return NULL;
        }
        TAILQ_INSERT_TAIL(&c->execs, exec, list);
        c->n_execs++;
        return exec;
}

void container_adopt_execs(Container *c, char *const *ids) {
        for (size_t i = 0; ids && ids[i]; i++)
                if (!find_exec(c, ids[i]) && !add_exec(c, ids[i]))
                        log_oom();
}

static void tell_exec(Container *c, const char *action, const char *id, const int *exit_code) {
        _cleanup_strv_free_ char **attributes = NULL;

        if (strv_extendf(&attributes, "execID=%s", id) < 0 ||
            (exit_code && strv_extendf(&attributes, "exitCode=%d", *exit_code) < 0))
                log_oom();
        else
                container_tell(c, action, attributes);
}

void container_on_exec(Container *c, ShimMessageKind kind, const ShimMessage *message) {
        _cleanup_error_ Error error = {};
        ContainerExec *exec = find_exec(c, strempty(message->id));

        if (!exec)
                return;
        if (kind == SHIM_EXEC_STARTED) {
                tell_exec(c, "exec_start", exec->id, NULL);
                finish_waiting(c, exec, NULL);
                return;
        }
        if (message->exit.error_kind)
                error_set(&error, error_kind_from_string(message->exit.error_kind), "%s",
                          message->exit.error ?: "the command could not be executed");
        finish_waiting(c, exec, message->exit.error_kind ? &error : NULL);
        tell_exec(c, "exec_die", exec->id, &message->exit.exit_code);
        free_exec(c, exec);
}

static int send_exec(Container *c, ExecSpec *spec, int *ret_fd, Error *error) {
        int sockets[2];

        int r = socket_pair(SOCK_SEQPACKET, 0, sockets);
        if (r < 0)
                return error_set_errno(error, r, "cannot make a stream");
        _cleanup_close_ int theirs = sockets[0], ours = sockets[1];
        r = container_send(c, SHIM_EXEC, &(ShimMessage){ .exec = *spec }, spec->detach ? -EBADF : ours,
                           error);
        if (r >= 0)
                *ret_fd = TAKE_FD(theirs);
        return r;
}

int container_exec(Container *c, ExecSpec *spec, char **ret_id, int *ret_fd, ContainerDone done,
                   void *userdata, Error *error) {
        _cleanup_free_ char *id = NULL;

        if (!container_is_up(c) || c->shim_fd < 0)
                return error_set(error, ERROR_NOT_RUNNING, "container \"%s\" is not running", c->spec.name);
        if (c->state.status == CONTAINER_PAUSED)
                return error_set(error, ERROR_NOT_RUNNING,
                                 "container \"%s\" is paused (berthctl unpause %s)", c->spec.name,
                                 c->spec.name);
        if (c->n_execs >= EXECS_MAX)
                return error_set(error, ERROR_LIMIT,
                                 "container \"%s\" has %d commands running besides its own", c->spec.name,
                                 EXECS_MAX);
        int r = container_id_make(&id);
        if (r >= 0)
                r = free_and_strdup(&spec->id, id);
        if (r < 0)
                return error_set_errno(error, r, "cannot execute in \"%s\"", c->spec.name);
        ContainerExec *exec = add_exec(c, id);
        if (!exec)
                return error_set_errno(error, -ENOMEM, "cannot execute in \"%s\"", c->spec.name);
        r = send_exec(c, spec, ret_fd, error);
        if (r < 0) {
                free_exec(c, exec);
                return r;
        }
        tell_exec(c, "exec_create", id, NULL);
        *ret_id = TAKE_PTR(id);
        if (spec->detach) {
                exec->done = done;
                exec->userdata = userdata;
        }
        return 0;
}
