/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus.h"
#include "daemon.h"
#include "fd-util.h"
#include "log.h"
#include "object-bus.h"
#include "parse-util.h"
#include "string-util.h"
#include "strv.h"

char *container_path(const Container *c) {
        return bus_object_path(CONTAINER_PATH, c->spec.name);
}

Daemon *daemon_of_container(const Container *c) {
        Manager *m = c->context->owner;
        return m->userdata;
}

/* ---- its life ---- */

static int method_start(Call *call, Error *error) {
        StartOptions options;

        int r = call_read_options(call, &start_options_type, &options, error);
        if (r < 0)
                return r;
        sd_bus_message *held = call_hold(call);
        return call_started(container_start(call->object, &options, call_done, held, error), held);
}

typedef int (*Stopper)(Container *c, const StopOptions *options, ContainerDone done, void *userdata,
                       Error *error);

static int stop_with(Call *call, Stopper stop, Error *error) {
        StopOptions options;

        int r = call_read_options(call, &stop_options_type, &options, error);
        if (r < 0)
                return r;
        sd_bus_message *held = call_hold(call);
        r = call_started(stop(call->object, &options, call_done, held, error), held);
        object_done(&stop_options_type, &options);
        return r;
}

static int method_stop(Call *call, Error *error) {
        return stop_with(call, container_stop, error);
}

static int method_restart(Call *call, Error *error) {
        return stop_with(call, container_restart, error);
}

static int method_kill(Call *call, Error *error) {
        const char *name;

        int r = call_read(call, error, "s", &name);
        if (r < 0)
                return r;
        int signal = isempty(name) ? SIGKILL : parse_signal(name);
        if (signal <= 0)
                return error_set(error, ERROR_INVALID, "unknown signal \"%s\"", name);
        r = container_kill(call->object, signal, error);
        return r < 0 ? r : call_reply(call);
}

static int method_pause(Call *call, Error *error) {
        sd_bus_message *held = call_hold(call);

        return call_started(container_pause(call->object, true, call_done, held, error), held);
}

static int method_unpause(Call *call, Error *error) {
        sd_bus_message *held = call_hold(call);

        return call_started(container_pause(call->object, false, call_done, held, error), held);
}

static void reply_exit_code(Container *c, const Error *error, void *userdata) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = userdata;

        if (error)
                (void) bus_reply_error(m, -EIO, error);
        else
                (void) sd_bus_reply_method_return(m, "i", (int32_t) c->state.exit_code);
}

static void reply_zero(Container *c, const Error *error, void *userdata) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = userdata;

        if (error)
                (void) bus_reply_error(m, -EIO, error);
        else
                (void) sd_bus_reply_method_return(m, "i", (int32_t) 0);
}

static int wait_healthy(Call *call, Error *error) {
        sd_bus_message *held = call_hold(call);

        return call_started(container_wait_healthy(call->object, reply_zero, held, error), held);
}

static int method_wait(Call *call, Error *error) {
        static const struct {
                const char *name;
                ContainerEdge edge;
        } conditions[] = {
                { "", EDGE_STOPPED },
                { "not-running", EDGE_STOPPED },
                { "next-exit", EDGE_NEXT_EXIT },
                { "removed", EDGE_REMOVED },
        };
        const char *name;

        int r = call_read(call, error, "s", &name);
        if (r < 0)
                return r;
        if (streq(name, "healthy"))
                return wait_healthy(call, error);
        for (size_t i = 0; i < ELEMENTSOF(conditions); i++) {
                if (!streq(conditions[i].name, name))
                        continue;
                sd_bus_message *held = call_hold(call);
                r = call_started(container_wait(call->object, conditions[i].edge, reply_exit_code, held),
                                 held);
                return r < 0 ? error_set_errno(error, r, "cannot wait") : 0;
        }
        return error_set(error, ERROR_INVALID,
                         "\"%s\" is not a condition to wait for: not-running, next-exit, removed, healthy",
                         name);
}

static void reply_probe(Container *c, const Error *error, void *userdata) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = userdata;
        const List *log = &c->state.health.log;

        if (error || log->n == 0) {
                (void) bus_reply_error(m, -EIO, error);
                return;
        }
        const HealthProbe *last = LIST_ITEM(log, HealthProbe, log->n - 1);
        (void) sd_bus_reply_method_return(m, "is", (int32_t) last->exit_code, strempty(last->output));
}

static int method_run_health_check(Call *call, Error *error) {
        sd_bus_message *held = call_hold(call);

        return call_started(container_probe(call->object, reply_probe, held, error), held);
}

