/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container-private.h"
#include "fd-util.h"
#include "file-util.h"
#include "log.h"
#include "parse-util.h"
#include "string-util.h"
#include "strv.h"

/* A change goes to systemd first, which may refuse it, and is then written down. Only when both are done does berthd
 * itself know of it; if berthd is killed between the two, the run that goes on has the new limits and its next start
 * the old ones. */

typedef enum UpdateTime {
        UPDATE_AT_START, /* the command, its environment, mounts, …: of a process that runs they can't be changed */
        UPDATE_IN_UNIT, /* at once, by systemd */
        UPDATE_AT_ONCE, /* berthd looks at it only when it needs it */
        UPDATE_NEVER,
} UpdateTime;

/* All others: UPDATE_AT_START. */
static const struct {
        const char *name;
        UpdateTime time;
} fields[] = {
        { "Properties", UPDATE_IN_UNIT },
        { "AutoRemove", UPDATE_AT_ONCE },
        { "Labels", UPDATE_AT_ONCE },
        { "Restart", UPDATE_AT_ONCE },
        { "StopSignal", UPDATE_AT_ONCE },
        { "StopTimeoutUSec", UPDATE_AT_ONCE },
        { "Image", UPDATE_NEVER },
        { "IPCContainer", UPDATE_NEVER },
        { "NetworkContainer", UPDATE_NEVER },
        { "PIDContainer", UPDATE_NEVER },
        { "Privileged", UPDATE_NEVER },
        { "StorageSize", UPDATE_NEVER },
        { "UserNamespace", UPDATE_NEVER },
        { "UserNamespaceBase", UPDATE_NEVER },
        { "VolumesFrom", UPDATE_NEVER },
};

struct ContainerUpdate {
        Container *container;
        ContainerSpec changes;
        char **names;
        ContainerDone done;
        void *userdata;
        UnitJob *job;
        ContainerSpec spec; /* what is being saved */
};

static const Field update_options_fields[] = {
        { "DryRun", FIELD_BOOL, offsetof(UpdateOptions, dry_run) },
        { "Force", FIELD_BOOL, offsetof(UpdateOptions, force) },
        {},
};
const ObjectType update_options_type = { "update options", sizeof(UpdateOptions), update_options_fields };

static UpdateTime time_of(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(fields); i++)
                if (streq(fields[i].name, name))
                        return fields[i].time;
        return UPDATE_AT_START;
}

/* ---- what would be ---- */

int container_update_spec(const Container *c, const ContainerSpec *changes, char *const *names,
                          ContainerSpec *ret, Error *error) {
        ContainerSpec spec;

        for (size_t i = 0; names && names[i]; i++)
                if (time_of(names[i]) == UPDATE_NEVER)
                        return error_set(
                                error, ERROR_UNSUPPORTED,
                                "%s is decided when a container is created, and can't be changed later",
                                names[i]);
        int r = object_copy(&container_spec_type, &spec, &c->spec);
        if (r >= 0)
                r = object_copy_fields(&container_spec_type, &spec, changes, names);
        if (r >= 0)
                r = container_spec_type.validate(&spec, error);
        if (r < 0) {
                object_done(&container_spec_type, &spec);
                return error_set_errno(error, r, "cannot change container \"%s\"", c->spec.name);
        }
        *ret = spec;
        return 0;
}

int container_update_effects(const Container *c, char *const *names, char ***ret_live, char ***ret_later) {
        _cleanup_strv_free_ char **live = NULL, **later = NULL;

        for (size_t i = 0; names && names[i]; i++) {
                UpdateTime time = time_of(names[i]);
                bool now = time == UPDATE_AT_ONCE || (time == UPDATE_IN_UNIT && container_is_up(c));
                int r = strv_extend(now ? &live : &later, names[i]);
                if (r < 0)
                        return r;
        }
        *ret_live = TAKE_PTR(live);
        *ret_later = TAKE_PTR(later);
        return 0;
}

/* ---- doing it ---- */

static ContainerUpdate *update_free(ContainerUpdate *update) {
        if (!update)
                return NULL;
        unit_job_drop(update->job);
        object_done(&container_spec_type, &update->changes);
        object_done(&container_spec_type, &update->spec);
        strv_free(update->names);
        free(update);
        return NULL;
}
DEFINE_CLEANUP(ContainerUpdate *, update_free);

void container_drop_update(Container *c) {
        _cleanup_(update_freep) ContainerUpdate *update = TAKE_PTR(c->update);
        _cleanup_error_ Error error = {};

        if (!update)
                return;
        error_set(&error, ERROR_NO_SUCH_CONTAINER, "container \"%s\" has been removed meanwhile",
                  c->spec.name);
        update->done(c, &error, update->userdata);
}

static void finish(ContainerUpdate *owned, const Error *error) {
        _cleanup_(update_freep) ContainerUpdate *update = owned;
        Container *c = update->container;

        c->update = NULL;
        update->done(c, error, update->userdata);
        if (c->remove_when_ended && !container_is_active(c))
                container_remove_now(c);
}

static int work_save(void *userdata) {
        const ContainerUpdate *update = userdata;

        return container_write_spec(update->container, &update->spec);
}

/* Id and name are the keys of indexes, so that these very strings stay. */
static void take_spec(Container *c, ContainerSpec *spec) {
        ContainerSpec before = c->spec;
        char *id = spec->id, *name = spec->name;

        c->spec = *spec;
        c->spec.id = before.id;
        c->spec.name = before.name;
        *spec = before;
        spec->id = id;
        spec->name = name;
}

