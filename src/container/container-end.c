/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <unistd.h>

#include "container-private.h"
#include "container-secrets.h"
#include "fd-util.h"
#include "file-util.h"
#include "log.h"
#include "path-util.h"
#include "process-util.h"
#include "restart-policy.h"
#include "string-util.h"
#include "time-util.h"

#define EXIT_RECORD_MAX (64 * KIB)
#define EXIT_KILLED (128 + SIGKILL)

/* Why the command was never executed; ERROR_NONE when it was. */
static void start_error(Container *c, const ExitRecord *record, Error *ret) {
        if (c->executed)
                return;
        if (c->start && c->start->error.kind != ERROR_NONE)
                error_move(ret, &c->start->error);
        else if (record->error_kind)
                error_set(ret, error_kind_from_string(record->error_kind), "%s",
                          record->error ?: "the start failed");
        else
                error_set(ret, ERROR_START_FAILED, "%s",
                          record->error ?: "it ended before its command was executed");
}

static void set_end_state(Container *c, const ExitRecord *record, const Error *failure) {
        ContainerState *s = &c->state;

        s->exit_code =
                failure->kind != ERROR_NONE ? error_kind_to_exit_status(failure->kind) : record->exit_code;
        s->oom_killed = record->oom_killed;
        s->leader = 0;
        s->leader_start_time = 0;
        s->status = CONTAINER_EXITED;
        if (c->executed) {
                /* berthd may not have heard of the start. */
                s->started = record->started ?: s->started;
                s->finished = record->finished ?: realtime_usec();
        } else if (s->started == 0)
                s->status = CONTAINER_CREATED;
        (void) free_and_strdup(&s->error, failure->kind != ERROR_NONE ? error_text(failure) : record->error);
        free_and_replace(s->cgroup, NULL);
        list_done(&s->endpoints, &network_endpoint_type);
        list_done(&s->temporary_mounts, &mount_spec_type);
}

/* What only a run has: descriptors, timers, addresses. */
static void release_run(Container *c, const Error *failure) {
        networks_release(c->context->networks, c->spec.id);
        c->start = container_start_free(c->start);
        container_drop_shim(c);
        container_drop_execs(c);
        container_drop_mount_changes(c);
        container_drop_attachments(c, failure->kind != ERROR_NONE ? failure : NULL);
        container_cancel_stop(c);
        container_drop_freeze(c, NULL);
        c->machined_timer = sd_event_source_disable_unref(c->machined_timer);
        c->machined_call = sd_bus_slot_unref(c->machined_call);
        c->leader_fd = safe_close(c->leader_fd);
        c->hello_wanted = false;
}

/* Only after the state is saved: until then exit.json is what a next berthd would learn of the end. */
static void remove_run_directory(const Container *c) {
        container_drop_secrets(c->context->run_fd, c->spec.id);
        int r = remove_tree_at(c->context->run_fd, c->spec.id);

        if (r < 0)
                log_warning_errno(r, "Failed to remove the run directory of container %s: %m", c->spec.name);
}

static void tell_end(Container *c, bool stopped) {
        char code[16];

        if (!c->executed)
                return;
        snprintf(code, sizeof(code), "%d", c->state.exit_code);
        if (c->state.oom_killed)
                container_tell(c, "oom", NULL);
        container_tell_one(c, "die", "exitCode", code);
        if (stopped)
                container_tell(c, "stop", NULL);
}

static bool wants_restart(const Container *c, bool automatic) {
        if (c->context->shutting_down || c->stopped_by_host || c->remove_when_ended)
                return false;
        /* A start that a person asked for and that failed is theirs to repeat; but one that failed because berthd went
         * away is not. */
        return (c->executed || automatic || c->recovered) &&
               restart_policy_applies(&c->spec.restart, &c->state);
}

void container_ended(Container *c, const ExitRecord *record) {
        bool stopping = c->state.status == CONTAINER_STOPPING, automatic = c->start && c->start->automatic;
        _cleanup_error_ Error failure = {};

        start_error(c, record, &failure);
        set_end_state(c, record, &failure);
        release_run(c, &failure);
        bool restart = wants_restart(c, automatic);
        if (restart)
                c->state.status = CONTAINER_RESTARTING;
        bool remove = !restart && (c->remove_when_ended || c->spec.auto_remove);

        if (restart)
                container_arm_restart(c, c->executed);
        if (!remove)
                (void) container_save_state(c);
        remove_run_directory(c);
        if (failure.kind != ERROR_NONE)
                log_info("Container %s did not start: %s", c->spec.name, error_text(&failure));
        container_changed_status(c);
        tell_end(c, stopping);
        c->executed = c->recovered = false;

        container_wake(c, EDGE_STARTED, failure.kind != ERROR_NONE ? &failure : NULL);
        container_health_ended(c);
        container_wake(c, EDGE_NEXT_EXIT, NULL);
        if (!restart)
                container_wake(c, EDGE_STOPPED, NULL);
        /* Who was woken may have started it again (a restart by request). */
        if (!remove || container_is_active(c))
                return;
        if (c->saving)
                c->remove_when_ended = true; /* a rename goes on; its end removes it */
        else
                container_remove_now(c);
}

/* The scope's name in the path makes sure that no other cgroup is ever killed. */
void container_kill_all(Container *c) {
        if (c->state.cgroup && c->state.unit && streq(path_basename(c->state.cgroup), c->state.unit)) {
                _cleanup_free_ char *path = string_join("/sys/fs/cgroup", c->state.cgroup, "/cgroup.kill");
                _cleanup_close_ int fd = path ? open(path, O_WRONLY | O_CLOEXEC) : -EBADF;
                if (fd >= 0 && write(fd, "1", 1) == 1)
                        return;
        }
        /* The kernel kills the whole pid namespace with its first process. */
        if (c->leader_fd >= 0)
                (void) pidfd_signal(c->leader_fd, SIGKILL);
}

void container_shim_lost(Container *c, const char *why) {
        _cleanup_free_ char *path = string_join(c->spec.id, "/exit.json");
        _cleanup_free_ char *text =
                format_string("%s, so that its end could not be seen; it was killed", why);
        _cleanup_error_ Error error = {};
        ExitRecord record;

        if (path && object_load_at(&exit_record_type, &record, c->context->run_fd, path, EXIT_RECORD_MAX,
                                   &error) >= 0) {
                container_ended(c, &record);
                object_done(&exit_record_type, &record);
                return;
        }

        log_warning("Container %s: %s.", c->spec.name, text ?: why);
        if (c->leader_fd < 0 && c->state.leader > 0)
                c->leader_fd = process_open(c->state.leader, c->state.leader_start_time);
        container_kill_all(c);
        c->shim = child_kill(c->shim);
        container_ended(c, &(ExitRecord){ .exit_code = EXIT_KILLED, .error = text });
}