static int method_rename(Call *call, Error *error) {
        const char *name;

        int r = call_read(call, error, "s", &name);
        if (r < 0)
                return r;
        sd_bus_message *held = call_hold(call);
        return call_started(
                manager_rename_container(call->daemon->manager, call->object, name, call_done, held, error),
                held);
}

typedef struct RemoveOptions {
        bool force, volumes;
} RemoveOptions;

static const Field remove_options_fields[] = {
        { "Force", FIELD_BOOL, offsetof(RemoveOptions, force) },
        { "Volumes", FIELD_BOOL, offsetof(RemoveOptions, volumes) },
        {},
};
static const ObjectType remove_options_type = { "remove options", sizeof(RemoveOptions),
                                                remove_options_fields };

static int method_remove(Call *call, Error *error) {
        RemoveOptions options;

        int r = call_read_options(call, &remove_options_type, &options, error);
        if (r < 0)
                return r;
        sd_bus_message *held = call_hold(call);
        return call_started(
                container_remove(call->object, options.force, options.volumes, call_done, held, error),
                held);
}

/* ---- its streams ---- */

typedef struct AttachOptions {
        bool want_stdin, want_stdout, want_stderr;
} AttachOptions;

static const Field attach_options_fields[] = {
        { "Stdin", FIELD_BOOL, offsetof(AttachOptions, want_stdin) },
        { "Stdout", FIELD_BOOL, offsetof(AttachOptions, want_stdout) },
        { "Stderr", FIELD_BOOL, offsetof(AttachOptions, want_stderr) },
        {},
};
static const ObjectType attach_options_type = { "attach options", sizeof(AttachOptions),
                                                attach_options_fields };

static int method_attach(Call *call, Error *error) {
        _cleanup_close_ int fd = -EBADF;
        AttachOptions o;

        int r = call_read_options(call, &attach_options_type, &o, error);
        if (r < 0)
                return r;
        if (!o.want_stdin && !o.want_stdout && !o.want_stderr)
                o.want_stdin = o.want_stdout = o.want_stderr = true;
        r = container_attach(call->object, o.want_stdin, o.want_stdout, o.want_stderr, &fd, error);
        return r < 0 ? r : sd_bus_reply_method_return(call->message, "h", fd);
}

typedef struct ExecCall {
        sd_bus_message *message;
        char *id;
        int fd;
} ExecCall;

static void exec_call_free(ExecCall *exec) {
        sd_bus_message_unref(exec->message);
        safe_close(exec->fd);
        free(exec->id);
        free(exec);
}

static void on_exec_executed(Container *c, const Error *error, void *userdata) {
        ExecCall *exec = userdata;

        if (error)
                (void) bus_reply_error(exec->message, -EIO, error);
        else
                (void) sd_bus_reply_method_return(exec->message, "sh", exec->id, exec->fd);
        exec_call_free(exec);
}

static int method_exec(Call *call, Error *error) {
        ExecSpec spec;

        int r = call_read_options(call, &exec_spec_type, &spec, error);
        if (r < 0)
                return r;
        ExecCall *exec = new0(ExecCall, 1);
        if (!exec) {
                object_done(&exec_spec_type, &spec);
                return error_set_errno(error, -ENOMEM, "cannot execute");
        }
        *exec = (ExecCall){ .message = call_hold(call), .fd = -EBADF };
        r = container_exec(call->object, &spec, &exec->id, &exec->fd, on_exec_executed, exec, error);
        if (r < 0)
                exec_call_free(exec);
        else if (!spec.detach) {
                r = sd_bus_reply_method_return(call->message, "sh", exec->id, exec->fd);
                exec_call_free(exec);
        }
        object_done(&exec_spec_type, &spec);
        return r;
}

static int method_resize(Call *call, Error *error) {
        uint32_t rows, columns;

        int r = call_read(call, error, "uu", &rows, &columns);
        if (r >= 0)
                r = container_resize(call->object, rows, columns, error);
        return r < 0 ? r : call_reply(call);
}

static int method_logs(Call *call, Error *error) {
        _cleanup_close_ int fd = -EBADF;
        LogsOptions options;

        int r = call_read_options(call, &logs_options_type, &options, error);
        if (r >= 0)
                r = manager_read_logs(call->daemon->manager, call->object, &options, &fd, error);
        return r < 0 ? r : sd_bus_reply_method_return(call->message, "h", fd);
}

/* ---- what it is ---- */

static int append_object(sd_bus_message *m, const char *name, const ObjectType *type, const void *object) {
        int r;

        if ((r = sd_bus_message_open_container(m, 'e', "sv")) < 0 ||
            (r = sd_bus_message_append(m, "s", name)) < 0 ||
            (r = sd_bus_message_open_container(m, 'v', "a{sv}")) < 0 ||
            (r = object_append_bus(type, object, m, OBJECT_INTERNAL)) < 0 ||
            (r = sd_bus_message_close_container(m)) < 0)
                return r;
        return sd_bus_message_close_container(m);
}

