/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "volume-store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd-util.h"
#include "file-util.h"
#include "log.h"
#include "random-util.h"
#include "string-util.h"
#include "strv.h"

static Volume *volume_free(Volume *volume) {
        if (!volume)
                return NULL;
        child_abandon(volume->unmounting);
        object_done(&volume_spec_type, &volume->spec);
        free(volume);
        return NULL;
}
DEFINE_CLEANUP(Volume *, volume_free);

Volumes *volumes_close(Volumes *volumes) {
        Volume *volume, *next;

        if (!volumes)
                return NULL;
        HASH_ITER(hh, volumes->by_name, volume, next) {
                HASH_DELETE(hh, volumes->by_name, volume);
                volume_free(volume);
        }
        safe_close(volumes->fd);
        free(volumes);
        return NULL;
}

Volume *volumes_find(Volumes *volumes, const char *name) {
        Volume *volume;

        HASH_FIND_STR(volumes->by_name, name, volume);
        return volume;
}

size_t volumes_count(const Volumes *volumes) {
        return HASH_COUNT(volumes->by_name);
}

static int compare_names(const void *a, const void *b) {
        return strcmp((*(Volume *const *) a)->spec.name, (*(Volume *const *) b)->spec.name);
}

int volumes_list(Volumes *volumes, Volume ***ret, size_t *ret_n) {
        Volume **all = new0(Volume *, HASH_COUNT(volumes->by_name) + 1);
        size_t n = 0;

        if (!all)
                return -ENOMEM;
        for (Volume *volume = volumes->by_name; volume; volume = volume->hh.next)
                all[n++] = volume;
        qsort(all, n, sizeof(*all), compare_names);
        *ret = all;
        *ret_n = n;
        return 0;
}

/* ---- loading ---- */

static void add(Volumes *volumes, Volume *volume) {
        HASH_ADD_KEYPTR(hh, volumes->by_name, volume->spec.name, strlen(volume->spec.name), volume);
}

static bool has(const Volumes *volumes, const char *name, const char *file) {
        _cleanup_free_ char *path = string_join(name, "/", file);

        return path && faccessat(volumes->fd, path, F_OK, AT_SYMLINK_NOFOLLOW) >= 0;
}

int volumes_take(Volumes *volumes, const char *name, Volume **ret, Error *error) {
        _cleanup_(volume_freep) Volume *volume = new0(Volume, 1);
        _cleanup_free_ char *path = string_join(name, "/" VOLUME_DEFINITION);

        if (!volume || !path)
                return error_set_errno(error, -ENOMEM, "cannot load volume \"%s\"", name);
        int r = object_load_at(&volume_spec_type, &volume->spec, volumes->fd, path, VOLUME_DEFINITION_MAX,
                               error);
        if (r < 0)
                return error_set_errno(error, r, "cannot load volume \"%s\"", name);
        /* The folder's name is what counts: a renaming may have been cut off in the middle. */
        r = free_and_strdup(&volume->spec.name, name);
        if (r < 0)
                return error_set_errno(error, r, "cannot load volume \"%s\"", name);
        volume->unclaimed = has(volumes, name, VOLUME_UNCLAIMED);
        add(volumes, volume);
        *ret = TAKE_PTR(volume);
        return 0;
}

static void set_aside(Volumes *volumes, const char *name) {
        _cleanup_free_ char *path = string_join(name, "/" VOLUME_DEFINITION);
        _cleanup_free_ char *aside = string_join(name, "/" VOLUME_DEFINITION ".corrupt");

        if (!path || !aside || renameat(volumes->fd, path, volumes->fd, aside) < 0)
                log_warning_errno(negative_errno(), "Failed to set the definition of volume %s aside: %m",
                                  name);
}

static int load_one(Volumes *volumes, const char *name, char ***leftovers) {
        _cleanup_error_ Error why = {};
        Volume *volume;

        if (startswith(name, ".tmp-"))
                return strv_extend(leftovers, name);
        if (!volume_name_is_valid(name))
                return 0;
        int r = volumes_take(volumes, name, &volume, &why);
        if (r < 0) {
                log_warning("%s; the volume is left out.", error_text(&why));
                if (why.kind == ERROR_CORRUPT)
                        set_aside(volumes, name);
                return r == -ENOMEM ? r : 0;
        }
        return has(volumes, name, VOLUME_DATA_NEW)
                       ? strv_consume(leftovers, string_join(name, "/" VOLUME_DATA_NEW))
                       : 0;
}

