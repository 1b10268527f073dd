/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/utsname.h>

#include "bus.h"
#include "container-filter.h"
#include "daemon.h"
#include "log.h"
#include "object-bus.h"
#include "string-util.h"
#include "strv.h"

#define API_VERSION "1"

/* ---- containers ---- */

static void reply_container(Container *c, const Error *error, void *userdata) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = userdata;
        _cleanup_free_ char *path = container_path(c);

        if (error)
                (void) bus_reply_error(m, -EIO, error);
        else
                (void) sd_bus_reply_method_return(m, "o", path);
}

/* Whose ids --userns=keep-id keeps. The bus itself answers, at once. */
static int find_caller(Call *call, ContainerSpec *spec, Error *error) {
        _cleanup_(sd_bus_creds_unrefp) sd_bus_creds *creds = NULL;
        uid_t uid;
        gid_t gid;

        if (spec->user_namespace != USER_NAMESPACE_KEEP_ID)
                return 0;
        int r = sd_bus_query_sender_creds(
                call->message, SD_BUS_CREDS_EUID | SD_BUS_CREDS_EGID | SD_BUS_CREDS_AUGMENT, &creds);
        if (r < 0 || (r = sd_bus_creds_get_euid(creds, &uid)) < 0 ||
            (r = sd_bus_creds_get_egid(creds, &gid)) < 0)
                return error_set_errno(error, r, "cannot find out who you are, for --userns=keep-id");
        spec->keep_uid = uid;
        spec->keep_gid = gid;
        return 0;
}

static int method_create_container(Call *call, Error *error) {
        ContainerSpec spec;
        const char *name;
        int r;

        if ((r = call_read(call, error, "s", &name)) < 0 ||
            (r = call_read_options(call, &container_spec_type, &spec, error)) < 0)
                return r;
        if ((r = find_caller(call, &spec, error)) < 0) {
                object_done(&container_spec_type, &spec);
                return r;
        }
        sd_bus_message *held = call_hold(call);
        r = call_started(
                manager_create_container(call->daemon->manager, name, &spec, reply_container, held, error),
                held);
        object_done(&container_spec_type, &spec); /* what was not taken over */
        return r;
}

static int method_get_container(Call *call, Error *error) {
        const char *name;
        Container *c;

        int r = call_read(call, error, "s", &name);
        if (r >= 0)
                r = manager_find_container(call->daemon->manager, name, &c, error);
        if (r < 0)
                return r;
        _cleanup_free_ char *path = container_path(c);
        return path ? sd_bus_reply_method_return(call->message, "o", path) : -ENOMEM;
}

static int append_container(sd_bus_message *m, const Container *c) {
        _cleanup_free_ char *path = container_path(c);
        int r;

        if (!path)
                return -ENOMEM;
        if ((r = sd_bus_message_open_container(m, 'r', "oa{sv}")) < 0 ||
            (r = sd_bus_message_append_basic(m, 'o', path)) < 0 ||
            (r = container_append_properties(m, c)) < 0)
                return r;
        return sd_bus_message_close_container(m);
}

static int append_matching(sd_bus_message *reply, Manager *m, const ContainerMatch *match) {
        _cleanup_free_ Container **all = NULL;
        size_t n;

        int r = manager_list_containers(m, &all, &n);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "(oa{sv})");
        for (size_t i = 0; r >= 0 && i < n; i++)
                if (container_matches(all[i], match))
                        r = append_container(reply, all[i]);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int method_list_containers(Call *call, Error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(container_filter_done) ContainerFilter filter = {};
        _cleanup_(container_match_done) ContainerMatch match = {};
        int r;

        if ((r = container_filter_read(call->message, &filter, error)) < 0 ||
            (r = container_match_prepare(call->daemon->manager, &filter, &match, error)) < 0)
                return r;
        if ((r = sd_bus_message_new_method_return(call->message, &reply)) < 0 ||
            (r = append_matching(reply, call->daemon->manager, &match)) < 0)
                return error_set_errno(error, r, "cannot list the containers");
        return sd_bus_send(NULL, reply, NULL);
}

