/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "device-nodes.h"
#include "fd-util.h"
#include "file-system.h"

static int make_node(int directory, size_t number, const LaunchDevice *device, uint32_t owner,
                     Error *error) {
        struct stat st;
        char name[24];

        (void) snprintf(name, sizeof(name), "%zu", number);
        int r = stat(device->source, &st) < 0 ? negative_errno() : 0;
        if (r >= 0 && !S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
                r = -ENODEV;
        if (r >= 0 && (mknodat(directory, name, st.st_mode & (S_IFMT | 0777), st.st_rdev) < 0 ||
                       fchmodat(directory, name, st.st_mode & 0777, 0) < 0 ||
                       fchownat(directory, name, owner, owner, 0) < 0))
                r = negative_errno();
        return r < 0 ? error_set_errno(error, r, "cannot make the device %s of the container",
                                       device->source)
                     : 0;
}

int device_nodes_make(const List *devices, uint32_t owner, Error *error) {
        _cleanup_close_ int fd =
                file_system_make("tmpfs", "mode=755,size=64k", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, error);
        int r = MIN(fd, 0);

        for (size_t i = 0; i < devices->n && r >= 0; i++)
                r = make_node(fd, i, LIST_ITEM(devices, LaunchDevice, i), owner, error);
        return r < 0 ? r : TAKE_FD(fd);
}
