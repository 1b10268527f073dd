/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "container-files.h"
#include "copy-tree.h"
#include "fd-util.h"
#include "file-util.h"
#include "random-util.h"
#include "report.h"
#include "sandbox.h"
#include "string-util.h"
#include "strv.h"
#include "volume-driver.h"
#include "volume-quota.h"
#include "volume-store.h"

/* Volumes begin here: empty, with what an image has where they are mounted first, or with the files of another volume. All is
 * made under a temporary name, locked against the sweep (reclaim.c), and appears when it is complete and on the disk. */

static int failed(const Worker *worker, int r, const char *what, Error *error) {
        return error_set_errno(error, r, "can't %s volume \"%s\"", what,
                               strempty(worker->request.volume.name));
}

static int open_volumes(const Worker *worker, Error *error) {
        _cleanup_free_ char *path = string_join(worker->request.state_directory, "/" VOLUMES_FOLDER);
        int fd = path ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

        return fd < 0 ? error_set_errno(error, path ? negative_errno() : -ENOMEM, "can't open the volumes")
                      : fd;
}

/* ---- where its files come from ---- */

/* What the image has at the path: -EBADF when that is no directory. Links are followed inside the image. */
static int open_in_image(Worker *worker, int *ret, Error *error) {
        _cleanup_close_ int root_fd = container_overlay_open(worker->request.lower, NULL, NULL, error);

        *ret = -EBADF;
        if (root_fd < 0)
                return root_fd;
        int fd = open_in_root(root_fd, strempty(worker->request.path), O_RDONLY | O_DIRECTORY, 0);
        if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP)
                return 0;
        if (fd < 0)
                return error_set_errno(error, fd, "can't open \"%.200s\" of the image",
                                       worker->request.path);
        *ret = fd;
        return 0;
}

