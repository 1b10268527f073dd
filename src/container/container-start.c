/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <unistd.h>

#include "container-name.h"
#include "container-private.h"
#include "container-share.h"
#include "etc-files.h"
#include "fd-util.h"
#include "file-util.h"
#include "launch.h"
#include "log.h"
#include "path-util.h"
#include "process-util.h"
#include "scope-property.h"
#include "string-util.h"
#include "strv.h"
#include "time-util.h"

/* A start, from beginning to end (design.md, section 4):
 *
 *   container_start()      what takes a worker is prepared; mostly there is nothing
 *   launch()               addresses are reserved, the launch document is written, the shim is spawned
 *   container_on_created() the shim has made init: its scope is asked for and its network is joined, both at once
 *   continue_start()       when both are there: GO
 *   container_on_started() the command has been executed
 *
 * Until then container->start exists. Whatever fails on the way calls container_start_abort(): the shim is told by the
 * end of its control connection, and the rest is undone in container_ended(), as for any other end. */

#define START_TIMEOUT_USEC (120 * USEC_PER_SEC)
#define ABORT_TIMEOUT_USEC (10 * USEC_PER_SEC)

static const Field start_options_fields[] = {
        { "Rows", FIELD_UINT, offsetof(StartOptions, rows) },
        { "Columns", FIELD_UINT, offsetof(StartOptions, columns) },
        {},
};
const ObjectType start_options_type = { "start options", sizeof(StartOptions), start_options_fields };

static int start_spawn(Container *c, int cgroup, Error *error);

ContainerStart *container_start_free(ContainerStart *start) {
        if (!start)
                return NULL;
        (void) worker_abandon(start->worker);
        shims_waiter_drop(start->shims);
        unit_job_drop(start->scope_job);
        sd_event_source_disable_unref(start->timeout);
        safe_close(start->directory_fd);
        free(start->description);
        device_set_done(&start->devices);
        error_done(&start->error);
        free(start);
        return NULL;
}

static int write_etc_files(Container *c, int directory_fd, Error *error) {
        _cleanup_(etc_files_done) EtcFiles files = {};

        int r = c->spec.network == NETWORK_CONTAINER ? container_copy_etc_files(c, &files, error)
                                                     : etc_files_make(&c->spec, c->effective.hostname,
                                                                      &c->state.endpoints, &files, error);
        if (r < 0)
                return r;
        const struct {
                const char *name, *text;
        } all[] = {
                { "hostname", files.hostname },
                { "hosts", files.hosts },
                { "resolv.conf", files.resolv_conf },
        };
        for (size_t i = 0; i < ELEMENTSOF(all); i++) {
                r = write_file_atomic_at(directory_fd, all[i].name, all[i].text, strlen(all[i].text), 0644,
                                         0);
                /* Its root may change them. */
                if (r >= 0 && c->spec.uid_base > 0 &&
                    fchownat(directory_fd, all[i].name, c->spec.uid_base, c->spec.uid_base, 0) < 0)
                        r = negative_errno();
                if (r < 0)
                        return error_set_errno(error, r, "cannot write /etc/%s of container \"%s\"",
                                               all[i].name, c->spec.name);
        }
        return 0;
}

static int write_launch(Container *c, const LaunchShared *shared, const List *interfaces, char **lower,
                        Error *error) {
        _cleanup_free_ char *directory = string_join(STATE_DIRECTORY "/containers/", c->spec.id);
        _cleanup_free_ char *run_directory = string_join(RUNTIME_DIRECTORY "/containers/", c->spec.id);
        _cleanup_(mount_layers_done) MountLayers layers = {};
        LaunchSpec launch;

        if (!directory || !run_directory)
                return error_set_errno(error, -ENOMEM, "cannot start");
        int r = container_image_layers(c, &layers, error);
        if (r >= 0)
                r = devices_resolve(c->spec.devices, c->spec.device_cgroup_rules, c->spec.privileged,
                                    &c->start->devices, error);
        if (r < 0)
                return r;
        r = launch_make(
                &(LaunchInputs){
                        .spec = &c->spec,
                        .effective = &c->effective,
                        .unit = c->state.unit,
                        .lower = lower,
                        .image_lower = (char *const *const *) layers.lower,
                        .directory = directory,
                        .run_directory = run_directory,
                        .interfaces = interfaces,
                        .rows = c->start->options.rows,
                        .columns = c->start->options.columns,
                        .shared = shared,
                        .devices = &c->start->devices.nodes,
                },
                &launch, error);
        if (r < 0)
                return r;
        r = object_save_at(&launch_spec_type, &launch, c->start->directory_fd, "launch.json", false);
        object_done(&launch_spec_type, &launch);
        return r < 0 ? error_set_errno(error, r, "cannot write the launch document") : 0;
}

