/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container-private.h"
#include "log.h"
#include "string-util.h"

/* What the shim finds out about the health of a container, and what is done when it is bad. */

static void begin_failure_action(Container *c) {
        static const struct {
                HealthOnFailure action;
                int (*run)(Container *c, const StopOptions *options, ContainerDone done, void *userdata,
                           Error *error);
                const char *doing;
        } actions[] = {
                { HEALTH_ON_FAILURE_RESTART, container_restart, "restarted" },
                { HEALTH_ON_FAILURE_STOP, container_stop, "stopped" },
        };
        _cleanup_error_ Error error = {};
        StopOptions options;

        for (size_t i = 0; i < ELEMENTSOF(actions); i++) {
                if (actions[i].action != c->effective.health.on_failure)
                        continue;
                log_info("Container %s is unhealthy and is %s.", c->spec.name, actions[i].doing);
                object_init(&stop_options_type, &options);
                if (actions[i].run(c, &options, NULL, NULL, &error) < 0)
                        log_warning("Container %s is unhealthy, but can't be %s: %s", c->spec.name,
                                    actions[i].doing, error_text(&error));
        }
}

static void tell_status(Container *c) {
        static const char *const properties[] = { "Health", NULL };
        HealthStatus status = c->state.health.status;

        c->context->changed(c, properties);
        if (status == HEALTH_HEALTHY || status == HEALTH_UNHEALTHY)
                container_tell_one(c, "health_status", "health", health_status_words[status]);
}

static void wake_probers(Container *c, const Error *error) {
        container_wake(c, EDGE_PROBED, error);
        if (error || c->state.health.status == HEALTH_HEALTHY)
                container_wake(c, EDGE_HEALTHY, error);
}

void container_on_health(Container *c, const ShimMessage *message) {
        HealthStatus before = c->state.health.status;
        HealthState health;

        if (object_copy(&health_state_type, &health, &message->health) < 0) {
                log_oom();
                return;
        }
        object_done(&health_state_type, &c->state.health);
        c->state.health = health;
        if (health.status != before)
                tell_status(c);
        if (health.log.n > 0)
                wake_probers(c, NULL);
        /* After a restart of berthd this is a change too, from nothing; what was done then is not done twice, since a container
         * that is being stopped is not up. */
        if (health.status == HEALTH_UNHEALTHY && before != HEALTH_UNHEALTHY && container_is_up(c))
                begin_failure_action(c);
}

void container_health_ended(Container *c) {
        _cleanup_error_ Error error = {};

        if (c->state.health.status != HEALTH_NONE) {
                c->state.health.status = HEALTH_NONE;
                tell_status(c);
        }
        error_set(&error, ERROR_NOT_RUNNING, "container \"%s\" has ended", c->spec.name);
        wake_probers(c, &error);
}

static int check_has_health(const Container *c, Error *error) {
        if (!health_check_is_active(&c->effective.health))
                return error_set(error, ERROR_INVALID,
                                 "container \"%s\" has no health check (--health-cmd gives it one)",
                                 c->spec.name);
        return 0;
}

int container_wait_healthy(Container *c, ContainerDone done, void *userdata, Error *error) {
        int r = check_has_health(c, error);

        if (r < 0)
                return r;
        if (c->state.health.status == HEALTH_HEALTHY) {
                done(c, NULL, userdata);
                return 0;
        }
        r = container_wait(c, EDGE_HEALTHY, done, userdata);
        return r < 0 ? error_set_errno(error, r, "cannot wait for container \"%s\"", c->spec.name) : 0;
}

int container_probe(Container *c, ContainerDone done, void *userdata, Error *error) {
        int r = check_has_health(c, error);

        if (r < 0)
                return r;
        if (!container_is_up(c))
                return error_set(error, ERROR_NOT_RUNNING, "container \"%s\" is not running", c->spec.name);
        if (c->state.status == CONTAINER_PAUSED)
                return error_set(error, ERROR_NOT_RUNNING,
                                 "container \"%s\" is paused (berthctl unpause %s)", c->spec.name,
                                 c->spec.name);
        r = container_send(c, SHIM_PROBE, &(ShimMessage){}, -EBADF, error);
        if (r < 0)
                return r;
        r = container_wait(c, EDGE_PROBED, done, userdata);
        return r < 0 ? error_set_errno(error, r, "cannot wait for container \"%s\"", c->spec.name) : 0;
}