static void ignore_result(const Error *error, void *userdata) {
}

/* What could not be written down shall not be in the unit either. */
static void restore_unit(Container *c, const ContainerSpec *spec) {
        UnitJob *job;

        if (container_is_up(c))
                (void) systemd_change_properties(c->context->systemd, c->state.unit, spec->properties,
                                                 c->spec.properties, ignore_result, NULL, &job, NULL);
}

static void tell(Container *c) {
        static const char *const properties[] = { "Labels",     "RestartPolicy", "StopTimeoutUSec",
                                                  "AutoRemove", "Command",       NULL };

        c->context->changed(c, properties);
        container_tell(c, "update", NULL);
}

static void on_saved(int code, void *userdata) {
        ContainerUpdate *update = userdata;
        _cleanup_error_ Error error = {};
        Container *c = update->container;

        c->saving = NULL;
        if (code != 0) {
                restore_unit(c, &update->spec);
                error_set_errno(&error, code > 0 && code < 128 ? -code : -EIO,
                                "cannot store the specification of container \"%s\"", c->spec.name);
        } else {
                take_spec(c, &update->spec);
                int r = container_update_effective(c);
                if (r < 0)
                        log_warning_errno(r, "Failed to work out the configuration of container %s: %m",
                                          c->spec.name);
                tell(c);
        }
        finish(update, code != 0 ? &error : NULL);
}

static int save(ContainerUpdate *update, Error *error) {
        Container *c = update->container;

        if (c->saving)
                return error_set(error, ERROR_IN_USE, "container \"%s\" is being changed already",
                                 c->spec.name);
        int r = container_update_spec(c, &update->changes, update->names, &update->spec, error);
        if (r < 0)
                return r;
        r = child_run(c->context->event, work_save, on_saved, update, &c->saving);
        return r < 0 ? error_set_errno(error, r, "cannot store the specification of container \"%s\"",
                                       c->spec.name)
                     : 0;
}

static void on_unit_changed(const Error *why, void *userdata) {
        ContainerUpdate *update = userdata;
        _cleanup_error_ Error error = {};
        Container *c = update->container;

        update->job = NULL;
        /* A unit that has ended meanwhile needs no limits. */
        if (why && container_is_up(c))
                error_set(&error, ERROR_INVALID, "systemd does not take the limits of \"%s\": %s",
                          c->spec.name, error_text(why));
        else if (save(update, &error) >= 0)
                return;
        else
                restore_unit(c, &update->changes);
        finish(update, &error);
}

/* The kernel would kill at once to get below the new limit. */
static int check_memory(const Container *c, const ContainerSpec *spec, Error *error) {
        const char *limit = strv_map_get(spec->properties, "MemoryMax");
        _cleanup_free_ char *path = NULL, *text = NULL;
        uint64_t maximum, current;

        if (!limit || parse_size(limit, &maximum) < 0 || isempty(c->state.cgroup))
                return 0;
        path = string_join("/sys/fs/cgroup", c->state.cgroup, "/memory.current");
        if (!path || read_file_at(AT_FDCWD, path, 64, &text, NULL) < 0)
                return 0;
        text[strcspn(text, "\n")] = 0;
        if (parse_u64(text, &current) < 0 || current <= maximum)
                return 0;
        return error_set(
                error, ERROR_INVALID,
                "container \"%s\" uses %llu bytes of memory now, more than the limit of %llu, for which the "
                "kernel would kill in it; with --force it may",
                c->spec.name, (unsigned long long) current, (unsigned long long) maximum);
}

static int begin(ContainerUpdate *update, const UpdateOptions *options, Error *error) {
        Container *c = update->container;
        ContainerSpec spec;

        int r = container_update_spec(c, &update->changes, update->names, &spec, error);
        if (r < 0)
                return r;
        bool in_unit = strv_contains(update->names, "Properties") && container_is_up(c);
        r = in_unit && !options->force ? check_memory(c, &spec, error) : 0;
        if (r >= 0)
                r = in_unit ? systemd_change_properties(c->context->systemd, c->state.unit,
                                                        c->spec.properties, spec.properties, on_unit_changed,
                                                        update, &update->job, error)
                            : 1;
        object_done(&container_spec_type, &spec);
        return r == 1 ? save(update, error) : r;
}

int container_update(Container *c, const ContainerSpec *changes, char *const *names,
                     const UpdateOptions *options, ContainerDone done, void *userdata, Error *error) {
        _cleanup_(update_freep) ContainerUpdate *update = NULL;

        if (c->update || c->saving || c->state.status == CONTAINER_REMOVING)
                return error_set(error, ERROR_IN_USE, "container \"%s\" is being changed already",
                                 c->spec.name);
        if (container_is_active(c) && !container_is_up(c))
                return error_set(error, ERROR_IN_USE, "container \"%s\" is just starting or ending",
                                 c->spec.name);
        update = new0(ContainerUpdate, 1);
        if (!update)
                return error_set_errno(error, -ENOMEM, "cannot change container \"%s\"", c->spec.name);
        *update = (ContainerUpdate){ .container = c, .done = done, .userdata = userdata };
        if (object_copy(&container_spec_type, &update->changes, changes) < 0 ||
            strv_copy_into(names, &update->names) < 0)
                return error_set_errno(error, -ENOMEM, "cannot change container \"%s\"", c->spec.name);
        int r = begin(update, options, error);
        if (r < 0)
                return r;
        c->update = TAKE_PTR(update);
        return 0;
}
