/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "container-name.h"
#include "container-volumes.h"
#include "fd-util.h"
#include "file-util.h"
#include "manager-volumes.h"
#include "path-util.h"
#include "string-util.h"
#include "strv.h"
#include "volume-driver.h"

/* ---- a container's wishes become whole ---- */

static int wish_of(const MountSpec *mount, VolumeSpec *spec) {
        int r;

        object_init(&volume_spec_type, spec);
        spec->anonymous = mount->anonymous;
        if ((r = free_and_strdup(&spec->name, mount->source)) < 0 ||
            (r = free_and_strdup(&spec->driver, mount->driver)) < 0 ||
            (r = strv_copy_into(mount->driver_options, &spec->options)) < 0 ||
            (r = strv_copy_into(mount->volume_labels, &spec->labels)) < 0)
                object_done(&volume_spec_type, spec);
        return r;
}

static bool asks_for_a_kind(const MountSpec *mount) {
        return !isempty(mount->driver) || !strv_isempty(mount->driver_options);
}

int manager_complete_volume(Manager *m, MountSpec *mount, Error *error) {
        VolumeSpec spec;

        if (mount->type != MOUNT_VOLUME)
                return 0;
        if (isempty(mount->source)) {
                mount->anonymous = true;
                int r = container_id_make(&mount->source);
                if (r < 0)
                        return error_set_errno(error, r, "cannot name a volume");
        }
        int r = wish_of(mount, &spec);
        if (r < 0)
                return error_set_errno(error, r, "cannot make volume \"%s\"", mount->source);
        r = manager_check_volume(m, &spec, asks_for_a_kind(mount), error);
        object_done(&volume_spec_type, &spec);
        return r;
}

static bool has_target(const List *mounts, const char *target) {
        for (size_t i = 0; i < mounts->n; i++)
                if (streq_ptr(LIST_ITEM(mounts, MountSpec, i)->target, target))
                        return true;
        return false;
}

/* VOLUME of the image, where nothing else is mounted. */
static int add_image_volume(ContainerSpec *spec, const char *path) {
        _cleanup_free_ char *target = path_normalize(path);

        if (!target)
                return -ENOMEM;
        if (!path_is_absolute(target) || streq(target, "/") || has_target(&spec->mounts, target))
                return 0;
        MountSpec *mount = list_append(&spec->mounts, &mount_spec_type);
        if (!mount)
                return -ENOMEM;
        mount->type = MOUNT_VOLUME;
        mount->target = TAKE_PTR(target);
        return 0;
}

int manager_complete_volumes(Manager *m, const ImageRecord *image, ContainerSpec *spec, Error *error) {
        int r = 0;

        for (char **path = image->config.volumes; path && *path && r >= 0; path++)
                r = add_image_volume(spec, *path);
        if (r < 0)
                return error_set_errno(error, r, "cannot add the image's volumes");
        for (size_t i = 0; i < spec->mounts.n && r >= 0; i++)
                r = manager_complete_volume(m, LIST_ITEM(&spec->mounts, MountSpec, i), error);
        return r;
}

/* ---- what the image has there ---- */

static bool is_link(int dir_fd, const char *path) {
        struct stat st;

        return fstatat(dir_fd, path, &st, AT_SYMLINK_NOFOLLOW) >= 0 && S_ISLNK(st.st_mode);
}