static int append_strings(sd_bus_message *m, const char *name, char **strings) {
        int r;

        if ((r = sd_bus_message_open_container(m, 'e', "sv")) < 0 ||
            (r = sd_bus_message_append(m, "s", name)) < 0 ||
            (r = sd_bus_message_open_container(m, 'v', "as")) < 0 ||
            (r = sd_bus_message_append_strv(m, strings)) < 0 || (r = sd_bus_message_close_container(m)) < 0)
                return r;
        return sd_bus_message_close_container(m);
}

static int method_inspect(Call *call, Error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        static const ImageConfig none = {};
        Container *c = call->object;
        int r;

        const Image *image =
                image_store_by_digest(call->daemon->manager->images, strempty(c->spec.image_digest));
        if ((r = sd_bus_message_new_method_return(call->message, &reply)) < 0 ||
            (r = sd_bus_message_open_container(reply, 'a', "{sv}")) < 0 ||
            (r = append_object(reply, "Spec", &container_spec_type, &c->spec)) < 0 ||
            (r = append_object(reply, "State", &container_state_type, &c->state)) < 0 ||
            (r = append_object(reply, "ImageConfig", &image_config_type,
                               image ? &image->record.config : &none)) < 0 ||
            (r = append_strings(reply, "Arguments", c->effective.arguments)) < 0 ||
            (r = append_strings(reply, "Environment", c->effective.environment)) < 0 ||
            (r = sd_bus_message_append(reply, "{sv}{sv}{sv}{sv}", "WorkingDirectory", "s",
                                       c->effective.working_directory, "User", "s", c->effective.user,
                                       "Hostname", "s", c->effective.hostname, "StopSignal", "i",
                                       (int32_t) c->effective.stop_signal)) < 0 ||
            (r = sd_bus_message_close_container(reply)) < 0)
                return error_set_errno(error, r, "cannot describe container \"%s\"", c->spec.name);
        return sd_bus_send(NULL, reply, NULL);
}

static int method_processes(Call *call, Error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        ContainerProcess *processes;
        size_t n;

        int r = container_processes(call->object, &processes, &n, error);
        if (r < 0)
                return r;
        r = sd_bus_message_new_method_return(call->message, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "(uuss)");
        for (size_t i = 0; r >= 0 && i < n; i++)
                r = sd_bus_message_append(reply, "(uuss)", processes[i].pid, processes[i].uid,
                                          processes[i].name, processes[i].command_line);
        container_processes_free(processes, n);
        if (r < 0 || (r = sd_bus_message_close_container(reply)) < 0)
                return error_set_errno(error, r, "cannot list the processes");
        return sd_bus_send(NULL, reply, NULL);
}

/* ---- the object ---- */

static const Method methods[] = {
        { "Start", ACTION_MANAGE_CONTAINERS, method_start },
        { "Stop", ACTION_MANAGE_CONTAINERS, method_stop },
        { "Restart", ACTION_MANAGE_CONTAINERS, method_restart },
        { "Kill", ACTION_MANAGE_CONTAINERS, method_kill },
        { "Pause", ACTION_MANAGE_CONTAINERS, method_pause },
        { "Unpause", ACTION_MANAGE_CONTAINERS, method_unpause },
        { "Wait", NULL, method_wait },
        { "Rename", ACTION_MANAGE_CONTAINERS, method_rename },
        { "Remove", ACTION_MANAGE_CONTAINERS, method_remove },
        { "RunHealthCheck", ACTION_ENTER_CONTAINER, method_run_health_check },
        { "Attach", ACTION_ENTER_CONTAINER, method_attach },
        { "Exec", ACTION_ENTER_CONTAINER, method_exec },
        { "Resize", ACTION_ENTER_CONTAINER, method_resize },
        { "Logs", ACTION_ENTER_CONTAINER, method_logs },
        { "Inspect", ACTION_INSPECT, method_inspect },
        { "Processes", ACTION_INSPECT, method_processes },
        { "Changes", ACTION_INSPECT, method_changes },
        { "GetArchive", ACTION_ENTER_CONTAINER, method_get_archive },
        { "PutArchive", ACTION_ENTER_CONTAINER, method_put_archive },
        { "StatPath", ACTION_ENTER_CONTAINER, method_stat_path },
        { "Export", ACTION_ENTER_CONTAINER, method_export },
        { "Commit", ACTION_MANAGE_IMAGES, method_commit },
        { "AddMount", ACTION_MANAGE_CONTAINERS, method_add_mount },
        { "RemoveMount", ACTION_MANAGE_CONTAINERS, method_remove_mount },
        { "Update", ACTION_MANAGE_CONTAINERS, method_update },
        {},
};

