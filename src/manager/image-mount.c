/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd-util.h"
#include "file-util.h"
#include "image-mount.h"
#include "string-util.h"
#include "strv.h"

#define MOUNTS_DIRECTORY RUNTIME_DIRECTORY "/images"

char *image_mount_path(const Image *image) {
        return string_join(MOUNTS_DIRECTORY "/", digest_hex(image->record.digest));
}

static bool is_mount_point(const char *path) {
        struct statx st;

        return statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_TYPE, &st) >= 0 &&
               (st.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

bool image_is_mounted(const Image *image) {
        _cleanup_free_ char *path = image_mount_path(image);

        return path && is_mount_point(path);
}

/* ---- mounting ---- */

typedef struct LayerFds {
        int *fds;
        size_t n;
} LayerFds;

static void layer_fds_done(LayerFds *layers) {
        close_many(layers->fds, layers->n);
        free(layers->fds);
}

static int open_layers(char *const *lower, LayerFds *ret, Error *error) {
        ret->fds = new_array(int, strv_length(lower) + 1);
        if (!ret->fds)
                return error_set_errno(error, -ENOMEM, "cannot mount the image");
        for (char *const *path = lower; path && *path; path++) {
                int fd = open(*path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                if (fd < 0)
                        return error_set_errno(error, negative_errno(), "cannot open the layer %s", *path);
                ret->fds[ret->n++] = fd;
        }
        return 0;
}

/* Layers by their descriptors, as paths relative to /proc/self/fd: 500 of them fit into the page of options that
 * mount(2) takes. A single one gets company, as overlayfs wants two at least: the mount point, which is empty. */
static char *overlay_options(const LayerFds *layers, const char *empty) {
        _cleanup_(string_buffer_done) StringBuffer options = {};
        int r = string_buffer_append_string(&options, "userxattr,lowerdir=");

        for (size_t i = 0; r >= 0 && i < layers->n; i++)
                r = string_buffer_appendf(&options, "%s%d", i > 0 ? ":" : "", layers->fds[i]);
        if (r >= 0 && layers->n < 2)
                r = string_buffer_appendf(&options, ":%s", empty);
        return r < 0 ? NULL : TAKE_PTR(options.data);
}

/* From inside /proc/self/fd, and back again. */
static int mount_overlay(const char *path, const char *options) {
        _cleanup_close_ int before = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
        int r = 0;

        if (before < 0 || chdir("/proc/self/fd") < 0)
                return negative_errno();
        if (mount("berth", path, "overlay", MS_RDONLY | MS_NOSUID | MS_NODEV, options) < 0)
                r = negative_errno();
        if (fchdir(before) < 0 && r >= 0)
                r = negative_errno();
        return r;
}

static int make_mount_point(const char *path) {
        if (mkdir(MOUNTS_DIRECTORY, 0700) < 0 && errno != EEXIST)
                return negative_errno();
        return mkdir(path, 0700) < 0 && errno != EEXIST ? negative_errno() : 0;
}

static int mount_layers(const Image *image, char *const *lower, const char *path, Error *error) {
        _cleanup_(layer_fds_done) LayerFds layers = {};

        int r = open_layers(lower, &layers, error);
        if (r < 0)
                return r;
        _cleanup_free_ char *options = overlay_options(&layers, path);
        if (!options)
                return error_set_errno(error, -ENOMEM, "cannot mount the image");
        r = make_mount_point(path);
        if (r < 0)
                return error_set_errno(error, r, "cannot make the directory %s", path);
        r = mount_overlay(path, options);
        if (r < 0) {
                (void) rmdir(path);
                return error_set_errno(error, r, "cannot mount the layers of %s on %s", image->record.digest,
                                       path);
        }
        return 0;
}

int image_mount(ImageStore *store, const Image *image, Error *error) {
        _cleanup_free_ char *path = image_mount_path(image);
        _cleanup_strv_free_ char **lower = NULL;

        if (image->record.kind != IMAGE_RUNNABLE)
                return error_set(error, ERROR_UNSUPPORTED,
                                 image->record.kind == IMAGE_INDEX
                                         ? "it is an index of several images: mount one of those"
                                         : "it is an artifact, not an image with files");
        int r = path ? image_store_lower(store, &image->record, &lower) : -ENOMEM;
        if (r < 0)
                return error_set_errno(error, r, "cannot mount the image");
        return is_mount_point(path) ? 0 : mount_layers(image, lower, path, error);
}

int image_unmount(const Image *image, Error *error) {
        _cleanup_free_ char *path = image_mount_path(image);

        if (!path)
                return error_set_errno(error, -ENOMEM, "cannot unmount the image");
        if (is_mount_point(path) && umount2(path, UMOUNT_NOFOLLOW) < 0) {
                if (errno == EBUSY)
                        return error_set(error, ERROR_IN_USE, "%s is in use (fuser -vm %s shows by whom)",
                                         path, path);
                return error_set_errno(error, negative_errno(), "cannot unmount %s", path);
        }
        (void) rmdir(path);
        return 0;
}