/* The layer has the path, or a link on the way to it that leads somewhere. */
static bool layer_may_have(const char *layer, const char *path) {
        _cleanup_close_ int fd = open(layer, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        _cleanup_free_ char *part = strdup(path + strspn(path, "/"));

        if (fd < 0 || !part)
                return true;
        _cleanup_close_ int found = open_in_root(fd, path, O_PATH, 0);
        if (found >= 0)
                return true;
        for (char *slash = part; (slash = strchr(slash, '/')); *slash++ = '/') {
                *slash = 0;
                if (is_link(fd, part))
                        return true;
        }
        return is_link(fd, part);
}

/* Without looking through all of it: a worker is only asked when it may have something to copy. */
static int find_layers(Manager *m, const Container *c, const char *target, char ***ret) {
        const Image *image = image_store_by_digest(m->images, strempty(c->spec.image_digest));
        _cleanup_strv_free_ char **lower = NULL;

        int r = image ? image_store_lower(m->images, &image->record, &lower) : 0;
        for (char **layer = lower; r >= 0 && layer && *layer; layer++)
                if (layer_may_have(*layer, target)) {
                        *ret = TAKE_PTR(lower);
                        break;
                }
        return r;
}

static int make_wish(Manager *m, const Container *c, const MountSpec *mount, VolumeWish *wish) {
        *wish = (VolumeWish){ .unclaimed = true, .alike = asks_for_a_kind(mount) };
        int r = wish_of(mount, &wish->spec);
        if (r < 0)
                return r;
        if (isempty(wish->spec.driver))
                r = free_and_strdup(&wish->spec.driver, "local");
        if (r >= 0)
                r = volume_driver_check(&wish->spec, NULL);
        if (r >= 0 && !mount->no_copy && isempty(mount->subpath))
                r = find_layers(m, c, mount->target, &wish->lower);
        if (r >= 0)
                r = free_and_strdup(&wish->path, mount->target);
        if (r < 0)
                volume_wish_done(wish);
        return r;
}

/* ---- making them ---- */

typedef struct Readying {
        Manager *manager;
        Container *container;
        size_t next; /* of the mounts */
        VolumesReady done;
        void *userdata;
} Readying;

static void finish(Readying *readying, const Error *error) {
        readying->done(readying->container, error, readying->userdata);
        free(readying);
}

static void on_volume(Volume *volume, bool made, const Error *error, void *userdata);

/* 1: all are there. */
static int make_next(Readying *readying, Error *error) {
        const List *mounts = &readying->container->spec.mounts;

        for (; readying->next < mounts->n; readying->next++) {
                const MountSpec *mount = LIST_ITEM(mounts, MountSpec, readying->next);
                Volume *volume;
                VolumeWish wish;
                if (mount->type != MOUNT_VOLUME)
                        continue;
                int r = make_wish(readying->manager, readying->container, mount, &wish);
                if (r < 0)
                        return error_set_errno(error, r, "cannot make volume \"%s\"", mount->source);
                r = manager_make_volume(readying->manager, &wish, on_volume, readying, &volume, error);
                if (r <= 0)
                        return r;
        }
        return 1;
}

static void on_volume(Volume *volume, bool made, const Error *why, void *userdata) {
        Readying *readying = userdata;
        _cleanup_error_ Error error = {};

        if (why) {
                finish(readying, why);
                return;
        }
        readying->next++;
        int r = make_next(readying, &error);
        if (r != 0)
                finish(readying, r < 0 ? &error : NULL);
}

int manager_ready_volumes(Manager *m, Container *c, VolumesReady done, void *userdata, Error *error) {
        Readying *readying = new0(Readying, 1);

        if (!readying)
                return error_set_errno(error, -ENOMEM, "cannot make the volumes of \"%s\"", c->spec.name);
        *readying = (Readying){ .manager = m, .container = c, .done = done, .userdata = userdata };
        int r = make_next(readying, error);
        if (r < 0) {
                free(readying);
                return r;
        }
        if (r > 0)
                finish(readying, NULL);
        return 0;
}

/* ---- one more, into a container that is there ---- */

typedef struct Addition {
        Manager *manager;
        char *container; /* id: it may be removed meanwhile */
        MountSpec mount;
        bool temporary;
        Volume *volume; /* held */
        WorkerProcess *worker;
        ContainerDone done;
        void *userdata;
} Addition;

static Addition *addition_free(Addition *addition) {
        if (!addition)
                return NULL;
        if (addition->volume) {
                addition->volume->users--;
                manager_settle_volumes(addition->manager);
        }
        free(addition->container);
        object_done(&mount_spec_type, &addition->mount);
        free(addition);
        return NULL;
}
DEFINE_CLEANUP(Addition *, addition_free);

static void on_added(Container *c, const Error *error, void *userdata) {
        _cleanup_(addition_freep) Addition *addition = userdata;

        addition->done(c, error, addition->userdata);
}

static Container *container_of_addition(const Addition *addition) {
        Container *c;

        HASH_FIND(by_id, addition->manager->containers_by_id, addition->container,
                  strlen(addition->container), c);
        return c;
}

static void give_up(Addition *addition, const Error *error) {
        addition->done(container_of_addition(addition), error, addition->userdata);
        addition_free(addition);
}

static void add_now(Addition *addition) {
        Container *c = container_of_addition(addition);
        _cleanup_error_ Error error = {};

        if (!c) {
                error_set(&error, ERROR_NO_SUCH_CONTAINER, "the container has been removed");
                give_up(addition, &error);
        } else if (container_add_mount(c, &addition->mount, addition->temporary, on_added, addition,
                                       &error) < 0)
                give_up(addition, &error);
}

static void on_mounted(const Error *error, void *userdata) {
        Addition *addition = userdata;

        addition->worker = NULL;
        if (error)
                give_up(addition, error);
        else
                add_now(addition);
}

static int mount_volume(Addition *addition, Error *error) {
        static const WorkerHooks hooks = { .ended = on_mounted };
        WorkerRequest request;

        object_init(&worker_request_type, &request);
        int r = container_volume_request(addition->volume, &request);
        if (r >= 0)
                r = worker_start(addition->manager->event, &request, NULL, 0, &hooks, addition,
                                 &addition->worker, error);
        object_done(&worker_request_type, &request);
        return r < 0 ? error_set_errno(error, r, "cannot mount volume \"%s\"", addition->volume->spec.name)
                     : 0;
}

static void use_volume(Addition *addition, Volume *volume) {
        const Container *c = container_of_addition(addition);
        _cleanup_error_ Error error = {};

        addition->volume = volume;
        volume->users++;
        if (!c || !volume_needs_mount(&volume->spec) || !container_is_active(c))
                add_now(addition);
        else if (mount_volume(addition, &error) < 0)
                give_up(addition, &error);
}

static void on_volume_made(Volume *volume, bool made, const Error *error, void *userdata) {
        if (error)
                give_up(userdata, error);
        else
                use_volume(userdata, volume);
}

int manager_add_mount(Manager *m, Container *c, const MountSpec *mount, bool temporary, ContainerDone done,
                      void *userdata, Error *error) {
        Volume *volume;
        VolumeWish wish;

        if (mount->type != MOUNT_VOLUME)
                return container_add_mount(c, mount, temporary, done, userdata, error);
        _cleanup_(addition_freep) Addition *addition = new0(Addition, 1);
        if (!addition)
                return error_set_errno(error, -ENOMEM, "cannot mount volume \"%s\"", mount->source);
        *addition = (Addition){ .manager = m, .temporary = temporary, .done = done, .userdata = userdata };
        int r = free_and_strdup(&addition->container, c->spec.id);
        if (r >= 0)
                r = object_copy(&mount_spec_type, &addition->mount, mount);
        if (r >= 0)
                r = make_wish(m, c, mount, &wish);
        if (r < 0)
                return error_set_errno(error, r, "cannot mount volume \"%s\"", mount->source);
        r = manager_make_volume(m, &wish, on_volume_made, addition, &volume, error);
        if (r < 0)
                return r;
        Addition *kept = TAKE_PTR(addition);
        if (r > 0)
                use_volume(kept, volume);
        return 0;
}
