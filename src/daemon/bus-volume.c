/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus.h"
#include "daemon.h"
#include "image-prune.h"
#include "log.h"
#include "manager-volumes.h"
#include "object-bus.h"
#include "string-util.h"
#include "strv.h"
#include "volume-driver.h"

/* Volumes: the manager's methods for them, and org.berth1.Volume. */

char *volume_path(const Volume *volume) {
        return bus_object_path(VOLUME_PATH, volume->spec.name);
}

static Daemon *daemon_of(const Volume *volume) {
        const Manager *m = volume->owner;

        return m->userdata;
}

/* ---- properties ---- */

static int append_mount_point(const Volume *volume, sd_bus_message *m) {
        _cleanup_free_ char *path = volume_data_path(volume->spec.name);

        return path ? sd_bus_message_append(m, "s", path) : -ENOMEM;
}

static int append_users(const Volume *volume, sd_bus_message *m) {
        _cleanup_strv_free_ char **names = NULL;

        int r = manager_volume_users(volume->owner, volume, &names);
        return r < 0 ? r : sd_bus_message_append_strv(m, names);
}

static int append_mounted(const Volume *volume, sd_bus_message *m) {
        return sd_bus_message_append(m, "b", (int) volume_is_mounted(volume));
}

static const struct {
        const char *name, *signature; /* a field of the specification, or: */
        int (*append)(const Volume *volume, sd_bus_message *m);
} properties[] = {
        { "Name", "s" },
        { "Driver", "s" },
        { "Options", "a{ss}" },
        { "Labels", "a{ss}" },
        { "Created", "t" },
        { "Anonymous", "b" },
        { "Size", "t" },
        { "Mountpoint", "s", append_mount_point },
        { "Mounted", "b", append_mounted },
        { "UsedBy", "as", append_users },
};

static int append_property(sd_bus_message *m, size_t i, const Volume *volume) {
        if (properties[i].append)
                return properties[i].append(volume, m);
        return field_append_bus(object_find_field(&volume_spec_type, properties[i].name), &volume->spec, m);
}

static int get_property(sd_bus *bus, const char *path, const char *interface, const char *property,
                        sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        for (size_t i = 0; i < ELEMENTSOF(properties); i++)
                if (streq(properties[i].name, property))
                        return append_property(reply, i, userdata);
        return -ENOENT;
}

static int append_properties(sd_bus_message *m, const Volume *volume) {
        int r = sd_bus_message_open_container(m, 'a', "{sv}");

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(properties); i++)
                if ((r = sd_bus_message_open_container(m, 'e', "sv")) >= 0 &&
                    (r = sd_bus_message_append_basic(m, 's', properties[i].name)) >= 0 &&
                    (r = sd_bus_message_open_container(m, 'v', properties[i].signature)) >= 0 &&
                    (r = append_property(m, i, volume)) >= 0 && (r = sd_bus_message_close_container(m)) >= 0)
                        r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

/* ---- of the manager ---- */

static int reply_volume(sd_bus_message *call, const Volume *volume) {
        _cleanup_free_ char *path = volume_path(volume);

        return path ? sd_bus_reply_method_return(call, "o", path) : -ENOMEM;
}

static void on_created(Volume *volume, bool made, const Error *error, void *userdata) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = userdata;

        int r = error ? bus_reply_error(m, -EIO, error) : reply_volume(m, volume);
        if (r < 0)
                log_debug_errno(r, "Failed to reply: %m");
}

int method_create_volume(Call *call, Error *error) {
        VolumeWish wish = { .alike = true };
        const char *name;
        Volume *volume;

        int r = call_read(call, error, "s", &name);
        if (r >= 0)
                r = call_read_options(call, &volume_spec_type, &wish.spec, error);
        if (r < 0)
                return r;
        r = free_and_strdup(&wish.spec.name, name);
        if (r >= 0)
                r = manager_check_volume(call->daemon->manager, &wish.spec, true, error);
        if (r >= 0) {
                sd_bus_message *held = call_hold(call);
                r = manager_make_volume(call->daemon->manager, &wish, on_created, held, &volume, error);
                if (r != 0)
                        sd_bus_message_unref(held);
        }
        volume_wish_done(&wish);
        if (r < 0)
                return error_set_errno(error, r, "cannot create a volume");
        return r > 0 ? reply_volume(call->message, volume) : 0;
}

int method_get_volume(Call *call, Error *error) {
        const char *name;
        Volume *volume;

        int r = call_read(call, error, "s", &name);
        if (r >= 0)
                r = manager_find_volume(call->daemon->manager, name, &volume, error);
        return r < 0 ? r : reply_volume(call->message, volume);
}

typedef struct VolumeFilter {
        char **names, **drivers, **labels;
        char *dangling; /* "true", "false"; empty: does not matter */
} VolumeFilter;

