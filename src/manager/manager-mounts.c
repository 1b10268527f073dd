/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "manager.h"
#include "mount-options.h"
#include "path-util.h"
#include "project-quota.h"
#include "string-util.h"
#include "strv.h"

/* What a container is asked to mount becomes whole: mounts of other containers are copied, images are looked up, and what
 * could only fail at the start is said now. */

static bool has_target(const List *mounts, const char *target) {
        for (size_t i = 0; i < mounts->n; i++)
                if (streq_ptr(LIST_ITEM(mounts, MountSpec, i)->target, target))
                        return true;
        return false;
}

/* What has files that are to be shared. Where the container mounts something of its own, that is what it gets. */
static int copy_mounts(const ContainerSpec *from, bool read_only, List *to) {
        for (size_t i = 0; i < from->mounts.n; i++) {
                const MountSpec *m = LIST_ITEM(&from->mounts, MountSpec, i);
                if ((m->type != MOUNT_BIND && m->type != MOUNT_VOLUME) || has_target(to, m->target))
                        continue;
                MountSpec *copy = list_append(to, &mount_spec_type);
                int r = copy ? object_copy(&mount_spec_type, copy, m) : -ENOMEM;
                if (r < 0)
                        return r;
                copy->read_only |= read_only;
                copy->chown &= !copy->read_only;
                copy->anonymous = false;
        }
        return 0;
}

static int take_volumes_from(Manager *m, ContainerSpec *spec, const char *text, Error *error) {
        const char *colon = strchr(text, ':');
        _cleanup_free_ char *name = strndup(text, colon ? colon - text : strlen(text));
        Container *from;

        if (!name)
                return error_set_errno(error, -ENOMEM, "cannot create");
        if (colon && !streq(colon, ":ro") && !streq(colon, ":rw") && !streq(colon, ":z") &&
            !streq(colon, ":Z"))
                return error_set(error, ERROR_INVALID,
                                 "volumes from \"%s\": the option \"%s\" is none of ro and rw", name,
                                 colon + 1);
        int r = manager_find_container(m, name, &from, error);
        if (r >= 0)
                r = copy_mounts(&from->spec, colon && streq(colon, ":ro"), &spec->mounts);
        return r < 0 ? error_set_errno(error, r, "cannot take over the mounts of \"%s\"", name) : 0;
}

int manager_complete_mount(Manager *m, MountSpec *mount, Error *error) {
        Image *image;

        int r = mount_spec_check(mount, error);
        if (r < 0 || mount->type != MOUNT_IMAGE)
                return r;
        r = manager_find_runnable(m, mount->source, &image, error);
        if (r < 0)
                return r;
        image_store_touch(m->images, image);
        r = free_and_strdup(&mount->image_digest, image->record.digest);
        return r < 0 ? error_set_errno(error, r, "cannot mount %s", mount->source) : 0;
}

static int check_storage(Manager *m, const ContainerSpec *spec, Error *error) {
        int r = spec->storage_size > 0 ? project_quota_check(m->state_fd) : 0;

        if (r == -EOPNOTSUPP)
                return error_set(error, ERROR_UNSUPPORTED,
                                 "the size of its root file system can't be limited: the file system of "
                                 "%s keeps no project quotas (xfs does, or ext4, mounted with prjquota)",
                                 STATE_DIRECTORY);
        return r < 0 ? error_set_errno(error, r, "cannot ask for the quotas of %s", STATE_DIRECTORY) : 0;
}

int manager_complete_mounts(Manager *m, ContainerSpec *spec, Error *error) {
        List seen = {};
        int r = check_storage(m, spec, error);

        if (spec->read_only_tmpfs && !spec->read_only)
                return error_set(
                        error, ERROR_INVALID,
                        "a tmpfs over /tmp, /run and /var/tmp (--read-only-tmpfs) goes with a root file "
                        "system that is read-only (--read-only)");
        for (char **text = spec->volumes_from; text && *text && r >= 0; text++)
                r = take_volumes_from(m, spec, *text, error);
        spec->volumes_from = strv_free(spec->volumes_from);
        for (size_t i = 0; i < spec->mounts.n && r >= 0; i++) {
                MountSpec *mount = LIST_ITEM(&spec->mounts, MountSpec, i);
                char *target = path_normalize(mount->target);
                if (!target)
                        return error_set_errno(error, -ENOMEM, "cannot create");
                free_and_replace(mount->target, target);
                seen = (List){ spec->mounts.items, i };
                r = has_target(&seen, mount->target)
                            ? error_set(error, ERROR_INVALID, "two mounts have the same target %s",
                                        mount->target)
                            : manager_complete_mount(m, mount, error);
        }
        return r;
}
