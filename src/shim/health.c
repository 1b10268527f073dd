/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd-util.h"
#include "file-util.h"
#include "health-machine.h"
#include "health.h"
#include "log.h"
#include "shim.h"
#include "string-util.h"
#include "strv.h"
#include "time-util.h"

#define PROBE_CGROUP "berth-health"
/* The cgroup of a killed probe is empty once the kernel has reaped its processes, mostly within a millisecond. */
#define SWEEP_TRIES 20

struct Health {
        HealthMachine machine;
        Session *probe; /* the one that runs; it is one of the shim's execs */
        char *cgroup;   /* of the probes, below the cgroup root; NULL: none could be made */
        uint64_t began, deadline;
        HealthProbe result; /* its times, as people see them */
        bool timed_out, was_paused;
        unsigned sweeps_left; /* the cgroup is still to be removed */
};

void health_tell(Shim *shim) {
        if (shim->health)
                control_send(shim, SHIM_HEALTH, &(ShimMessage){ .health = shim->health->machine.state });
}

void health_begin(Shim *shim) {
        const HealthCheck *check = &shim->spec.health;

        if (!health_check_is_active(check))
                return;
        shim->health = new0(Health, 1);
        if (!shim->health) {
                log_oom();
                return;
        }
        health_machine_begin(&shim->health->machine, check, now_usec(CLOCK_MONOTONIC));
        health_tell(shim);
}

static bool is_paused(const Shim *shim) {
        _cleanup_free_ char *path = string_join("/sys/fs/cgroup", shim->cgroup, "/cgroup.events"),
                            *text = NULL;

        return path && read_file_at(AT_FDCWD, path, 4096, &text, NULL) >= 0 && strstr(text, "frozen 1");
}

/* ---- the cgroup of a probe ---- */

static char *cgroup_file(const Health *health, const char *name) {
        return string_join("/sys/fs/cgroup", health->cgroup, name);
}

/* Without one (the container may have used up what it may make) a probe is a process like an exec's. */
static void make_cgroup(Shim *shim) {
        Health *health = shim->health;

        health->cgroup = string_join(shim->cgroup, "/" PROBE_CGROUP);
        _cleanup_free_ char *path = health->cgroup ? cgroup_file(health, "") : NULL;
        if (!path || (mkdir(path, 0755) < 0 && errno != EEXIST))
                free_and_replace(health->cgroup, NULL);
}

static void kill_probe(Health *health) {
        _cleanup_free_ char *path = health->cgroup ? cgroup_file(health, "/cgroup.kill") : NULL;
        _cleanup_close_ int fd = path ? open(path, O_WRONLY | O_CLOEXEC) : -EBADF;

        if ((fd < 0 || write(fd, "1", 1) != 1) && health->probe)
                session_kill(health->probe);
}

static void remove_cgroup(Health *health) {
        _cleanup_free_ char *path = health->cgroup ? cgroup_file(health, "") : NULL;

        if (!path || rmdir(path) >= 0 || errno != EBUSY || --health->sweeps_left == 0) {
                health->sweeps_left = 0;
                free_and_replace(health->cgroup, NULL);
        }
}

/* ---- a probe ---- */

static int make_command(const HealthCheck *check, char ***ret) {
        static const char *const shell[] = { "/bin/sh", "-c" };
        _cleanup_strv_free_ char **command = NULL;
        int r = 0;

        if (streq(check->test[0], "CMD-SHELL"))
                r = strv_from_array((char *const *) shell, ELEMENTSOF(shell), &command);
        for (char *const *s = check->test + 1; r >= 0 && *s; s++)
                r = strv_extend(&command, *s);
        if (r >= 0)
                *ret = TAKE_PTR(command);
        return r;
}

static void begin_probe(Shim *shim, uint64_t now) {
        Health *health = shim->health;
        ExecSpec spec = {};

        health->began = now;
        health->deadline = now + MIN(health->machine.check->timeout, UINT64_MAX - now);
        health->result = (HealthProbe){ .started = realtime_usec() };
        health->timed_out = health->was_paused = false;
        if (health->sweeps_left > 0) { /* the last one's is there already */
                kill_probe(health);
                health->sweeps_left = 0;
        } else
                make_cgroup(shim);
        if (make_command(health->machine.check, &spec.command) < 0)
                health_machine_skip(&health->machine, now);
        else
                exec_start_captured(shim, &spec, health->cgroup, HEALTH_OUTPUT_MAX, &health->probe);
        object_done(&exec_spec_type, &spec);
}