static int open_in_volume(Worker *worker, int volumes_fd, int *ret, Error *error) {
        _cleanup_free_ char *path = string_join(worker->request.source_volume, "/" VOLUME_DATA);

        *ret = path ? openat(volumes_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
        return *ret < 0 ? error_set_errno(error, path ? negative_errno() : -ENOMEM,
                                          "can't open volume \"%s\"", worker->request.source_volume)
                        : 0;
}

static int open_source(Worker *worker, int volumes_fd, int *ret, Error *error) {
        *ret = -EBADF;
        if (!isempty(worker->request.source_volume))
                return open_in_volume(worker, volumes_fd, ret, error);
        return strv_isempty(worker->request.lower) ? 0 : open_in_image(worker, ret, error);
}

/* ---- making the folder ---- */

static int make_data(Worker *worker, int dir_fd, const char *name, int *ret, Error *error) {
        const VolumeSpec *spec = &worker->request.volume;

        _cleanup_close_ int fd = mkdir_open_at(dir_fd, name, 0755);
        if (fd < 0)
                return failed(worker, fd, "make the folder of", error);
        if (spec->project > 0) {
                int r = volume_quota_set(fd, spec->project, spec->size, error);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_FD(fd);
        return 0;
}

/* Copies, with the privileges for that alone. */
static int fill(Worker *worker, int source_fd, int data_fd, Error *error) {
        int r = sandbox_drop_mounts(WORKER_NEEDS_STORE | WORKER_NEEDS_FILES, error);

        if (r < 0 || source_fd < 0)
                return r;
        r = copy_tree(source_fd, data_fd, worker_cancelled, error);
        if (r < 0)
                return r;
        /* What goes with its container need not outlive a power cut. */
        return !worker->request.volume.anonymous && syncfs(data_fd) < 0
                       ? failed(worker, negative_errno(), "store the files of", error)
                       : 0;
}

static int write_files(Worker *worker, int dir_fd, Error *error) {
        const VolumeSpec *spec = &worker->request.volume;
        int r = 0;

        if (worker->request.unclaimed)
                r = write_file_atomic_at(dir_fd, VOLUME_UNCLAIMED, "", 0, 0600, 0);
        if (r >= 0)
                r = object_save_at(&volume_spec_type, spec, dir_fd, VOLUME_DEFINITION, !spec->anonymous);
        return r < 0 ? failed(worker, r, "store", error) : 0;
}

static int appear(Worker *worker, int volumes_fd, const char *temporary, Error *error) {
        const VolumeSpec *spec = &worker->request.volume;

        if (renameat2(volumes_fd, temporary, volumes_fd, spec->name, RENAME_NOREPLACE) < 0)
                return errno == EEXIST
                               ? error_set(error, ERROR_NAME_TAKEN,
                                           "a folder of the name \"%s\" is in the way among the volumes",
                                           spec->name)
                               : failed(worker, negative_errno(), "store", error);
        return !spec->anonymous && fsync(volumes_fd) < 0 ? failed(worker, negative_errno(), "store", error)
                                                         : 0;
}

static int make(Worker *worker, int volumes_fd, const char *temporary, Error *error) {
        _cleanup_close_ int dir_fd = mkdir_open_at(volumes_fd, temporary, 0700), data_fd = -EBADF,
                            source_fd = -EBADF;
        int r;

        if (dir_fd < 0 || flock(dir_fd, LOCK_SH) < 0)
                return failed(worker, dir_fd < 0 ? dir_fd : negative_errno(), "make the folder of", error);
        if ((r = make_data(worker, dir_fd, VOLUME_DATA, &data_fd, error)) < 0 ||
            (r = open_source(worker, volumes_fd, &source_fd, error)) < 0 ||
            (r = fill(worker, source_fd, data_fd, error)) < 0 ||
            (r = write_files(worker, dir_fd, error)) < 0)
                return r;
        return appear(worker, volumes_fd, temporary, error);
}

int verb_volume_create(Worker *worker, Error *error) {
        _cleanup_close_ int volumes_fd = open_volumes(worker, error);
        WorkerResult result = {};
        char temporary[32];

        if (volumes_fd < 0)
                return volumes_fd;
        if (!volume_name_is_valid(strempty(worker->request.volume.name)))
                return error_set(error, ERROR_INVALID, "the request names no volume");
        snprintf(temporary, sizeof(temporary), ".tmp-%016llx", (unsigned long long) random_u64());
        int r = make(worker, volumes_fd, temporary, error);
        if (r < 0) {
                (void) remove_tree_at(volumes_fd, temporary);
                return r;
        }
        result.name = worker->request.volume.name;
        return report_result(worker, &result, error);
}

/* ---- into one that is there ---- */

/* Somebody may just be writing the first file into it: then that is what it has. */
static int exchange(Worker *worker, int dir_fd, Error *error) {
        if (renameat2(dir_fd, VOLUME_DATA_NEW, dir_fd, VOLUME_DATA, RENAME_EXCHANGE) < 0)
                return failed(worker, negative_errno(), "fill", error);
        if (unlinkat(dir_fd, VOLUME_DATA_NEW, AT_REMOVEDIR) >= 0)
                return 0;
        int r = negative_errno();
        if (renameat2(dir_fd, VOLUME_DATA_NEW, dir_fd, VOLUME_DATA, RENAME_EXCHANGE) < 0)
                return failed(worker, negative_errno(), "fill", error);
        return r == -ENOTEMPTY ? 0 : failed(worker, r, "fill", error);
}

static int fill_new(Worker *worker, int dir_fd, int source_fd, Error *error) {
        _cleanup_close_ int data_fd = -EBADF;

        int r = remove_tree_at(dir_fd, VOLUME_DATA_NEW);
        if (r < 0)
                return failed(worker, r, "clean up", error);
        if ((r = make_data(worker, dir_fd, VOLUME_DATA_NEW, &data_fd, error)) >= 0 &&
            (r = fill(worker, source_fd, data_fd, error)) >= 0)
                r = exchange(worker, dir_fd, error);
        (void) remove_tree_at(dir_fd, VOLUME_DATA_NEW);
        return r;
}

int verb_volume_fill(Worker *worker, Error *error) {
        _cleanup_close_ int volumes_fd = open_volumes(worker, error), dir_fd = -EBADF, source_fd = -EBADF;
        WorkerResult result = {};

        if (volumes_fd < 0)
                return volumes_fd;
        dir_fd = openat(volumes_fd, strempty(worker->request.volume.name),
                        O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (dir_fd < 0)
                return failed(worker, negative_errno(), "open", error);
        int r = open_source(worker, volumes_fd, &source_fd, error);
        if (r >= 0 && source_fd >= 0)
                r = fill_new(worker, dir_fd, source_fd, error);
        return r < 0 ? r : report_result(worker, &result, error);
}
