/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <unistd.h>

#include "fd-util.h"
#include "file-util.h"
#include "log.h"
#include "manager-volumes.h"
#include "string-util.h"
#include "strv.h"
#include "volume-driver.h"

#define SPEC_MAX (16 * MIB)

/* ---- who has it ---- */

static bool list_has(const List *mounts, const char *name) {
        for (size_t i = 0; i < mounts->n; i++) {
                const MountSpec *mount = LIST_ITEM(mounts, MountSpec, i);
                if (mount->type == MOUNT_VOLUME && streq_ptr(mount->source, name))
                        return true;
        }
        return false;
}

static bool has_volume(const Container *c, const char *name) {
        return list_has(&c->spec.mounts, name) || list_has(&c->state.temporary_mounts, name);
}

int manager_volume_users(Manager *m, const Volume *volume, char ***ret) {
        _cleanup_strv_free_ char **names = NULL;
        Container *c, *next;

        HASH_ITER(by_id, m->containers_by_id, c, next)
                if (has_volume(c, volume->spec.name) && strv_extend(&names, c->spec.name) < 0)
                        return -ENOMEM;
        *ret = TAKE_PTR(names);
        return 0;
}

/* A container that waits for its restart keeps what it has. */
static bool needs_mounts(const Container *c) {
        return container_is_active(c) || c->state.status == CONTAINER_RESTARTING;
}

bool manager_volume_is_used(Manager *m, const Volume *volume, VolumeUse use) {
        Container *c, *next;

        HASH_ITER(by_id, m->containers_by_id, c, next) {
                bool counts =
                        use == VOLUME_USED_RUNNING ? needs_mounts(c) : use == VOLUME_USED || !c->reserved;
                if (counts && has_volume(c, volume->spec.name))
                        return true;
        }
        return false;
}

/* ---- unmounting ---- */

static int work_unmount(void *userdata) {
        const Volume *volume = userdata;
        _cleanup_free_ char *path = volume_data_path(volume->spec.name);

        if (!path)
                return -ENOMEM;
        return umount2(path, UMOUNT_NOFOLLOW | MNT_DETACH) < 0 && errno != EINVAL ? negative_errno() : 0;
}

static void on_unmounted(int code, void *userdata) {
        Volume *volume = userdata;

        volume->unmounting = NULL;
        if (code != 0)
                log_warning("Failed to unmount volume %s: %s", volume->spec.name,
                            code < 128 ? strerror(code) : "the process was killed");
}

/* The child inherits the lock, which a worker waits for that mounts it again (volume-transfer.c): what is being unmounted for
 * one container is not taken for mounted by the next. */
static void unmount(Manager *m, Volume *volume) {
        _cleanup_close_ int fd =
                openat(m->volumes->fd, volume->spec.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
                return;
        int r = child_run(m->event, work_unmount, on_unmounted, volume, &volume->unmounting);
        if (r < 0)
                log_warning_errno(r, "Failed to unmount volume %s: %m", volume->spec.name);
}

void manager_release_volumes(Manager *m) {
        for (Volume *volume = m->volumes->by_name; volume; volume = volume->hh.next)
                if (volume_needs_mount(&volume->spec) && !volume->unmounting && volume->users == 0 &&
                    !manager_volume_is_used(m, volume, VOLUME_USED_RUNNING) && volume_is_mounted(volume))
                        unmount(m, volume);
}

/* ---- going with a container ---- */

void manager_remove_anonymous(Manager *m, const ContainerSpec *spec) {
        for (size_t i = 0; i < spec->mounts.n; i++) {
                const MountSpec *mount = LIST_ITEM(&spec->mounts, MountSpec, i);
                _cleanup_error_ Error error = {};

                Volume *volume = mount->type == MOUNT_VOLUME && mount->anonymous
                                         ? volumes_find(m->volumes, strempty(mount->source))
                                         : NULL;
                /* Another one may have it by --volumes-from. */
                if (!volume || manager_volume_is_used(m, volume, VOLUME_USED))
                        continue;
                if (manager_remove_volume(m, volume, &error) < 0)
                        log_warning("Failed to remove the volume of a removed container: %s",
                                    error_text(&error));
        }
}

void manager_finish_removal(Manager *m, const char *name) {
        _cleanup_free_ char *path = string_join(name, "/spec.json");
        ContainerSpec spec;

        if (!path ||
            object_load_at(&container_spec_type, &spec, m->context.containers_fd, path, SPEC_MAX, NULL) < 0)
                return;
        manager_remove_anonymous(m, &spec);
        object_done(&container_spec_type, &spec);
}

void manager_settle_volumes(Manager *m) {
        Volume *volume, *next;

        HASH_ITER(hh, m->volumes->by_name, volume, next) {
                _cleanup_error_ Error error = {};
                if (!volume->unclaimed || volume->users > 0)
                        continue;
                if (manager_volume_is_used(m, volume, VOLUME_USED_STORED))
                        volumes_claim(m->volumes, volume);
                else if (!manager_volume_is_used(m, volume, VOLUME_USED) &&
                         manager_remove_volume(m, volume, &error) < 0)
                        log_warning("Failed to remove a volume of no container: %s", error_text(&error));
        }
}