static int find_lower(Container *c, char ***ret, Error *error) {
        const Image *image = image_store_by_digest(c->context->images, strempty(c->spec.image_digest));

        if (!image)
                return error_set(error, ERROR_NO_SUCH_IMAGE,
                                 "the image %s of container \"%s\" is not here any more",
                                 strempty(c->spec.image_digest), c->spec.name);
        int r = image_store_lower(c->context->images, &image->record, ret);
        return r < 0 ? error_set_errno(error, r, "cannot find the layers of image %s", c->spec.image) : 0;
}

/* All that is written and reserved before there is a process. */
static int start_prepare(Container *c, Error *error) {
        _cleanup_strv_free_ char **lower = NULL;
        LaunchShared shared;
        List interfaces = {};

        int r = find_lower(c, &lower, error);
        if (r >= 0)
                r = container_find_shared(c, &shared, error);
        if (r < 0)
                return r;
        c->start->directory_fd = container_open_run_directory(c, true);
        if (c->start->directory_fd < 0)
                return error_set_errno(error, c->start->directory_fd,
                                       "cannot make the run directory of \"%s\"", c->spec.name);
        r = networks_reserve(c->context->networks, &c->spec, &c->state.endpoints, &interfaces, error);
        if (r >= 0)
                r = write_etc_files(c, c->start->directory_fd, error);
        if (r >= 0)
                r = write_launch(c, &shared, &interfaces, lower, error);
        list_done(&interfaces, &launch_interface_type);
        return r;
}

static void on_shims_ready(const Error *why, void *userdata) {
        Container *c = userdata;
        _cleanup_error_ Error error = {};

        c->start->shims = NULL;
        _cleanup_close_ int cgroup = why ? -EBADF : shims_open_cgroup(c->context->shims);
        if (why)
                error_set(&error, ERROR_START_FAILED, "%s", error_text(why));
        else if (cgroup < 0)
                error_set_errno(&error, cgroup, "the cgroup of %s is missing", SHIMS_UNIT);
        if (cgroup < 0 || start_spawn(c, cgroup, &error) < 0)
                container_start_abort(c, &error);
}

static void on_shim_ended(int code, void *userdata) {
        Container *c = userdata;
        char why[64];

        c->shim = NULL;
        c->shim_pid = 0;
        if (!container_is_active(c))
                return;
        /* It says what happened before it ends, and that has been read by now. */
        snprintf(why, sizeof(why),
                 code > 128 ? "its shim was killed by signal %d" : "its shim ended with status %d",
                 code > 128 ? code - 128 : code);
        container_shim_lost(c, why);
}

static int start_spawn(Container *c, int cgroup, Error *error) {
        int sockets[2];

        int r = socket_pair(SOCK_SEQPACKET, 0, sockets);
        if (r < 0)
                return error_set_errno(error, r, "cannot make a socket for the shim");
        _cleanup_close_ int ours = sockets[0], theirs = sockets[1];
        if ((r = fd_set_nonblock(ours, true)) < 0)
                return error_set_errno(error, r, "cannot make a socket for the shim");
        r = shims_spawn(c->context->event, cgroup, c->spec.id, c->start->directory_fd, theirs, on_shim_ended,
                        c, &c->shim, error);
        if (r < 0)
                return r;
        c->shim_pid = child_pid(c->shim);
        r = container_use_shim(c, TAKE_FD(ours));
        if (r < 0)
                return error_set_errno(error, r, "cannot watch the shim");
        container_send_attachments(c);
        return 0;
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata) {
        _cleanup_error_ Error error = {};
        Container *c = userdata;

        if (c->start->error.kind != ERROR_NONE) {
                container_shim_lost(c, "its shim did not give up");
                return 0;
        }
        error_set(&error, ERROR_START_FAILED, "it did not start within %u s",
                  (unsigned) (START_TIMEOUT_USEC / USEC_PER_SEC));
        container_start_abort(c, &error);
        (void) sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        return 0;
}

/* The unit keeps the name that the container has now, until the next start. */
static int choose_unit(Container *c) {
        _cleanup_free_ char *unit = container_unit_name(c->spec.name, c->spec.id, false);

        free_and_replace(c->state.unit, NULL); /* of the last run: not in its own way */
        if (unit && c->context->unit_is_taken(c->context->owner, unit)) {
                char *distinct = container_unit_name(c->spec.name, c->spec.id, true);
                free_and_replace(unit, distinct);
        }
        free_and_replace(c->state.unit, TAKE_PTR(unit));
        return c->state.unit ? 0 : -ENOMEM;
}

