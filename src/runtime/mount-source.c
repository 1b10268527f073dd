/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "device-nodes.h"
#include "fd-util.h"
#include "file-util.h"
#include "launch-namespace.h"
#include "mount-source.h"
#include "string-util.h"
#include "user-namespace.h"

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

/* What the kernel itself shows in them has no owner but the host's root, whoever looks: it can't be id-mapped, and need not
 * be. */
static const long kernel_file_systems[] = {
        0x9fa0,     /* proc */
        0x62656572, /* sysfs */
        0x63677270, /* cgroup2 */
        0x27e0eb,   /* cgroup */
        0x64626720, /* debugfs */
        0x74726163, /* tracefs */
        0x73636673, /* securityfs */
        0xcafe4a11, /* bpf */
        0x6e736673, /* nsfs */
        0x1cd1,     /* devpts */
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

static bool is_kernel_file_system(int fd) {
        struct statfs st;

        for (size_t i = 0; i < ELEMENTSOF(kernel_file_systems) && fstatfs(fd, &st) >= 0; i++)
                if (kernel_file_systems[i] == (long) st.f_type)
                        return true;
        return false;
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
                        "xfs or btrfs, or mount it with idmap=none (its files then belong to nobody "
                        "there)%s",
                        op->source, op->target, strempty(type),
                        op->recursive == RECURSION_DISABLED ? ""
                                                            : ", or without what is below "
                                                              "(bind-recursive=disabled)");
        return error_set_errno(error, r, "cannot map the ids of the mount of %s on %s", op->source,
                               op->target);
}

static bool is_recursive(const Op *op) {
        return op->type == OP_BIND && op->recursive != RECURSION_DISABLED;
}

/* The part of it that is asked for. Links in it lead nowhere but into it, and what is opened is what is mounted, whatever
 * becomes of the path meanwhile. */
static int open_subpath(const Op *op) {
        _cleanup_close_ int root = open(op->source, O_PATH | O_DIRECTORY | O_CLOEXEC);

        return root < 0 ? negative_errno() : open_in_root(root, op->subpath, O_PATH, 0);
}

static int open_source(const Op *op) {
        unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (is_recursive(op) ? AT_RECURSIVE : 0);
        _cleanup_close_ int part = -EBADF;
        int fd;

        if (op->subpath) {
                part = open_subpath(op);
                if (part < 0)
                        return part;
                fd = open_tree(part, "", flags | AT_EMPTY_PATH);
        } else
                fd = open_tree(AT_FDCWD, op->source, flags);
        return fd < 0 ? negative_errno() : fd;
}

static int explain_source(const Op *op, int r, Error *error) {
        const char *slash = op->subpath ? "/" : "", *subpath = strempty(op->subpath);

        if (r == -ENOENT)
                return error_set(error, op->type == OP_BIND ? ERROR_INVALID : ERROR_CORRUPT,
                                 "%s%s%s, to be mounted on %s, does not exist", op->source, slash, subpath,
                                 op->target);
        return error_set_errno(error, r, "cannot open %s%s%s, to be mounted on %s", op->source, slash,
                               subpath, op->target);
}

static int set_id_mapping(const Op *op, int fd, int userns_fd, Error *error) {
        struct mount_attr attributes = { .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = userns_fd };
        _cleanup_close_ int own = -EBADF;

        if (op->type == OP_BIND && !op->id_map && is_kernel_file_system(fd))
                return 0;
        if (op->id_map) {
                own = user_namespace_make(op->id_map);
                if (own < 0)
                        return error_set_errno(error, own, "cannot make the id mapping of the mount on %s",
                                               op->target);
                attributes.userns_fd = own;
        }
        if (mount_setattr(fd, "", AT_EMPTY_PATH | (is_recursive(op) ? AT_RECURSIVE : 0), &attributes,
                          sizeof(attributes)) < 0)
                return explain_id_mapping(op, fd, negative_errno(), error);
        return 0;
}

static int set_attributes(const Op *op, int fd) {
        struct mount_attr attributes = {
                .attr_set = op->attributes & ~(uint64_t) MOUNT_ATTR_RDONLY,
                .attr_clr = (op->attributes & MOUNT_ATTR__ATIME) ? MOUNT_ATTR__ATIME : 0,
                .propagation = op->type == OP_LAYER ? MS_PRIVATE : op->propagation,
        };

        if (mount_setattr(fd, "", AT_EMPTY_PATH | (is_recursive(op) ? AT_RECURSIVE : 0), &attributes,
                          sizeof(attributes)) < 0)
                return negative_errno();
        return 0;
}

/* "enabled" is content with the topmost mount where those below it can't become read-only. */
static int set_read_only(const Op *op, int fd) {
        struct mount_attr read_only = { .attr_set = MOUNT_ATTR_RDONLY };
        bool all = is_recursive(op) && op->recursive != RECURSION_WRITABLE;

        if (!(op->attributes & MOUNT_ATTR_RDONLY))
                return 0;
        if (all && mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &read_only, sizeof(read_only)) >= 0)
                return 0;
        if ((all && op->recursive == RECURSION_READ_ONLY) ||
            mount_setattr(fd, "", AT_EMPTY_PATH, &read_only, sizeof(read_only)) < 0)
                return negative_errno();
        return 0;
}

int mount_source_open(const Op *op, int userns_fd, Error *error) {
        if (op->devices)
                return device_nodes_make(op->devices, op->owner, error);

        _cleanup_close_ int fd = op->shared ? shared_memory_open(op->shared, error) : open_source(op);
        int r;

        if (op->shared && fd < 0)
                return fd;
        if (fd == -ENOENT && op->create_source && !op->subpath) {
                r = mkdir_parents_at(AT_FDCWD, op->source, 0755);
                if (r < 0)
                        return error_set_errno(error, r, "cannot make the directory %s for the mount on %s",
                                               op->source, op->target);
                fd = open_source(op);
        }
        if (fd < 0)
                return explain_source(op, fd, error);
        r = set_attributes(op, fd);
        if (r >= 0)
                r = set_read_only(op, fd);
        if (r < 0)
                return error_set_errno(error, r, "cannot prepare the mount of %s on %s", op->source,
                                       op->target);
        r = op->id_mapped ? set_id_mapping(op, fd, userns_fd, error) : 0;
        return r < 0 ? r : TAKE_FD(fd);
}
