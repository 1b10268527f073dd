/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdio.h>

#include "container-view.h"
#include "credentials-ctl.h"
#include "fd-util.h"
#include "file-util.h"
#include "image-view.h"
#include "local-archive.h"
#include "string-util.h"
#include "strv.h"
#include "time-util.h"
#include "verbs-ctl.h"

#define ENTRIES_WITHIN (700 * USEC_PER_MSEC)

static bool fits(const json_t *item, WordKind kind) {
        bool running = container_is_running(item), paused = streq(json_text(item, "Status"), "paused");

        return kind == WORD_CONTAINER_RUNNING   ? running && !paused
               : kind == WORD_CONTAINER_STOPPED ? !running
               : kind == WORD_CONTAINER_PAUSED  ? paused
                                                : true;
}

static int offer_containers(Ctl *ctl, WordKind kind, const char *suffix, char ***ret) {
        _cleanup_json_ json_t *list = NULL;
        _cleanup_error_ Error ignored = {};
        json_t *item;
        size_t i;

        int r = ctl_list_all_containers(ctl, &list, &ignored);
        json_array_foreach(list, i, item)
                if (r >= 0 && fits(item, kind))
                        r = strv_extendf(ret, "%s%s\t%s", json_text(item, "Name"), suffix,
                                         json_text(item, "Image"));
        return r;
}

static int offer_images(Ctl *ctl, char ***ret) {
        _cleanup_json_ json_t *list = NULL;
        _cleanup_error_ Error ignored = {};
        json_t *item, *name;
        size_t i, k;

        int r = ctl_list(ctl, "ListImages", NULL, NULL, &list, &ignored);
        json_array_foreach(list, i, item)
                json_array_foreach(json_object_get(item, "Names"), k, name)
                        if (r >= 0)
                                r = strv_consume(ret, image_familiar_name(json_string_value(name)));
        return r;
}

static int offer_volumes(Ctl *ctl, char ***ret) {
        _cleanup_json_ json_t *list = NULL;
        _cleanup_error_ Error ignored = {};
        json_t *item;
        size_t i;

        int r = ctl_list(ctl, "ListVolumes", NULL, NULL, &list, &ignored);
        json_array_foreach(list, i, item)
                if (r >= 0)
                        r = strv_extend(ret, json_text(item, "Name"));
        return r;
}

/* The folder of a container that runs here, without asking anybody. */
static int offer_folder(const json_t *properties, const char *folder, const char *prefix, char ***ret) {
        char root[64];
        struct dirent *entry;
        int r = 0;

        snprintf(root, sizeof(root), "/proc/%llu/root",
                 (unsigned long long) json_number(properties, "Leader"));
        _cleanup_close_ int root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
        _cleanup_close_ int fd =
                root_fd < 0 ? -EBADF : open_in_root(root_fd, folder, O_RDONLY | O_DIRECTORY, 0);
        _cleanup_closedir_ DIR *dir = fd < 0 ? NULL : opendir_at(fd, ".");
        if (!dir)
                return -ENOENT;
        while (r >= 0 && (entry = readdir_no_dot(dir)))
                r = strv_extendf(ret, "%s%s%s", prefix, entry->d_name, entry->d_type == DT_DIR ? "/" : "");
        return r;
}

/* The same out of an archive of the folder. Nobody waits long for a completion. */
static int offer_entries(int fd, const char *prefix, char ***ret) {
        _cleanup_strv_free_ char **names = NULL;
        _cleanup_error_ Error ignored = {};
        const LocalArchive *archive;

        int r = local_archive_load(&archive, &ignored);
        if (r >= 0)
                r = archive->list(fd, ENTRIES_WITHIN, &names);
        STRV_FOREACH(name, names)
                if (r >= 0)
                        r = strv_consume(ret, string_join(prefix, *name));
        return r;
}

static int offer_archive(Ctl *ctl, const char *object, const char *folder, const char *prefix, char ***ret) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_error_ Error ignored = {};
        const char *job;
        int fd;

        int r = ctl_call_method(ctl, object, CONTAINER_INTERFACE, "GetArchive", CALL_SHORT, &reply, &ignored,
                                "sa{sv}", folder, 1, "CancelOnDisconnect", "b", true);
        if (r < 0 || (r = sd_bus_message_read(reply, "ho", &fd, &job)) < 0)
                return r;
        return offer_entries(fd, prefix, ret);
}

/* "web:/et": the files of the folder that is there already, in the container. */
static int offer_container_files(Ctl *ctl, const char *word, char ***ret) {
        const char *colon = strchr(word, ':'), *slash = strrchr(colon, '/');
        _cleanup_free_ char *name = strndup(word, colon - word), *object = NULL, *folder = NULL,
                            *prefix = NULL;
        _cleanup_json_ json_t *properties = NULL;
        _cleanup_error_ Error ignored = {};
        int r;

        prefix = slash ? strndup(word, slash + 1 - word) : name ? string_join(name, ":/") : NULL;
        folder = slash && slash > colon + 1 ? strndup(colon + 1, slash - colon - 1) : strdup("/");
        if (!name || !prefix || !folder)
                return -ENOMEM;
        if ((r = ctl_find_container(ctl, name, &object, &ignored)) < 0 ||
            (r = ctl_properties(ctl, object, CONTAINER_INTERFACE, &properties, &ignored)) < 0)
                return r;
        if (!ctl->host && json_number(properties, "Leader") > 0 &&
            offer_folder(properties, folder, prefix, ret) >= 0)
                return 0;
        return offer_archive(ctl, object, folder, prefix, ret);
}

int ctl_complete(void *context, WordKind kind, const char *word, char ***ret) {
        int r;

        switch (kind) {
        case WORD_CONTAINER:
        case WORD_CONTAINER_RUNNING:
        case WORD_CONTAINER_STOPPED:
        case WORD_CONTAINER_PAUSED:
                return offer_containers(context, kind, "", ret);
        case WORD_IMAGE:
                return offer_images(context, ret);
        case WORD_OBJECT:
                r = offer_containers(context, WORD_CONTAINER, "", ret);
                return r < 0 ? r : offer_images(context, ret);
        case WORD_CONTAINER_PATH:
                if (strchr(word, ':'))
                        return offer_container_files(context, word, ret);
                return offer_containers(context, WORD_CONTAINER, ":", ret);
        case WORD_NETWORK: {
                static const char *const networks[] = { "bridge", "none", "host" };
                for (size_t i = 0; i < ELEMENTSOF(networks); i++)
                        if ((r = strv_extend(ret, networks[i])) < 0)
                                return r;
                return 0;
        }
        case WORD_VOLUME:
                return offer_volumes(context, ret);
        case WORD_REGISTRY:
                return ctl_list_logins(ret);
        default:
                return 0;
        }
}

int verb_complete(void *context, char **arguments, void *options, Error *error) {
        (void) program_complete(&berthctl_program, context, arguments, stdout);
        return EXIT_SUCCESS;
}