static const Field volume_filter_fields[] = {
        { "Names", FIELD_STRV, offsetof(VolumeFilter, names), .max = 1000 },
        { "Drivers", FIELD_STRV, offsetof(VolumeFilter, drivers), .max = 1000 },
        { "Labels", FIELD_STRV, offsetof(VolumeFilter, labels), .max = 1000 },
        { "Dangling", FIELD_STRING, offsetof(VolumeFilter, dangling), .max = 5 },
        {},
};
static const ObjectType volume_filter_type = { "volume filter", sizeof(VolumeFilter), volume_filter_fields };

static bool name_matches(const Volume *volume, char **parts) {
        STRV_FOREACH(part, parts)
                if (strstr(volume->spec.name, *part))
                        return true;
        return !parts;
}

static bool matches(Manager *m, const Volume *volume, const VolumeFilter *filter) {
        return name_matches(volume, filter->names) &&
               (!filter->drivers || strv_contains(filter->drivers, strempty(volume->spec.driver))) &&
               labels_match(volume->spec.labels, filter->labels, NULL) &&
               (isempty(filter->dangling) ||
                manager_volume_is_used(m, volume, VOLUME_USED) == streq(filter->dangling, "false"));
}

static int append_matching(sd_bus_message *reply, Manager *m, const VolumeFilter *filter) {
        _cleanup_free_ Volume **all = NULL;
        size_t n;

        int r = volumes_list(m->volumes, &all, &n);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "(oa{sv})");
        for (size_t i = 0; r >= 0 && i < n; i++) {
                if (!matches(m, all[i], filter))
                        continue;
                _cleanup_free_ char *path = volume_path(all[i]);
                if (!path)
                        return -ENOMEM;
                if ((r = sd_bus_message_open_container(reply, 'r', "oa{sv}")) >= 0 &&
                    (r = sd_bus_message_append_basic(reply, 'o', path)) >= 0 &&
                    (r = append_properties(reply, all[i])) >= 0)
                        r = sd_bus_message_close_container(reply);
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

int method_list_volumes(Call *call, Error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        VolumeFilter filter;

        int r = call_read_options(call, &volume_filter_type, &filter, error);
        if (r < 0)
                return r;
        r = sd_bus_message_new_method_return(call->message, &reply);
        if (r >= 0)
                r = append_matching(reply, call->daemon->manager, &filter);
        object_done(&volume_filter_type, &filter);
        return r < 0 ? error_set_errno(error, r, "cannot list the volumes") : sd_bus_send(NULL, reply, NULL);
}

/* ---- its methods ---- */

static int inspect_volume(Call *call, Error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        if ((r = sd_bus_message_new_method_return(call->message, &reply)) < 0 ||
            (r = append_properties(reply, call->object)) < 0)
                return error_set_errno(error, r, "cannot describe the volume");
        return sd_bus_send(NULL, reply, NULL);
}

static int rename_volume(Call *call, Error *error) {
        const char *name;

        int r = call_read(call, error, "s", &name);
        if (r >= 0)
                r = manager_rename_volume(call->daemon->manager, call->object, name, error);
        return r < 0 ? r : call_reply(call);
}

/* There is nothing yet that a removal could be forced against. */
static const Field remove_volume_fields[] = { {} };
static const ObjectType remove_volume_type = { "options", sizeof(JobOptions), remove_volume_fields };

static int remove_volume(Call *call, Error *error) {
        JobOptions options;

        int r = call_read_options(call, &remove_volume_type, &options, error);
        if (r >= 0)
                r = manager_remove_volume(call->daemon->manager, call->object, error);
        return r < 0 ? r : call_reply(call);
}

/* ---- jobs ---- */

static const Field volume_job_fields[] = { JOB_OPTION_FIELD, {} };
static const ObjectType volume_job_type = { "options", sizeof(JobOptions), volume_job_fields };

static void release_volume(Job *job, const Error *error, void *userdata) {
        Volume *volume = userdata;

        volume->users--;
        manager_release_volumes(job->manager);
}

/* What is not mounted has no files to be seen: only a container's start mounts it. */
static int check_mounted(const Volume *volume, Error *error) {
        if (!volume_needs_mount(&volume->spec) || volume_is_mounted(volume))
                return 0;
        return error_set(error, ERROR_NOT_RUNNING,
                         "volume \"%s\" is not mounted, as no container runs that has it",
                         volume->spec.name);
}

/* A job on the volume's files, which can't be removed meanwhile. Takes over *request. */
static int start_job(Call *call, WorkerRequest *request, int fd, const JobOptions *options, JobDone done,
                     Error *error) {
        Volume *volume = call->object;
        JobParameters parameters = { .subject = volume->spec.name };
        Job *job;

        int r = call_make_job(call, request, &fd, fd >= 0, options, &parameters, &job, error);
        if (r < 0)
                return r;
        volume->users++;
        if (job_wait(job, release_volume, volume) < 0)
                volume->users--;
        if (done && job_wait(job, done, NULL) < 0)
                log_oom();
        return call_reply_job(call, job);
}

/* Both take a descriptor and options. */
static int start_transfer(Call *call, const char *verb, Error *error) {
        Volume *volume = call->object;
        WorkerRequest request;
        JobOptions options;
        int fd, r;

        if ((r = call_read(call, error, "h", &fd)) < 0 ||
            (r = call_read_options(call, &volume_job_type, &options, error)) < 0 ||
            (r = check_mounted(volume, error)) < 0 || (r = call_make_request(verb, &request, error)) < 0)
                return r;
        r = free_and_strdup(&request.name, volume->spec.name);
        if (r < 0) {
                object_done(&worker_request_type, &request);
                return error_set_errno(error, r, "cannot make a job");
        }
        return start_job(call, &request, fd, &options, NULL, error);
}

static int export_volume(Call *call, Error *error) {
        return start_transfer(call, "volume-export", error);
}

static int import_volume(Call *call, Error *error) {
        return start_transfer(call, "volume-import", error);
}

static void take_clone(Job *job, const Error *error, void *userdata) {
        _cleanup_error_ Error failure = {};
        Volume *volume;

        if (!error && manager_take_volume(job->manager, job->result.name, &volume, &failure) < 0)
                log_error("%s", error_text(&failure));
}

static int clone_volume(Call *call, Error *error) {
        const Volume *volume = call->object;
        WorkerRequest request;
        JobOptions options;
        const char *name;
        int r;

        if ((r = call_read(call, error, "s", &name)) < 0 ||
            (r = call_read_options(call, &volume_job_type, &options, error)) < 0)
                return r;
        if (volume_needs_mount(&volume->spec))
                return error_set(error, ERROR_UNSUPPORTED,
                                 "volume \"%s\" is mounted from elsewhere, so a clone would be another kind "
                                 "of volume; create one, then export and import",
                                 volume->spec.name);
        r = manager_clone_request(call->daemon->manager, volume, name, &request, error);
        return r < 0 ? r : start_job(call, &request, -EBADF, &options, take_clone, error);
}

static const Method methods[] = {
        { "Inspect", NULL, inspect_volume },
        { "Rename", ACTION_MANAGE_VOLUMES, rename_volume },
        { "Remove", ACTION_MANAGE_VOLUMES, remove_volume },
        { "Export", ACTION_MANAGE_VOLUMES, export_volume },
        { "Import", ACTION_MANAGE_VOLUMES, import_volume },
        { "Clone", ACTION_MANAGE_VOLUMES, clone_volume },
        {},
};

static int dispatch(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        Volume *volume = userdata;

        return method_dispatch(daemon_of(volume), methods, m, volume, NULL);
}

/* ---- the object ---- */

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        METHOD("Inspect", "", NONE, "a{sv}", P(details)),
        METHOD("Rename", "s", P(name), "", NONE),
        METHOD("Remove", "a{sv}", P(options), "", NONE),
        METHOD("Export", "ha{sv}", P(tar) P(options), "o", P(job)),
        METHOD("Import", "ha{sv}", P(tar) P(options), "o", P(job)),
        METHOD("Clone", "sa{sv}", P(name) P(options), "o", P(job)),
        CONSTANT("Name", "s"),
        CONSTANT("Driver", "s"),
        CONSTANT("Options", "a{ss}"),
        CONSTANT("Labels", "a{ss}"),
        CONSTANT("Created", "t"),
        CONSTANT("Anonymous", "b"),
        CONSTANT("Size", "t"),
        CONSTANT("Mountpoint", "s"),
        SD_BUS_PROPERTY("Mounted", "b", get_property, 0, 0),
        SD_BUS_PROPERTY("UsedBy", "as", get_property, 0, 0),
        SD_BUS_VTABLE_END,
};

