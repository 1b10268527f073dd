/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What is to be done to turn a LaunchSpec into a container's file system and namespaces: data, made by a pure function
 * and carried out in order by one loop (plan-apply.h) in the container's first process, "init".
 *
 * Layers, the upper directory and binds come from the host's file system. The shim opens them as detached mounts
 * (mount-source.h), id-mapped where that is wanted, and sends them over: init walks the same plan and takes the next
 * received one at each operation that op_needs_mount().
 *
 * The order has reasons. Proc and sysfs can be mounted in a user namespace only while the host's own ones are still
 * visible, so before the pivot. Everything that need not wait for berthd comes before OP_WAIT, since that runs while
 * systemd makes the scope and berthd the network. Where a sysctl names an interface it comes after the network, and then
 * the read-only paths (/proc/sys is one) come after it too. */

#include "launch-spec.h"

typedef enum OpType {
        OP_STAGING, /* a tmpfs that holds the mount points of the layers; the working directory from now on */
        OP_LAYER,   /* received mount → `target`, a name in the staging directory */
        OP_OVERLAY,    /* options `data`, layers named relative to the staging directory: the new root */
        OP_FILESYSTEM, /* a new file system of type `source` with options `data` on target */
        OP_DEVICE,     /* the host's device node `source` on target */
        OP_SYMLINK,    /* a symlink target → source, kept when there is something already */
        OP_BIND,       /* received mount → target */
        OP_IMAGE, /* overlay with options `data`, mounted on `source` in the staging directory → target */
        OP_CONSOLE,   /* a terminal out of the container's devpts, its slave also on target */
        OP_HOSTNAME,  /* source */
        OP_MASK,      /* target, when it exists, shows nothing */
        OP_READ_ONLY, /* target, when it exists, can't be written */
        OP_PIVOT,     /* the new root becomes the root, the host's tree goes away */
        OP_CHOWN,     /* gives the files of the mount on target to the user `data` */
        OP_DIRECTORY, /* makes the directory target with its parents when it is missing */
        OP_ROOT_READ_ONLY,
        OP_WAIT,    /* until berthd says that scope and network are ready */
        OP_CGROUP,  /* a cgroup namespace whose root is the scope, and its tree on target */
        OP_NETWORK, /* addresses and routes of the interfaces, lo up (`network` of the LaunchSpec) */
        OP_SYSCTL,  /* writes data to /proc/sys/source */
        _OP_TYPE_MAX,
} OpType;

typedef struct Op {
        OpType type;
        const char *source;
        const char *target; /* in the container */
        const char *data;
        uint64_t attributes;  /* MOUNT_ATTR_* */
        uint64_t propagation; /* OP_BIND: MS_PRIVATE, MS_SLAVE, MS_SHARED */
        bool id_mapped;       /* OP_LAYER, OP_BIND: the mount is mapped into the user namespace */
        const char *
                id_map; /* with id_mapped: by this mapping (lines of a uid_map) instead of the container's */
        const char *subpath;           /* OP_BIND, OP_IMAGE: this part of it only */
        BindRecursion recursive;       /* OP_BIND */
        bool create_source;            /* OP_BIND: a missing source is made a directory */
        const LaunchNamespace *shared; /* OP_BIND: not the host's, but the /dev/shm of this container */
        const List *devices; /* OP_LAYER: not a directory of the host, but new nodes of these, … */
        uint32_t owner;      /* … which belong to this user and group */
        bool of_spec;        /* the shim is told of the mount, which may be taken away again */
} Op;

typedef struct Plan {
        Op *ops;
        size_t n_ops, n_allocated;
        char **strings; /* owns what the ops point to, beside constants and the LaunchSpec's own strings */
} Plan;

/* The plan borrows from spec, which must live as long. ERROR_INVALID: the spec contradicts itself. */
int plan_build(const LaunchSpec *spec, Plan *ret, Error *error);
/* Only what this mount takes, for a container that runs. */
int plan_build_mount(const LaunchSpec *spec, const LaunchMount *mount, Plan *ret, Error *error);
void plan_done(Plan *plan);

static inline bool op_needs_mount(const Op *op) {
        return op->type == OP_LAYER || op->type == OP_BIND;
}
