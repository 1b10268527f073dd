/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <unistd.h>

#include "container-private.h"
#include "fd-util.h"
#include "file-util.h"
#include "log.h"
#include "string-util.h"
#include "strv.h"

#define SPEC_SIZE_MAX (8 * MIB)
#define STATE_SIZE_MAX (1 * MIB)
#define WAITERS_MAX 4096

struct ContainerWaiter {
        ContainerEdge edge;
        ContainerDone done;
        void *userdata;
        TAILQ_ENTRY(ContainerWaiter) list;
};

int container_new(ContainerContext *context, ContainerSpec *spec, Container **ret) {
        Container *c = new0(Container, 1);

        if (!c)
                return -ENOMEM;
        *c = (Container){
                .context = context,
                .spec = *spec,
                .shim_fd = -EBADF,
                .leader_fd = -EBADF,
        };
        *spec = (ContainerSpec){};
        object_init(&container_state_type, &c->state);
        TAILQ_INIT(&c->waiters);
        TAILQ_INIT(&c->execs);
        TAILQ_INIT(&c->mount_changes);
        *ret = c;
        return 0;
}

Container *container_free(Container *c) {
        ContainerWaiter *waiter;

        if (!c)
                return NULL;
        container_start_free(c->start);
        container_drop_shim(c);
        container_drop_execs(c);
        container_drop_mount_changes(c);
        container_drop_attachments(c, NULL);
        container_cancel_stop(c);
        sd_event_source_disable_unref(c->restart_timer);
        sd_event_source_disable_unref(c->machined_timer);
        sd_bus_slot_unref(c->machined_call);
        container_drop_freeze(c, NULL);
        (void) worker_abandon(c->checking);
        child_abandon(c->saving);
        container_drop_update(c);
        safe_close(c->leader_fd);
        while ((waiter = TAILQ_FIRST(&c->waiters))) {
                TAILQ_REMOVE(&c->waiters, waiter, list);
                free(waiter);
        }
        effective_config_done(&c->effective);
        object_done(&container_state_type, &c->state);
        object_done(&container_spec_type, &c->spec);
        free(c);
        return NULL;
}

/* ---- files ---- */

static int load_object(ContainerContext *context, const char *id, const char *file, const ObjectType *type,
                       size_t limit, void *object, Error *error) {
        _cleanup_free_ char *path = string_join(id, "/", file);

        if (!path)
                return error_set_errno(error, -ENOMEM, "cannot load container %s", id);
        int r = object_load_at(type, object, context->containers_fd, path, limit, error);
        if (r == -ENOENT)
                return error_set(error, ERROR_CORRUPT, "%s of container %s is missing", file, id);
        if (error->kind == ERROR_CORRUPT) {
                _cleanup_free_ char *aside = string_join(path, ".corrupt");
                if (aside && renameat(context->containers_fd, path, context->containers_fd, aside) >= 0)
                        log_warning("Set aside %s/containers/%s as %s.corrupt: %s", STATE_DIRECTORY, path,
                                    file, error_text(error));
        }
        return r;
}

int container_load(ContainerContext *context, const char *id, Container **ret, Error *error) {
        _cleanup_(container_freep) Container *c = NULL;
        _cleanup_error_ Error state_error = {};
        ContainerSpec spec;

        int r = load_object(context, id, "spec.json", &container_spec_type, SPEC_SIZE_MAX, &spec, error);
        if (r < 0)
                return r;
        if (!streq_ptr(spec.id, id) || !spec.name || !container_name_is_valid(spec.name)) {
                object_done(&container_spec_type, &spec);
                return error_set(error, ERROR_CORRUPT, "spec.json of container %s is about another one", id);
        }
        r = container_new(context, &spec, &c);
        if (r < 0) {
                object_done(&container_spec_type, &spec);
                return error_set_errno(error, r, "cannot load container %s", id);
        }
        r = load_object(context, id, "state.json", &container_state_type, STATE_SIZE_MAX, &c->state,
                        &state_error);
        if (r < 0) {
                /* A power cut can leave the file empty. It has run then, so that its restart policy applies. */
                object_init(&container_state_type, &c->state);
                c->state.status = CONTAINER_EXITED;
                c->state.exit_code = EXIT_HOST_DOWN;
                c->state.started = c->state.finished = c->spec.created;
                if (state_error.kind != ERROR_CORRUPT)
                        log_warning("Failed to read the state of container %s: %s", c->spec.name,
                                    error_text(&state_error));
        }
        *ret = TAKE_PTR(c);
        return 0;
}

int container_write_spec(const Container *c, const ContainerSpec *spec) {
        _cleanup_free_ char *path = string_join(c->spec.id, "/spec.json");

        return path ? object_save_at(&container_spec_type, spec, c->context->containers_fd, path,
                                     !spec->auto_remove)
                    : -ENOMEM;
}

