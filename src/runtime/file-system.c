/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "fd-util.h"
#include "file-system.h"
#include "string-util.h"
#include "strv.h"

/* Behind "e " or "w " the kernel says what it did not like. */
static int explain(int fs_fd, int r, const char *what, Error *error) {
        char message[512];
        ssize_t n = read(fs_fd, message, sizeof(message) - 1);

        if (n <= 2)
                return error_set_errno(error, r, "%s", what);
        message[n] = 0;
        message[strcspn(message, "\n")] = 0;
        return error_set_errno(error, r, "%s: %s", what, message + 2);
}

static int set_options(int fs_fd, const char *options, Error *error) {
        _cleanup_strv_free_ char **words = NULL;

        int r = strv_split(strempty(options), ",", &words);
        if (r < 0)
                return error_set_errno(error, r, "cannot read the options");
        STRV_FOREACH(word, words) {
                char *equal = strchr(*word, '=');
                if (equal)
                        *equal = 0;
                if (fsconfig(fs_fd, equal ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, *word,
                             equal ? equal + 1 : NULL, 0) < 0) {
                        r = negative_errno();
                        _cleanup_free_ char *what =
                                string_join("option ", *word, equal ? "=" : "", equal ? equal + 1 : "");
                        return explain(fs_fd, r, strempty(what), error);
                }
        }
        return 0;
}

int file_system_make(const char *type, const char *options, uint64_t attributes, Error *error) {
        _cleanup_close_ int fs_fd = fsopen(type, FSOPEN_CLOEXEC);

        if (fs_fd < 0)
                return error_set_errno(error, negative_errno(), "the kernel has no file system %s", type);
        /* The first column of mount(8) in the container. */
        (void) fsconfig(fs_fd, FSCONFIG_SET_STRING, "source", type, 0);
        int r = set_options(fs_fd, options, error);
        if (r < 0)
                return r;
        if (fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
                return explain(fs_fd, negative_errno(), "cannot make the file system", error);
        int fd = fsmount(fs_fd, FSMOUNT_CLOEXEC, attributes);
        return fd < 0 ? explain(fs_fd, negative_errno(), "cannot make the mount", error) : fd;
}

int mount_attach(int mount_fd, int root_fd, const char *target, TargetType type, Error *error) {
        _cleanup_close_ int fd = root_open_target(root_fd, target, type);

        if (fd < 0)
                return error_set_errno(error, fd, "cannot make the mount point %s", target);
        if (move_mount(mount_fd, "", fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
                return error_set_errno(error, negative_errno(), "cannot mount on %s", target);
        return 0;
}
