/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus.h"
#include "daemon.h"
#include "image-mount.h"
#include "object-bus.h"
#include "string-util.h"
#include "strv.h"

/* An image's object is named by the digest of its manifest, without "sha256:". */
char *image_path(const char *digest) {
        return bus_object_path(IMAGE_PATH, digest_hex(digest));
}

static int append_number_of_users(const Image *image, sd_bus_message *m, Daemon *daemon) {
        return sd_bus_message_append(m, "u", (uint32_t) manager_count_image_users(daemon->manager, image));
}

static int append_names(const Image *image, sd_bus_message *m, Daemon *daemon) {
        return sd_bus_message_append_strv(m, image->names);
}

static int append_mount_point(const Image *image, sd_bus_message *m, Daemon *daemon) {
        _cleanup_free_ char *path = image_is_mounted(image) ? image_mount_path(image) : NULL;

        return sd_bus_message_append_basic(m, 's', strempty(path));
}

static const struct {
        const char *name, *signature;
        const ObjectType *source; /* of the record, or of its config; or: */
        int (*append)(const Image *image, sd_bus_message *m, Daemon *daemon);
} properties[] = {
        { "Id", "s", &image_record_type },
        { "Digest", "s", &image_record_type },
        { "Names", "as", NULL, append_names },
        { "Created", "t", &image_record_type },
        { "Size", "t", &image_record_type },
        { "DownloadSize", "t", &image_record_type },
        { "Architecture", "s", &image_record_type },
        { "OS", "s", &image_record_type },
        { "Kind", "s", &image_record_type },
        { "ArtifactType", "s", &image_record_type },
        { "Labels", "a{ss}", &image_config_type },
        { "Containers", "u", NULL, append_number_of_users },
        { "MountPoint", "s", NULL, append_mount_point },
};

static int append_property(sd_bus_message *m, size_t i, const Image *image, Daemon *daemon) {
        if (properties[i].append)
                return properties[i].append(image, m, daemon);
        const void *object = properties[i].source == &image_config_type
                                     ? (const void *) &image->record.config
                                     : &image->record;
        return field_append_bus(object_find_field(properties[i].source, properties[i].name), object, m);
}

static int get_property(sd_bus *bus, const char *path, const char *interface, const char *property,
                        sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        const Image *image = userdata;

        for (size_t i = 0; i < ELEMENTSOF(properties); i++)
                if (streq(properties[i].name, property))
                        return append_property(reply, i, image, image->userdata);
        return -ENOENT;
}

int image_append_properties(sd_bus_message *m, const Image *image, Daemon *daemon) {
        int r = sd_bus_message_open_container(m, 'a', "{sv}");

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(properties); i++)
                if ((r = sd_bus_message_open_container(m, 'e', "sv")) >= 0 &&
                    (r = sd_bus_message_append_basic(m, 's', properties[i].name)) >= 0 &&
                    (r = sd_bus_message_open_container(m, 'v', properties[i].signature)) >= 0 &&
                    (r = append_property(m, i, image, daemon)) >= 0 &&
                    (r = sd_bus_message_close_container(m)) >= 0)
                        r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_record(sd_bus_message *m, const Image *image) {
        for (const Field *f = image_record_type.fields; f->name; f++) {
                int r;
                if ((r = sd_bus_message_open_container(m, 'e', "sv")) < 0 ||
                    (r = sd_bus_message_append_basic(m, 's', f->name)) < 0 ||
                    (r = sd_bus_message_open_container(m, 'v', field_bus_signature(f))) < 0 ||
                    (r = field_append_bus(f, &image->record, m)) < 0 ||
                    (r = sd_bus_message_close_container(m)) < 0 ||
                    (r = sd_bus_message_close_container(m)) < 0)
                        return r;
        }
        return 0;
}

static int method_inspect(Call *call, Error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const Image *image = call->object;
        int r;

        if ((r = sd_bus_message_new_method_return(call->message, &reply)) < 0 ||
            (r = sd_bus_message_open_container(reply, 'a', "{sv}")) < 0 ||
            (r = append_record(reply, image)) < 0 ||
            (r = sd_bus_message_open_container(reply, 'e', "sv")) < 0 ||
            (r = sd_bus_message_append(reply, "s", "Names")) < 0 ||
            (r = sd_bus_message_open_container(reply, 'v', "as")) < 0 ||
            (r = sd_bus_message_append_strv(reply, image->names)) < 0 ||
            (r = sd_bus_message_close_container(reply)) < 0 ||
            (r = sd_bus_message_close_container(reply)) < 0 ||
            (r = sd_bus_message_close_container(reply)) < 0)
                return error_set_errno(error, r, "cannot describe the image");
        return sd_bus_send(NULL, reply, NULL);
}

static const Method methods[] = {
        { "Inspect", NULL, method_inspect },
        {},
};

static int dispatch(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        Image *image = userdata;

        return method_dispatch(image->userdata, methods, m, image, NULL);
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        METHOD("Inspect", "", NONE, "a{sv}", P(details)),
        CONSTANT("Id", "s"),
        CONSTANT("Digest", "s"),
        SD_BUS_PROPERTY("Names", "as", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        CONSTANT("Created", "t"),
        CONSTANT("Size", "t"),
        CONSTANT("DownloadSize", "t"),
        CONSTANT("Architecture", "s"),
        CONSTANT("OS", "s"),
        CONSTANT("Kind", "s"),
        CONSTANT("ArtifactType", "s"),
        CONSTANT("Labels", "a{ss}"),
        SD_BUS_PROPERTY("Containers", "u", get_property, 0, 0),
        SD_BUS_PROPERTY("MountPoint", "s", get_property, 0, 0),
        SD_BUS_VTABLE_END,
};

static int find_image(sd_bus *bus, const char *path, const char *interface, void *userdata, void **ret_found,
                      sd_bus_error *ret_error) {
        _cleanup_free_ char *hex = NULL, *digest = NULL;
        Daemon *daemon = userdata;

        if (bus_object_name(path, IMAGE_PATH, &hex) < 0 || !(digest = string_join("sha256:", hex)))
                return 0;
        Image *image = image_store_by_digest(daemon->manager->images, digest);
        if (!image)
                return 0;
        image->userdata = daemon;
        *ret_found = image;
        return 1;
}

static int enumerate(sd_bus *bus, const char *prefix, void *userdata, char ***ret_nodes,
                     sd_bus_error *ret_error) {
        _cleanup_strv_free_ char **paths = NULL;
        Daemon *daemon = userdata;
        ImageStore *store = daemon->manager->images;

        paths = new0(char *, image_store_count(store) + 1);
        if (!paths)
                return -ENOMEM;
        for (size_t i = 0; i < image_store_count(store); i++)
                if (!(paths[i] = image_path(image_store_at(store, i)->record.digest)))
                        return -ENOMEM;
        *ret_nodes = TAKE_PTR(paths);
        return 0;
}

int bus_image_add(Daemon *daemon) {
        int r = sd_bus_add_fallback_vtable(daemon->bus, NULL, IMAGE_PATH, IMAGE_INTERFACE, vtable,
                                           find_image, daemon);

        return r < 0 ? r : sd_bus_add_node_enumerator(daemon->bus, NULL, IMAGE_PATH, enumerate, daemon);
}