/* ---- images ---- */

static int method_get_image(Call *call, Error *error) {
        const char *reference;
        Image *image;

        int r = call_read(call, error, "s", &reference);
        if (r >= 0)
                r = image_store_find(call->daemon->manager->images, reference, &image, error);
        if (r < 0)
                return r;
        _cleanup_free_ char *path = image_path(image->record.digest);
        return path ? sd_bus_reply_method_return(call->message, "o", path) : -ENOMEM;
}

static int append_image(sd_bus_message *m, const Image *image, Daemon *daemon) {
        _cleanup_free_ char *path = image_path(image->record.digest);
        int r;

        if (!path)
                return -ENOMEM;
        if ((r = sd_bus_message_open_container(m, 'r', "oa{sv}")) < 0 ||
            (r = sd_bus_message_append_basic(m, 'o', path)) < 0 ||
            (r = image_append_properties(m, image, daemon)) < 0)
                return r;
        return sd_bus_message_close_container(m);
}

static int append_images(sd_bus_message *reply, Daemon *daemon, const ImageFilter *filter) {
        ImageStore *store = daemon->manager->images;

        int r = sd_bus_message_open_container(reply, 'a', "(oa{sv})");
        for (size_t i = 0; r >= 0 && i < image_store_count(store); i++) {
                const Image *image = image_store_at(store, i);
                if (image_matches(image, filter))
                        r = append_image(reply, image, daemon);
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int method_list_images(Call *call, Error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        ImageFilter filter;

        int r = call_read_options(call, &image_filter_type, &filter, error);
        if (r < 0)
                return r;
        r = sd_bus_message_new_method_return(call->message, &reply);
        if (r >= 0)
                r = append_images(reply, call->daemon, &filter);
        object_done(&image_filter_type, &filter);
        return r < 0 ? error_set_errno(error, r, "cannot list the images") : sd_bus_send(NULL, reply, NULL);
}

static int method_tag_image(Call *call, Error *error) {
        const char *reference, *name;

        int r = call_read(call, error, "ss", &reference, &name);
        if (r >= 0)
                r = manager_tag_image(call->daemon->manager, reference, name, error);
        return r < 0 ? r : call_reply(call);
}

typedef struct RemoveImageOptions {
        bool force;
} RemoveImageOptions;

static const Field remove_image_options_fields[] = {
        { "Force", FIELD_BOOL, offsetof(RemoveImageOptions, force) },
        {},
};
static const ObjectType remove_image_options_type = { "options", sizeof(RemoveImageOptions),
                                                      remove_image_options_fields };

static int method_remove_image(Call *call, Error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_strv_free_ char **untagged = NULL, **deleted = NULL;
        RemoveImageOptions options;
        const char *reference;
        int r;

        if ((r = call_read(call, error, "s", &reference)) < 0 ||
            (r = call_read_options(call, &remove_image_options_type, &options, error)) < 0 ||
            (r = manager_remove_image(call->daemon->manager, reference, options.force, &untagged, &deleted,
                                      error)) < 0)
                return r;
        if ((r = sd_bus_message_new_method_return(call->message, &reply)) < 0 ||
            (r = sd_bus_message_append_strv(reply, untagged)) < 0 ||
            (r = sd_bus_message_append_strv(reply, deleted)) < 0)
                return error_set_errno(error, r, "cannot reply");
        return sd_bus_send(NULL, reply, NULL);
}

/* ---- berthd itself ---- */

static int on_systemd_version(sd_bus_message *answer, void *userdata, sd_bus_error *ret_error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = userdata;
        const char *version = "";
        struct utsname kernel;

        if (sd_bus_message_is_method_error(answer, NULL) ||
            sd_bus_message_read(answer, "v", "s", &version) < 0)
                version = "";
        (void) uname(&kernel);
        return sd_bus_reply_method_return(m, "a{sv}", 5, "Version", "s", BERTH_VERSION, "ApiVersion", "s",
                                          API_VERSION, "KernelVersion", "s", kernel.release,
                                          "SystemdVersion", "s", version, "StateDirectory", "s",
                                          STATE_DIRECTORY);
}

static int method_version(Call *call, Error *error) {
        sd_bus_message *held = call_hold(call);

        int r = sd_bus_call_method_async(call->daemon->bus, NULL, "org.freedesktop.systemd1",
                                         "/org/freedesktop/systemd1", "org.freedesktop.DBus.Properties",
                                         "Get", on_systemd_version, held, "ss",
                                         "org.freedesktop.systemd1.Manager", "Version");
        return call_started(r < 0 ? error_set_errno(error, r, "cannot ask systemd") : 0, held);
}

static int get_text(sd_bus *bus, const char *path, const char *interface, const char *property,
                    sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        return sd_bus_message_append(reply, "s",
                                     streq(property, "Version") ? BERTH_VERSION : STATE_DIRECTORY);
}

static int get_count(sd_bus *bus, const char *path, const char *interface, const char *property,
                     sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        const Daemon *daemon = userdata;
        const Manager *m = daemon->manager;

        return sd_bus_message_append(
                reply, "u",
                (uint32_t) (streq(property, "Images")
                                    ? image_store_count(m->images)
                                    : manager_count_containers(m, streq(property, "ContainersRunning"))));
}

/* ---- the object ---- */

static const Method methods[] = {
        { "CreateContainer", ACTION_MANAGE_CONTAINERS, method_create_container },
        { "GetContainer", NULL, method_get_container },
        { "ListContainers", NULL, method_list_containers },
        { "GetImage", NULL, method_get_image },
        { "ListImages", NULL, method_list_images },
        { "PullImage", ACTION_MANAGE_IMAGES, method_pull_image },
        { "PushImage", ACTION_MANAGE_IMAGES, method_push_image },
        { "LoginRegistry", ACTION_MANAGE_IMAGES, method_login_registry },
        { "SearchImages", ACTION_MANAGE_IMAGES, method_search_images },
        { "CreateIndex", ACTION_MANAGE_IMAGES, method_create_index },
        { "InspectManifest", ACTION_MANAGE_IMAGES, method_inspect_manifest },
        { "LoadImages", ACTION_MANAGE_IMAGES, method_load_images },
        { "ImportImage", ACTION_MANAGE_IMAGES, method_import_image },
        { "SaveImages", ACTION_MANAGE_IMAGES, method_save_images },
        { "TagImage", ACTION_MANAGE_IMAGES, method_tag_image },
        { "RemoveImage", ACTION_MANAGE_IMAGES, method_remove_image },
        { "PruneImages", ACTION_MANAGE_IMAGES, method_prune_images },
        { "PruneContainers", ACTION_MANAGE_CONTAINERS, method_prune_containers },
        { "CreateVolume", ACTION_MANAGE_VOLUMES, method_create_volume },
        { "GetVolume", NULL, method_get_volume },
        { "ListVolumes", NULL, method_list_volumes },
        { "PruneVolumes", ACTION_MANAGE_VOLUMES, method_prune_volumes },
        { "DiskUsage", ACTION_INSPECT, method_disk_usage },
        { "Verify", ACTION_MANAGE_IMAGES, method_verify },
        { "SignImage", ACTION_MANAGE_IMAGES, method_sign_image },
        { "MountImage", ACTION_MANAGE_IMAGES, method_mount_image },
        { "UnmountImage", ACTION_MANAGE_IMAGES, method_unmount_image },
        { "CompareImages", ACTION_MANAGE_IMAGES, method_compare_images },
        { "CreateSecret", ACTION_MANAGE_SECRETS, method_create_secret },
        { "ListSecrets", ACTION_INSPECT, method_list_secrets },
        { "InspectSecret", ACTION_INSPECT, method_inspect_secret },
        { "RemoveSecret", ACTION_MANAGE_SECRETS, method_remove_secret },
        { "Version", NULL, method_version },
        {},
};

static int dispatch(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        return method_dispatch(userdata, methods, m, NULL, NULL);
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        METHOD("CreateContainer", "sa{sv}", P(name) P(spec), "o", P(container)),
        METHOD("GetContainer", "s", P(name), "o", P(container)),
        METHOD("ListContainers", "a{sv}", P(filter), "a(oa{sv})", P(containers)),
        METHOD("GetImage", "s", P(reference), "o", P(image)),
        METHOD("ListImages", "a{sv}", P(filter), "a(oa{sv})", P(images)),
        METHOD("PullImage", "sa{sv}", P(reference) P(options), "o", P(job)),
        METHOD("PushImage", "sa{sv}", P(reference) P(options), "o", P(job)),
        METHOD("LoginRegistry", "sa{sv}", P(registry) P(options), "o", P(job)),
        METHOD("SearchImages", "sha{sv}", P(term) P(output) P(options), "o", P(job)),
        METHOD("CreateIndex", "sasa{sv}", P(name) P(references) P(options), "o", P(job)),
        METHOD("InspectManifest", "sha{sv}", P(reference) P(output) P(options), "o", P(job)),
        METHOD("LoadImages", "ha{sv}", P(archive) P(options), "o", P(job)),
        METHOD("ImportImage", "hsa{sv}", P(tar) P(reference) P(options), "o", P(job)),
        METHOD("SaveImages", "asha{sv}", P(references) P(archive) P(options), "o", P(job)),
        METHOD("TagImage", "ss", P(reference) P(new_name), "", NONE),
        METHOD("RemoveImage", "sa{sv}", P(reference) P(options), "asas", P(untagged) P(deleted)),
        METHOD("PruneImages", "a{sv}", P(options), "o", P(job)),
        METHOD("PruneContainers", "a{sv}", P(options), "as", P(removed)),
        METHOD("CreateVolume", "sa{sv}", P(name) P(spec), "o", P(volume)),
        METHOD("GetVolume", "s", P(name), "o", P(volume)),
        METHOD("ListVolumes", "a{sv}", P(filter), "a(oa{sv})", P(volumes)),
        METHOD("PruneVolumes", "a{sv}", P(options), "as", P(removed)),
        METHOD("DiskUsage", "ha{sv}", P(report) P(options), "o", P(job)),
        METHOD("Verify", "ha{sv}", P(report) P(options), "o", P(job)),
        METHOD("SignImage", "sha{sv}", P(reference) P(key) P(options), "o", P(job)),
        METHOD("MountImage", "s", P(reference), "s", P(path)),
        METHOD("UnmountImage", "s", P(reference), "", NONE),
        METHOD("CompareImages", "ssha{sv}", P(a) P(b) P(output) P(options), "o", P(job)),
        METHOD("CreateSecret", "sha{sv}", P(name) P(content) P(options), "", NONE),
        METHOD("ListSecrets", "", NONE, "a(a{sv}as)", P(secrets)),
        METHOD("InspectSecret", "s", P(name), "a{sv}as", P(secret) P(used_by)),
        METHOD("RemoveSecret", "s", P(name), "", NONE),
        METHOD("Version", "", NONE, "a{sv}", P(version)),
        SD_BUS_PROPERTY("Version", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("StateDirectory", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Containers", "u", get_count, 0, 0),
        SD_BUS_PROPERTY("ContainersRunning", "u", get_count, 0, 0),
        SD_BUS_PROPERTY("Images", "u", get_count, 0, 0),
        SD_BUS_SIGNAL_WITH_NAMES("Event", "sssta{ss}", P(type) P(action) P(id) P(time) P(attributes), 0),
        SD_BUS_VTABLE_END,
};

int bus_manager_add(Daemon *daemon) {
        int r = sd_bus_add_object_vtable(daemon->bus, NULL, BERTH_PATH, MANAGER_INTERFACE, vtable, daemon);

        return r < 0 ? r : sd_bus_add_object_manager(daemon->bus, NULL, BERTH_PATH);
}