static int launch(Container *c, Error *error) {
        int r = start_prepare(c, error);

        if (r < 0)
                return r;
        if ((r = container_save_state(c)) < 0)
                return error_set_errno(error, r, "cannot store the state of container \"%s\"", c->spec.name);
        _cleanup_close_ int cgroup = shims_open_cgroup(c->context->shims);
        if (cgroup >= 0)
                return start_spawn(c, cgroup, error);
        r = shims_wait(c->context->shims, on_shims_ready, c, &c->start->shims);
        return r < 0 ? error_set_errno(error, r, "cannot start %s", SHIMS_UNIT) : 0;
}

void container_on_prepared(Container *c, const Error *why) {
        _cleanup_error_ Error error = {};

        if (why)
                error_set(&error, why->kind, "%s", error_text(why));
        if (why || launch(c, &error) < 0)
                container_start_abort(c, &error);
}

static int start_begin(Container *c, Error *error) {
        int r;

        if (choose_unit(c) < 0 || free_and_strdup(&c->state.boot_id, c->context->boot_id) < 0)
                return error_set_errno(error, -ENOMEM, "cannot start");
        r = sd_event_add_time_relative(c->context->event, &c->start->timeout, CLOCK_MONOTONIC,
                                       START_TIMEOUT_USEC, USEC_PER_SEC, on_timeout, c);
        if (r < 0)
                return error_set_errno(error, r, "cannot set a timer");
        r = container_prepare(c, error);
        return r > 0 ? launch(c, error) : r;
}

static int start_run(Container *c, const StartOptions *options, bool automatic, Error *error) {
        c->start = new0(ContainerStart, 1);
        if (!c->start)
                return error_set_errno(error, -ENOMEM, "cannot start");
        *c->start = (ContainerStart){ .directory_fd = -EBADF, .automatic = automatic };
        if (options)
                c->start->options = *options;

        c->restart_timer = sd_event_source_disable_unref(c->restart_timer);
        c->state.status = CONTAINER_STARTING;
        c->state.manually_stopped = false;
        c->state.oom_killed = false;
        c->stopped_by_host = c->executed = false;
        free_and_replace(c->state.error, NULL);
        object_done(&health_state_type, &c->state.health);
        if (!automatic) {
                c->state.restart_count = 0;
                c->restart_delay = 0;
        }
        return start_begin(c, error);
}

static void start_or_end(Container *c, const StartOptions *options, bool automatic) {
        _cleanup_error_ Error error = {};

        if (start_run(c, options, automatic, &error) < 0)
                container_start_abort(c, &error);
        else
                container_changed_status(c);
}

int container_start(Container *c, const StartOptions *options, ContainerDone done, void *userdata,
                    Error *error) {
        if (container_is_active(c))
                return error_set(error, ERROR_ALREADY, "container \"%s\" is %s already", c->spec.name,
                                 container_status_words[c->state.status]);
        if (c->state.status == CONTAINER_REMOVING)
                return error_set(error, ERROR_IN_USE, "container \"%s\" is being removed", c->spec.name);
        int r = container_wait(c, EDGE_STARTED, done, userdata);
        if (r < 0)
                return error_set_errno(error, r, "cannot wait for the start of \"%s\"", c->spec.name);
        /* From here on a failure is an end like any other, and done() is told about it. */
        start_or_end(c, options, false);
        return 0;
}

void container_start_again(Container *c) {
        start_or_end(c, NULL, true);
}

void container_start_abort(Container *c, Error *error) {
        if (c->start && c->start->error.kind != ERROR_NONE)
                return; /* already on its way down */
        if (c->start && c->shim_fd >= 0) {
                error_move(&c->start->error, error);
                /* The end of the connection tells the shim; what it says in return is still read. */
                (void) shutdown(c->shim_fd, SHUT_WR);
                if (c->leader_fd >= 0)
                        (void) pidfd_signal(c->leader_fd, SIGKILL);
                if (c->start->timeout)
                        (void) sd_event_source_set_time_relative(c->start->timeout, ABORT_TIMEOUT_USEC);
                return;
        }
        container_ended(c, &(ExitRecord){
                                   .exit_code = error_kind_to_exit_status(error->kind),
                                   .error_kind = (char *) error_kind_to_string(error->kind),
                                   .error = (char *) error_text(error),
                           });
}

/* ---- between CREATED and GO ---- */