static int find_volume(sd_bus *bus, const char *path, const char *interface, void *userdata,
                       void **ret_found, sd_bus_error *ret_error) {
        _cleanup_free_ char *name = NULL;
        Daemon *daemon = userdata;

        if (bus_object_name(path, VOLUME_PATH, &name) < 0)
                return 0;
        *ret_found = volumes_find(daemon->manager->volumes, name);
        return *ret_found != NULL;
}

static int enumerate(sd_bus *bus, const char *prefix, void *userdata, char ***ret_nodes,
                     sd_bus_error *ret_error) {
        _cleanup_strv_free_ char **paths = NULL;
        const Daemon *daemon = userdata;

        for (Volume *v = daemon->manager->volumes->by_name; v; v = v->hh.next) {
                int r = strv_consume(&paths, volume_path(v));
                if (r < 0)
                        return r;
        }
        *ret_nodes = TAKE_PTR(paths);
        return 0;
}

int bus_volume_add(Daemon *daemon) {
        int r = sd_bus_add_fallback_vtable(daemon->bus, NULL, VOLUME_PATH, VOLUME_INTERFACE, vtable,
                                           find_volume, daemon);

        return r < 0 ? r : sd_bus_add_node_enumerator(daemon->bus, NULL, VOLUME_PATH, enumerate, daemon);
}