static int dispatch(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        Container *c = userdata;
        const char *const details[] = { "container", c->spec.name, "image", c->spec.image, NULL };

        return method_dispatch(daemon_of_container(c), methods, m, c, details);
}

static const sd_bus_vtable method_vtable[] = {
        SD_BUS_VTABLE_START(0),
        METHOD("Start", "a{sv}", P(options), "", NONE),
        METHOD("Stop", "a{sv}", P(options), "", NONE),
        METHOD("Restart", "a{sv}", P(options), "", NONE),
        METHOD("Kill", "s", P(signal), "", NONE),
        METHOD("Pause", "", NONE, "", NONE),
        METHOD("Unpause", "", NONE, "", NONE),
        METHOD("Wait", "s", P(condition), "i", P(exit_code)),
        METHOD("Rename", "s", P(new_name), "", NONE),
        METHOD("Remove", "a{sv}", P(options), "", NONE),
        METHOD("RunHealthCheck", "", NONE, "is", P(exit_code) P(output)),
        METHOD("Attach", "a{sv}", P(options), "h", P(stream)),
        METHOD("Exec", "a{sv}", P(spec), "sh", P(id) P(stream)),
        METHOD("Resize", "uu", P(rows) P(columns), "", NONE),
        METHOD("Logs", "a{sv}", P(options), "h", P(stream)),
        METHOD("Inspect", "", NONE, "a{sv}", P(details)),
        METHOD("Processes", "", NONE, "a(uuss)", P(processes)),
        METHOD("Changes", "", NONE, "h", P(stream)),
        METHOD("GetArchive", "sa{sv}", P(path) P(options), "ho", P(tar) P(job)),
        METHOD("PutArchive", "sha{sv}", P(directory) P(tar) P(options), "o", P(job)),
        METHOD("StatPath", "s", P(path), "a{sv}", P(stat)),
        METHOD("Export", "h", P(tar), "o", P(job)),
        METHOD("AddMount", "a{sv}a{sv}", P(mount) P(options), "", NONE),
        METHOD("RemoveMount", "sa{sv}", P(target) P(options), "", NONE),
        METHOD("Update", "a{sv}a{sv}", P(changes) P(options), "asas", P(applied_live) P(at_next_start)),
        METHOD("Commit", "sa{sv}", P(reference) P(options), "o", P(job)),
};
static const sd_bus_vtable vtable_end = SD_BUS_VTABLE_END;

static int find_container(sd_bus *bus, const char *path, const char *interface, void *userdata,
                          void **ret_found, sd_bus_error *ret_error) {
        _cleanup_free_ char *name = NULL;
        Daemon *daemon = userdata;

        if (bus_object_name(path, CONTAINER_PATH, &name) < 0)
                return 0;
        Container *c = manager_container_by_name(daemon->manager, name);
        if (!c || c->reserved)
                return 0;
        *ret_found = c;
        return 1;
}

static int enumerate(sd_bus *bus, const char *prefix, void *userdata, char ***ret_nodes,
                     sd_bus_error *ret_error) {
        _cleanup_strv_free_ char **paths = NULL;
        _cleanup_free_ Container **all = NULL;
        Daemon *daemon = userdata;
        size_t n;

        int r = manager_list_containers(daemon->manager, &all, &n);
        if (r < 0)
                return r;
        paths = new0(char *, n + 1);
        if (!paths)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                if (!(paths[i] = container_path(all[i])))
                        return -ENOMEM;
        *ret_nodes = TAKE_PTR(paths);
        return 0;
}

int bus_container_add(Daemon *daemon) {
        static sd_bus_vtable *vtable; /* sd-bus keeps it as long as the bus */
        size_t n;

        const sd_bus_vtable *properties = container_property_vtable(&n);
        vtable = new0(sd_bus_vtable, ELEMENTSOF(method_vtable) + n + 1);
        if (!vtable)
                return -ENOMEM;
        memcpy(vtable, method_vtable, sizeof(method_vtable));
        memcpy(vtable + ELEMENTSOF(method_vtable), properties, n * sizeof(*properties));
        vtable[ELEMENTSOF(method_vtable) + n] = vtable_end;

        int r = sd_bus_add_fallback_vtable(daemon->bus, NULL, CONTAINER_PATH, CONTAINER_INTERFACE, vtable,
                                           find_container, daemon);
        return r < 0 ? r : sd_bus_add_node_enumerator(daemon->bus, NULL, CONTAINER_PATH, enumerate, daemon);
}
