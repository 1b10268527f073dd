/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "fd-util.h"
#include "file-util.h"
#include "mount-source.h"
#include "string-util.h"

/* Names for the usual suspects in the message below; others are shown by number. */
static const struct {
        long magic;
        const char *name;
} file_systems[] = {
        { 0x794c7630, "overlay" }, { 0x6969, "nfs" },      { 0x65735546, "fuse" }, { 0x01021994, "tmpfs" },
        { 0x01021997, "9p" },      { 0xff534d42, "cifs" }, { 0xfe534d42, "cifs" }, { 0x9fa0, "proc" },
        { 0x62656572, "sysfs" },   { 0x2fc12fc1, "zfs" },  { 0xf15f, "ecryptfs" }, { 0x00c36400, "ceph" },
        { 0x63677270, "cgroup2" },
};

static char *describe_file_system(int fd) {
        struct statfs st;

        if (fstatfs(fd, &st) < 0)
                return strdup("unknown");
        for (size_t i = 0; i < ELEMENTSOF(file_systems); i++)
                if (file_systems[i].magic == (long) st.f_type)
                        return strdup(file_systems[i].name);
        return format_string("type %#lx", (unsigned long) st.f_type);
}

static int explain_id_mapping(const Op *op, int fd, int r, Error *error) {
        _cleanup_free_ char *type = describe_file_system(fd);

        if (op->type == OP_LAYER)
                return error_set(
                        error, ERROR_UNSUPPORTED,
                        "cannot map the ids of %s: its file system (%s) does not support id-mapped mounts; "
                        "keep berth's state on ext4, xfs or btrfs, or use --userns=host",
                        op->source, strempty(type));
        if (r == -EINVAL || r == -EOPNOTSUPP)
                return error_set(
                        error, ERROR_UNSUPPORTED,
                        "cannot map the ids of the mount of %s on %s: its file system (%s), or one mounted "
                        "below it, does not support id-mapped mounts; use --userns=host, or put it on ext4, "
                        "xfs or btrfs",
                        op->source, op->target, strempty(type));
        return error_set_errno(error, r, "cannot map the ids of the mount of %s on %s", op->source,
                               op->target);
}

static int open_source(const Op *op, bool recursive) {
        int fd = open_tree(AT_FDCWD, op->source,
                           OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0));
        return fd < 0 ? negative_errno() : fd;
}

int mount_source_open(const Op *op, int userns_fd, Error *error) {
        bool recursive = op->type == OP_BIND;
        struct mount_attr attributes = {
                .attr_set = op->attributes,
                .attr_clr = (op->attributes & MOUNT_ATTR__ATIME) ? MOUNT_ATTR__ATIME : 0,
                .propagation = op->propagation,
        };
        int r;

        _cleanup_close_ int fd = open_source(op, recursive);
        if (fd == -ENOENT && op->create_source) {
                r = mkdir_parents_at(AT_FDCWD, op->source, 0755);
                if (r < 0)
                        return error_set_errno(error, r, "cannot make the directory %s for the mount on %s",
                                               op->source, op->target);
                fd = open_source(op, recursive);
        }
        if (fd == -ENOENT)
                return error_set(error, op->type == OP_BIND ? ERROR_INVALID : ERROR_CORRUPT,
                                 "%s, to be mounted on %s, does not exist", op->source, op->target);
        if (fd < 0)
                return error_set_errno(error, fd, "cannot open %s, to be mounted on %s", op->source,
                                       op->target);

        if (op->id_mapped) {
                attributes.attr_set |= MOUNT_ATTR_IDMAP;
                attributes.userns_fd = userns_fd;
        }
        if (op->type == OP_LAYER)
                attributes.propagation = MS_PRIVATE;
        if (mount_setattr(fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attributes,
                          sizeof(attributes)) < 0) {
                r = negative_errno();
                return op->id_mapped ? explain_id_mapping(op, fd, r, error)
                                     : error_set_errno(error, r, "cannot prepare the mount of %s on %s",
                                                       op->source, op->target);
        }
        return TAKE_FD(fd);
}