int container_save_state(Container *c) {
        _cleanup_free_ char *path = string_join(c->spec.id, "/state.json");

        int r = path ? object_save_at(&container_state_type, &c->state, c->context->containers_fd, path,
                                      false)
                     : -ENOMEM;
        if (r < 0)
                log_error_errno(r, "Failed to save the state of container %s: %m", c->spec.name);
        return r;
}

int container_open_run_directory(Container *c, bool make) {
        if (make && mkdirat(c->context->run_fd, c->spec.id, 0700) < 0 && errno != EEXIST)
                return negative_errno();
        int fd = openat(c->context->run_fd, c->spec.id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        return fd < 0 ? negative_errno() : fd;
}

int container_update_effective(Container *c) {
        static const ImageConfig none = {};
        char host_name[HOST_NAME_MAX + 1] = "";
        EffectiveConfig config;

        const Image *image = image_store_by_digest(c->context->images, strempty(c->spec.image_digest));
        (void) gethostname(host_name, sizeof(host_name) - 1);
        int r = effective_config_make(&c->spec, image ? &image->record.config : &none, host_name, &config);
        if (r < 0)
                return r;
        effective_config_done(&c->effective);
        c->effective = config;
        return 0;
}

/* ---- what is so ---- */

bool container_is_active(const Container *c) {
        switch (c->state.status) {
        case CONTAINER_STARTING:
        case CONTAINER_RUNNING:
        case CONTAINER_PAUSED:
        case CONTAINER_STOPPING:
                return true;
        case CONTAINER_CREATED:
        case CONTAINER_RESTARTING:
        case CONTAINER_EXITED:
        case CONTAINER_REMOVING:
                return false;
        }
        return false;
}

bool container_is_up(const Container *c) {
        return c->state.status == CONTAINER_RUNNING || c->state.status == CONTAINER_PAUSED;
}

/* ---- who wants to know ---- */

void container_changed_status(Container *c) {
        static const char *const properties[] = {
                "Status",   "OOMKilled",    "Leader", "LeaderCommand", "ExitCode",  "Error", "Started",
                "Finished", "RestartCount", "Unit",   "ControlGroup",  "Addresses", NULL,
        };

        c->context->changed(c, properties);
}

void container_tell(Container *c, const char *action, char *const *attributes) {
        c->context->event_happened(c, action, attributes);
}

void container_tell_one(Container *c, const char *action, const char *key, const char *value) {
        _cleanup_free_ char *pair = string_join(key, "=", value);

        container_tell(c, action, pair ? (char *const[]){ pair, NULL } : NULL);
}

static bool already_there(const Container *c, ContainerEdge edge) {
        return edge == EDGE_STOPPED && !container_is_active(c) && c->state.status != CONTAINER_RESTARTING;
}

int container_wait(Container *c, ContainerEdge edge, ContainerDone done, void *userdata) {
        ContainerWaiter *waiter;
        size_t n = 0;

        if (!done)
                return 0;
        if (already_there(c, edge)) {
                done(c, NULL, userdata);
                return 0;
        }
        TAILQ_FOREACH(waiter, &c->waiters, list)
                n++;
        if (n >= WAITERS_MAX) {
                /* The oldest has most likely given up by itself. */
                _cleanup_error_ Error error = {};
                error_set(&error, ERROR_LIMIT, "too many wait for container \"%s\"", c->spec.name);
                waiter = TAILQ_FIRST(&c->waiters);
                TAILQ_REMOVE(&c->waiters, waiter, list);
                waiter->done(c, &error, waiter->userdata);
                free(waiter);
        }
        waiter = new0(ContainerWaiter, 1);
        if (!waiter)
                return -ENOMEM;
        *waiter = (ContainerWaiter){ .edge = edge, .done = done, .userdata = userdata };
        TAILQ_INSERT_TAIL(&c->waiters, waiter, list);
        return 0;
}

/* Who is told may begin to wait again, so those of now are set apart first. */
void container_wake(Container *c, ContainerEdge edge, const Error *error) {
        TAILQ_HEAD(, ContainerWaiter) woken = TAILQ_HEAD_INITIALIZER(woken);
        ContainerWaiter *waiter, *next;

        for (waiter = TAILQ_FIRST(&c->waiters); waiter; waiter = next) {
                next = TAILQ_NEXT(waiter, list);
                if (waiter->edge != edge)
                        continue;
                TAILQ_REMOVE(&c->waiters, waiter, list);
                TAILQ_INSERT_TAIL(&woken, waiter, list);
        }
        while ((waiter = TAILQ_FIRST(&woken))) {
                TAILQ_REMOVE(&woken, waiter, list);
                waiter->done(c, error, waiter->userdata);
                free(waiter);
        }
}