static int load_all(Volumes *volumes, char ***leftovers, Error *error) {
        _cleanup_closedir_ DIR *dir = opendir_at(volumes->fd, ".");
        struct dirent *entry;
        int r = 0;

        if (!dir)
                return error_set_errno(error, negative_errno(), "cannot read the volumes");
        while (r >= 0 && (entry = readdir_no_dot(dir)))
                r = load_one(volumes, entry->d_name, leftovers);
        return r < 0 ? error_set_errno(error, r, "cannot load the volumes") : 0;
}

int volumes_open(int state_fd, Volumes **ret, char ***ret_leftovers, Error *error) {
        _cleanup_(volumes_closep) Volumes *volumes = new0(Volumes, 1);
        _cleanup_strv_free_ char **leftovers = NULL;

        if (!volumes)
                return error_set_errno(error, -ENOMEM, "cannot load the volumes");
        volumes->fd = mkdir_open_at(state_fd, VOLUMES_FOLDER, 0700);
        if (volumes->fd < 0)
                return error_set_errno(error, volumes->fd,
                                       "cannot open the folder \"%s\" of the state directory",
                                       VOLUMES_FOLDER);
        int r = load_all(volumes, &leftovers, error);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(volumes);
        *ret_leftovers = TAKE_PTR(leftovers);
        return 0;
}

/* ---- changing ---- */

int volumes_remove(Volumes *volumes, Volume *volume, char **ret_hidden, Error *error) {
        char *hidden = format_string(".tmp-%016llx", (unsigned long long) random_u64());

        if (!hidden)
                return error_set_errno(error, -ENOMEM, "cannot remove volume \"%s\"", volume->spec.name);
        if (renameat(volumes->fd, volume->spec.name, volumes->fd, hidden) < 0 && errno != ENOENT) {
                int r = negative_errno();
                free(hidden);
                return error_set_errno(error, r, "cannot remove volume \"%s\"", volume->spec.name);
        }
        HASH_DELETE(hh, volumes->by_name, volume);
        volume_free(volume);
        *ret_hidden = hidden;
        return 0;
}

int volumes_rename(Volumes *volumes, Volume *volume, const char *name, Error *error) {
        _cleanup_free_ char *path = string_join(name, "/" VOLUME_DEFINITION), *copy = strdup(name);

        if (!path || !copy)
                return error_set_errno(error, -ENOMEM, "cannot rename volume \"%s\"", volume->spec.name);
        if (renameat2(volumes->fd, volume->spec.name, volumes->fd, name, RENAME_NOREPLACE) < 0)
                return error_set_errno(error, negative_errno(), "cannot rename volume \"%s\"",
                                       volume->spec.name);
        HASH_DELETE(hh, volumes->by_name, volume);
        free_and_replace(volume->spec.name, TAKE_PTR(copy));
        /* It has been asked for by name, so it is nobody's alone any more. */
        volume->spec.anonymous = false;
        add(volumes, volume);
        int r = object_save_at(&volume_spec_type, &volume->spec, volumes->fd, path, false);
        if (r < 0)
                log_warning_errno(r, "Failed to write the definition of volume %s: %m", name);
        return 0;
}

void volumes_claim(Volumes *volumes, Volume *volume) {
        _cleanup_free_ char *path = string_join(volume->spec.name, "/" VOLUME_UNCLAIMED);

        if (volume->unclaimed && path && unlinkat(volumes->fd, path, 0) < 0 && errno != ENOENT)
                log_warning_errno(negative_errno(), "Failed to keep volume %s: %m", volume->spec.name);
        else
                volume->unclaimed = false;
}

/* ---- looking ---- */

char *volume_data_path(const char *name) {
        return string_join(STATE_DIRECTORY "/" VOLUMES_FOLDER "/", name, "/" VOLUME_DATA);
}

int volume_is_empty(Volumes *volumes, const Volume *volume) {
        _cleanup_free_ char *path = string_join(volume->spec.name, "/" VOLUME_DATA);
        _cleanup_closedir_ DIR *dir = path ? opendir_at(volumes->fd, path) : NULL;

        if (!dir)
                return path ? negative_errno() : -ENOMEM;
        return !readdir_no_dot(dir);
}

bool volume_is_mounted(const Volume *volume) {
        _cleanup_free_ char *path = volume_data_path(volume->spec.name);
        struct statx st;

        return path && statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_TYPE, &st) >= 0 &&
               (st.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}