static void continue_start(Container *c) {
        _cleanup_free_ char *cgroup = NULL;
        _cleanup_error_ Error error = {};

        if (!c->start->created || !c->start->scope_ready || !c->start->network_ready || c->start->gone)
                return;
        int r = process_cgroup(c->state.leader, &cgroup);
        if (r >= 0 && !streq(path_basename(cgroup), c->state.unit))
                r = -ESRCH;
        if (r < 0)
                error_set_errno(&error, r, "the first process has left %s", c->state.unit);
        else
                r = container_send(c, SHIM_GO, &(ShimMessage){ .cgroup = cgroup }, -EBADF, &error);
        if (r < 0) {
                container_start_abort(c, &error);
                return;
        }
        c->start->gone = true;
        free_and_replace(c->state.cgroup, TAKE_PTR(cgroup));
}

static void on_scope(const Error *why, void *userdata) {
        Container *c = userdata;
        _cleanup_error_ Error error = {};

        c->start->scope_job = NULL;
        if (why) {
                error_set(&error, ERROR_START_FAILED, "%s", error_text(why));
                container_start_abort(c, &error);
                return;
        }
        c->start->scope_ready = true;
        continue_start(c);
}

static void on_network(int r, const Error *why, void *userdata) {
        Container *c = userdata;
        _cleanup_error_ Error error = {};

        if (r < 0) {
                error_set(&error, ERROR_START_FAILED, "%s", why ? error_text(why) : "its network failed");
                container_start_abort(c, &error);
                return;
        }
        c->start->network_ready = true;
        continue_start(c);
}

static void warn_about_limits(const Container *c) {
        _cleanup_free_ char *controllers = NULL;

        if (strv_isempty(c->spec.properties) ||
            read_file_at(AT_FDCWD, "/sys/fs/cgroup/cgroup.controllers", 4096, &controllers, NULL) < 0)
                return;
        STRV_FOREACH(p, c->spec.properties) {
                _cleanup_free_ char *name = strndup(*p, strcspn(*p, "="));
                const char *controller = name ? scope_property_controller(name) : NULL;
                if (controller && !strstr(controllers, controller))
                        log_warning("Container %s: %s is without effect, as this host has no cgroup "
                                    "controller \"%s\".",
                                    c->spec.name, *p, controller);
        }
}

static int start_scope(Container *c, Error *error) {
        ContainerStart *s = c->start;

        s->description = string_join("Container ", c->spec.name, " (", c->spec.image, ")");
        if (!s->description)
                return error_set_errno(error, -ENOMEM, "cannot start");
        s->scope = (ScopeSpec){
                .unit = c->state.unit,
                .description = s->description,
                .pid = c->state.leader,
                .kill_signal = c->effective.stop_signal,
                .stop_timeout = c->spec.stop_timeout,
                .any_device = c->spec.privileged,
                .make_devices = c->spec.uid_count == 0,
                .devices = s->devices.allowed,
                .slice = c->spec.cgroup_parent,
                .properties = c->spec.properties,
        };
        return systemd_start_scope(c->context->systemd, &s->scope, on_scope, c, &s->scope_job, error);
}

void container_on_created(Container *c, const ShimMessage *message) {
        _cleanup_error_ Error error = {};

        if (!c->start || c->start->created || c->start->error.kind != ERROR_NONE)
                return;
        c->start->created = true;
        c->state.leader = message->pid;
        c->state.leader_start_time = message->start_time;
        c->leader_fd = process_open(message->pid, message->start_time);
        if (c->leader_fd < 0) {
                error_set_errno(&error, c->leader_fd, "its first process is gone");
                container_start_abort(c, &error);
                return;
        }

        int r = start_scope(c, &error);
        if (r >= 0)
                r = networks_attach(c->context->networks, c->spec.id, &c->state.endpoints, c->state.leader,
                                    on_network, c, &error);
        if (r < 0) {
                container_start_abort(c, &error);
                return;
        }
        c->start->network_ready = r == 0;
        warn_about_limits(c);
}

/* ---- it runs ---- */

void container_on_started(Container *c, const ShimMessage *message) {
        if (!c->start || c->start->error.kind != ERROR_NONE)
                return;
        c->start = container_start_free(c->start);
        c->executed = true;
        c->state.started = message->started;
        /* A stop may have come before. */
        if (c->state.status == CONTAINER_STARTING)
                c->state.status = CONTAINER_RUNNING;
        container_changed_status(c);
        container_tell(c, "start", NULL);
        container_wake(c, EDGE_STARTED, NULL);
        container_register_machine(c);
        /* Nobody needs to wait for that: a next berthd would learn it from the shim. */
        (void) container_save_state(c);
}
