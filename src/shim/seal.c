/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include "fd-util.h"
#include "seal.h"

int shim_seal(const char *id) {
        struct mount_attr read_only = { .attr_set = MOUNT_ATTR_RDONLY };
        char *const arguments[] = { (char *) "berth-shim", (char *) id, (char *) SHIM_SEALED, NULL };
        _cleanup_close_ int fd = open_tree(AT_FDCWD, "/proc/self/exe", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

        if (fd < 0 || mount_setattr(fd, "", AT_EMPTY_PATH, &read_only, sizeof(read_only)) < 0)
                return negative_errno();
        /* The descriptor is closed by this, and the mount with it; the program's reference to it stays. */
        if (fd_set_cloexec(3, false) < 0)
                return negative_errno();
        (void) execveat(fd, "", arguments, environ, AT_EMPTY_PATH);
        return negative_errno();
}