bool health_owns(const Session *session) {
        return session->shim->health && session->shim->health->probe == session;
}

static char *describe_result(const Health *health, const Session *session) {
        char sentence[128];

        if (session->error.kind != ERROR_NONE)
                return health_output_text(session->error.message, strlen(strempty(session->error.message)));
        if (!health->timed_out)
                return health_output_text(session->captured.data, session->captured.size);
        snprintf(sentence, sizeof(sentence), "The health check took longer than %llu ms. ",
                 (unsigned long long) (health->machine.check->timeout / USEC_PER_MSEC));
        _cleanup_free_ char *all = string_join(sentence, strempty(session->captured.data));
        return all ? health_output_text(all, strlen(all)) : NULL;
}

/* "stop" and "restart" are berthd's to do, when it hears of it. */
static void act_on_failure(Shim *shim) {
        if (shim->health->machine.state.status == HEALTH_UNHEALTHY &&
            shim->spec.health.on_failure == HEALTH_ON_FAILURE_KILL)
                session_kill(shim->container);
}

bool health_session_ended(Session *session) {
        Shim *shim = session->shim;
        uint64_t now = now_usec(CLOCK_MONOTONIC);

        if (!health_owns(session))
                return false;
        Health *health = shim->health;
        health->probe = NULL;
        kill_probe(health);
        health->sweeps_left = SWEEP_TRIES;
        remove_cgroup(health);
        shim->has_garbage = true;
        if (shim->container->exited || health->was_paused) {
                health_machine_skip(&health->machine, now);
                return true;
        }
        health->result.finished = realtime_usec();
        health->result.exit_code =
                health->timed_out || session->error.kind != ERROR_NONE ? -1 : session->exit_code;
        health->result.output = describe_result(health, session);
        bool changed = health_machine_take(&health->machine, &health->result, health->began, now);
        health_tell(shim);
        if (changed)
                act_on_failure(shim);
        return true;
}

void health_probe_now(Shim *shim) {
        if (shim->health && !shim->health->probe)
                shim->health->machine.due = 0;
        else if (!shim->health)
                log_debug("Asked for a probe of a container without a health check.");
}

/* ---- its part of the loop ---- */

static bool rests(const Shim *shim) {
        return !shim->health || shim->container->exited;
}

void health_prepare(Shim *shim) {
        uint64_t now, when;

        if (rests(shim))
                return;
        const Health *health = shim->health;
        now = now_usec(CLOCK_MONOTONIC);
        when = health->probe ? health->deadline : health->machine.due;
        /* Rounded up, so that the loop does not turn idly through the last millisecond. */
        uint64_t msec = when > now ? (when - now + USEC_PER_MSEC - 1) / USEC_PER_MSEC : 0;
        if (health->timed_out)
                msec = INT_MAX; /* it has been killed, and its end wakes the loop */
        if (health->sweeps_left > 0)
                msec = MIN(msec, UINT64_C(1));
        poller_limit(&shim->poller, (int) MIN(msec, (uint64_t) INT_MAX));
}

void health_advance(Shim *shim) {
        if (rests(shim))
                return;
        Health *health = shim->health;
        uint64_t now = now_usec(CLOCK_MONOTONIC);

        if (health->sweeps_left > 0)
                remove_cgroup(health);
        if (health->probe && now >= health->deadline && !health->timed_out) {
                health->timed_out = true;
                /* A probe that was paused with its container has not failed. */
                health->was_paused = is_paused(shim);
                kill_probe(health);
        }
        if (health->probe || now < health->machine.due)
                return;
        if (is_paused(shim))
                health_machine_skip(&health->machine, now);
        else
                begin_probe(shim, now);
}

void health_done(Shim *shim) {
        if (!shim->health)
                return;
        free(shim->health->cgroup);
        health_machine_done(&shim->health->machine);
        free(shim->health);
        shim->health = NULL;
}
