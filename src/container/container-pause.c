/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <unistd.h>

#include "container-private.h"
#include "fd-util.h"
#include "log.h"
#include "string-util.h"

/* systemd's freezer is asked first, so that systemd knows; where it has none, the cgroup is told directly. */
struct ContainerFreeze {
        Container *container;
        bool pause;
        UnitJob *job;
        ContainerDone done;
        void *userdata;
};

static void finish(Container *c, const Error *error) {
        ContainerFreeze *freeze = c->freeze;

        c->freeze = NULL;
        unit_job_drop(freeze->job);
        if (freeze->done)
                freeze->done(c, error, freeze->userdata);
        free(freeze);
}

static int freeze_cgroup(const Container *c, bool freeze) {
        _cleanup_free_ char *path =
                string_join("/sys/fs/cgroup", strempty(c->state.cgroup), "/cgroup.freeze");
        _cleanup_close_ int fd = path && c->state.cgroup ? open(path, O_WRONLY | O_CLOEXEC) : -ENOENT;

        return fd < 0 || write(fd, freeze ? "1" : "0", 1) != 1 ? negative_errno() : 0;
}

static void on_frozen(const Error *why, void *userdata) {
        ContainerFreeze *freeze = userdata;
        Container *c = freeze->container;
        _cleanup_error_ Error error = {};

        freeze->job = NULL;
        if (why && why->kind == ERROR_UNSUPPORTED && freeze_cgroup(c, freeze->pause) >= 0)
                why = NULL;
        if (why) {
                error_set(&error, why->kind, "cannot %s container \"%s\": %s",
                          freeze->pause ? "pause" : "unpause", c->spec.name, error_text(why));
                finish(c, &error);
                return;
        }
        if (c->state.status != CONTAINER_STOPPING)
                c->state.status = freeze->pause ? CONTAINER_PAUSED : CONTAINER_RUNNING;
        (void) container_save_state(c);
        container_changed_status(c);
        container_tell(c, freeze->pause ? "pause" : "unpause", NULL);
        finish(c, NULL);
}

static int begin(Container *c, bool pause, ContainerDone done, void *userdata, Error *error) {
        c->freeze = new0(ContainerFreeze, 1);
        if (!c->freeze)
                return error_set_errno(error, -ENOMEM, "cannot pause or unpause \"%s\"", c->spec.name);
        *c->freeze = (ContainerFreeze){ .container = c, .pause = pause, .done = done, .userdata = userdata };
        int r = systemd_call_unit(c->context->systemd, pause ? "FreezeUnit" : "ThawUnit", c->state.unit,
                                  on_frozen, c->freeze, &c->freeze->job);
        if (r < 0) {
                free_and_replace(c->freeze, NULL);
                return error_set_errno(error, r, "cannot reach systemd");
        }
        return 0;
}

int container_pause(Container *c, bool pause, ContainerDone done, void *userdata, Error *error) {
        ContainerStatus from = pause ? CONTAINER_RUNNING : CONTAINER_PAUSED;
        ContainerStatus to = pause ? CONTAINER_PAUSED : CONTAINER_RUNNING;

        if (c->state.status == to)
                return error_set(error, ERROR_ALREADY, "container \"%s\" is %s", c->spec.name,
                                 pause ? "paused already" : "not paused");
        if (c->state.status != from)
                return error_set(error, ERROR_NOT_RUNNING, "container \"%s\" is not running", c->spec.name);
        if (c->freeze)
                return error_set(error, ERROR_IN_USE, "container \"%s\" is being paused or unpaused already",
                                 c->spec.name);
        return begin(c, pause, done, userdata, error);
}

/* A stop: what is frozen would not see its signal. */
void container_thaw(Container *c) {
        _cleanup_error_ Error error = {};

        container_drop_freeze(c, NULL);
        if (begin(c, false, NULL, NULL, &error) < 0) {
                log_warning("Container %s: %s", c->spec.name, error_text(&error));
                (void) freeze_cgroup(c, false);
        }
}

void container_drop_freeze(Container *c, const Error *why) {
        _cleanup_error_ Error error = {};

        if (!c->freeze)
                return;
        if (!why)
                error_set(&error, ERROR_NOT_RUNNING, "container \"%s\" is not running any more",
                          c->spec.name);
        finish(c, why ?: &error);
}
