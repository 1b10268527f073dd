/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "fd-util.h"
#include "file-util.h"
#include "overlay.h"
#include "string-util.h"
#include "tree.h"

bool overlay_stat_is_whiteout(const struct stat *st) {
        return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

int overlay_make_whiteout_at(int dir_fd, const char *name) {
        return mknodat(dir_fd, name, S_IFCHR, makedev(0, 0)) < 0 ? negative_errno() : 0;
}

int overlay_set_opaque(int fd) {
        return fsetxattr(fd, OVERLAY_XATTR_OPAQUE, "y", 1, 0) < 0 ? negative_errno() : 0;
}

int overlay_set_opaque_at(int dir_fd, const char *name) {
        _cleanup_close_ int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        return fd < 0 ? negative_errno() : overlay_set_opaque(fd);
}

int overlay_is_opaque(int fd) {
        char path[FD_PATH_MAX], value;
        ssize_t n = getxattr(fd_path(fd, path), OVERLAY_XATTR_OPAQUE, &value, 1);

        if (n < 0)
                return errno == ENODATA || errno == EOPNOTSUPP || errno == ERANGE ? 0 : negative_errno();
        return n == 1 && value == 'y';
}

int overlay_drop_whiteouts(int dir_fd) {
        _cleanup_closedir_ DIR *dir = opendir_at(dir_fd, ".");
        struct dirent *entry;
        struct stat st;

        if (!dir)
                return negative_errno();
        while ((entry = readdir_no_dot(dir)))
                if ((entry->d_type == DT_CHR || entry->d_type == DT_UNKNOWN) &&
                    fstatat(dir_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) >= 0 &&
                    overlay_stat_is_whiteout(&st) && unlinkat(dir_fd, entry->d_name, 0) < 0)
                        return negative_errno();
        return errno > 0 ? -errno : 0;
}

bool xattr_is_private(const char *name) {
        return startswith(name, "user.overlay.") || startswith(name, "trusted.") ||
               streq(name, "security.selinux");
}
