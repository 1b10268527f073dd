/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "child-message.h"
#include "fd-util.h"
#include "file-system.h"
#include "file-util.h"
#include "interface.h"
#include "mount-target.h"
#include "plan-apply.h"
#include "pty-util.h"
#include "root-path.h"
#include "string-util.h"

/* Where the host's tree is still seen, any directory that always exists will do: it is this mount namespace's only. */
#define STAGING_DIRECTORY "/run"
#define STAGED_ROOT "root"

static int apply_staging(PlanContext *context, const Op *op, Error *error) {
        if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                return error_set_errno(error, negative_errno(), "cannot leave the host's mounts alone");
        if (mount("berth", STAGING_DIRECTORY, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=1m") < 0)
                return error_set_errno(error, negative_errno(),
                                       "cannot mount a tmpfs to stage the layers in");
        if (chdir(STAGING_DIRECTORY) < 0)
                return error_set_errno(error, negative_errno(), "cannot enter the staging directory");
        return 0;
}

static int receive_mount(PlanContext *context, const Op *op, Error *error) {
        int fd;

        if (context->next_source < context->n_sources)
                return context->sources[context->next_source++];
        int r = child_expect(context->channel, CHILD_MOUNT, &fd);
        return r < 0 ? error_set_errno(error, r, "the shim did not send the mount of %s", op->source) : fd;
}

static int apply_layer(PlanContext *context, const Op *op, Error *error) {
        _cleanup_close_ int fd = receive_mount(context, op, error);

        if (fd < 0)
                return fd;
        if (mkdir(op->target, 0755) < 0 ||
            move_mount(fd, "", AT_FDCWD, op->target, MOVE_MOUNT_F_EMPTY_PATH) < 0)
                return error_set_errno(error, negative_errno(), "cannot attach the layer %s", op->source);
        return 0;
}

static int apply_overlay(PlanContext *context, const Op *op, Error *error) {
        if (mkdir(STAGED_ROOT, 0755) < 0 || mount("overlay", STAGED_ROOT, "overlay", 0, op->data) < 0)
                return error_set_errno(error, negative_errno(),
                                       "cannot mount the overlay of the image's layers");
        context->root = open(STAGED_ROOT, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (context->root < 0)
                return error_set_errno(error, negative_errno(), "cannot open the new root");
        return 0;
}

static int join_mount_namespace(PlanContext *context, Error *error) {
        if (setns(context->leader, CLONE_NEWNS) < 0)
                return error_set_errno(error, negative_errno(),
                                       "cannot join the container's mount namespace");
        context->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        return context->root < 0
                       ? error_set_errno(error, negative_errno(), "cannot open the container's root")
                       : 0;
}

/* What was asked for: the shim learns which mount it is. */
static int attach_wanted(PlanContext *context, const Op *op, int fd, Error *error) {
        int r = context->leader >= 0 ? join_mount_namespace(context, error) : 0;
        if (r >= 0)
                r = mount_target_attach(fd, context->root, op->target, error);
        if (r < 0 || !op->of_spec)
                return r;
        if (context->leader >= 0)
                context->attached = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        r = child_send(context->channel, CHILD_MOUNTED, fd);
        return r < 0 ? error_set_errno(error, r, "cannot tell the shim of the mount on %s", op->target) : 0;
}

/* Interfaces appear when /proc/sys can't be written to any more. A kernel without IPv6 has nothing to open. */
static void open_ipv6_conf(PlanContext *context, int proc) {
        if (context->ipv6_conf < 0)
                context->ipv6_conf = openat(proc, "sys/net/ipv6/conf", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* What is masked and made read-only is found by these names, so they must be what an image says they are: directories. */
static int refuse_link(PlanContext *context, const Op *op, Error *error) {
        struct stat st;
        _cleanup_close_ int fd = open_in_root(context->root, op->target, O_PATH | O_NOFOLLOW, 0);

        if (fd == -ENOENT)
                return 0;
        if (fd < 0 || fstat(fd, &st) < 0)
                return error_set_errno(error, fd < 0 ? fd : negative_errno(), "cannot open %s", op->target);
        if (!S_ISDIR(st.st_mode))
                return error_set(error, ERROR_INVALID, "%s in the image must be a directory", op->target);
        return 0;
}

static int apply_file_system(PlanContext *context, const Op *op, Error *error) {
        int r = op->of_spec ? 0 : refuse_link(context, op, error);

        if (r < 0)
                return r;
        _cleanup_close_ int fd = file_system_make(op->source, op->data, op->attributes, error);

        if (fd < 0)
                return error_prefix(error, fd, "cannot mount %s on %s", op->source, op->target);
        if (streq(op->source, "proc"))
                open_ipv6_conf(context, fd);
        return op->of_spec ? attach_wanted(context, op, fd, error)
                           : mount_attach(fd, context->root, op->target, TARGET_DIRECTORY, error);
}

/* Without a user namespace the container's root could change the mode of the host's own node. */
static int make_device(PlanContext *context, const Op *op, Error *error) {
        const char *name;
        struct stat st;

        if (stat(op->source, &st) < 0)
                return error_set_errno(error, negative_errno(), "cannot open the device %s", op->source);
        _cleanup_close_ int parent = root_open_parent(context->root, op->target, &name);
        if (parent < 0)
                return error_set_errno(error, parent, "cannot make the device %s", op->target);
        if (mknodat(parent, name, st.st_mode, st.st_rdev) < 0 ||
            fchownat(parent, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
            fchmodat(parent, name, st.st_mode & 07777, 0) < 0)
                return error_set_errno(error, negative_errno(), "cannot make the device %s", op->target);
        return 0;
}

static int apply_device(PlanContext *context, const Op *op, Error *error) {
        if (context->spec->uid_count == 0)
                return make_device(context, op, error);
        _cleanup_close_ int fd = open_tree(AT_FDCWD, op->source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

        if (fd < 0)
                return error_set_errno(error, negative_errno(), "cannot open the device %s", op->source);
        return mount_attach(fd, context->root, op->target, TARGET_FILE, error);
}

static int apply_symlink(PlanContext *context, const Op *op, Error *error) {
        const char *name;

        _cleanup_close_ int parent = root_open_parent(context->root, op->target, &name);
        if (parent < 0)
                return error_set_errno(error, parent, "cannot make the symlink %s", op->target);
        if (symlinkat(op->source, parent, name) < 0 && errno != EEXIST)
                return error_set_errno(error, negative_errno(), "cannot make the symlink %s", op->target);
        return 0;
}

static int apply_bind(PlanContext *context, const Op *op, Error *error) {
        _cleanup_close_ int fd = receive_mount(context, op, error);

        if (fd < 0)
                return fd;
        if (!streq(op->target, "/proc"))
                return attach_wanted(context, op, fd, error);
        /* The host's own, for a container in the host's PID namespace: nothing that a user asked for. */
        open_ipv6_conf(context, fd);
        return mount_attach(fd, context->root, op->target, TARGET_DIRECTORY, error);
}

/* The overlay itself stays in the staging directory and goes away with it: what is attached is a clone of the part that is
 * asked for. */
static int apply_image(PlanContext *context, const Op *op, Error *error) {
        struct mount_attr attributes = { .attr_set = op->attributes };

        if (mkdir(op->source, 0755) < 0 || mount("overlay", op->source, "overlay", MS_RDONLY, op->data) < 0)
                return error_set_errno(error, negative_errno(), "cannot mount the image's layers for %s",
                                       op->target);
        _cleanup_close_ int root = open(op->source, O_PATH | O_DIRECTORY | O_CLOEXEC);
        _cleanup_close_ int part =
                root < 0 ? negative_errno() : open_in_root(root, op->subpath ?: "/", O_PATH, 0);
        if (part == -ENOENT)
                return error_set(error, ERROR_INVALID, "the image, to be mounted on %s, has no %s",
                                 op->target, strempty(op->subpath));
        if (part < 0)
                return error_set_errno(error, part, "cannot open the image for %s", op->target);
        _cleanup_close_ int fd = open_tree(part, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
        if (fd < 0 || mount_setattr(fd, "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) < 0)
                return error_set_errno(error, negative_errno(),
                                       "cannot prepare the mount of the image on %s", op->target);
        return attach_wanted(context, op, fd, error);
}

static int apply_chown(PlanContext *context, const Op *op, Error *error) {
        return mount_target_chown(context->root, op->target, op->data, error);
}

static int apply_console(PlanContext *context, const Op *op, Error *error) {
        _cleanup_close_ int master = -EBADF;

        int r = pty_open(context->root, &master, &context->terminal);
        if (r < 0)
                return error_set_errno(error, r, "cannot make a terminal");
        if (context->spec->rows > 0 && context->spec->columns > 0)
                (void) pty_resize(master, context->spec->rows, context->spec->columns);

        _cleanup_close_ int fd =
                open_tree(context->terminal, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
        if (fd < 0)
                return error_set_errno(error, negative_errno(), "cannot open the terminal");
        r = mount_attach(fd, context->root, op->target, TARGET_FILE, error);
        if (r < 0)
                return r;
        r = child_send(context->channel, CHILD_TERMINAL, master);
        return r < 0 ? error_set_errno(error, r, "cannot hand over the terminal") : 0;
}

static int apply_hostname(PlanContext *context, const Op *op, Error *error) {
        if (sethostname(op->source, strlen(op->source)) < 0)
                return error_set_errno(error, negative_errno(), "cannot set the host name %s", op->source);
        return 0;
}

/* An fd of what is there, or -ENOENT. */
static int open_existing(PlanContext *context, const Op *op, struct stat *ret, Error *error) {
        _cleanup_close_ int fd = open_in_root(context->root, op->target, O_PATH, 0);

        if (fd == -ENOENT || fd == -ENOTDIR)
                return -ENOENT;
        if (fd < 0 || fstat(fd, ret) < 0)
                return error_set_errno(error, fd < 0 ? fd : negative_errno(), "cannot open %s", op->target);
        return TAKE_FD(fd);
}

/* All masked directories share one empty tmpfs: the first gets the mount itself, the others clones of that. (Before Linux
 * 6.15 a mount can only be cloned where it is attached.) */
static int open_empty(PlanContext *context, Error *error) {
        bool first = context->empty < 0;

        if (first)
                context->empty = file_system_make(
                        "tmpfs", "mode=755,size=4k",
                        MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, error);
        if (context->empty < 0)
                return context->empty;
        int fd = first ? fcntl(context->empty, F_DUPFD_CLOEXEC, 3)
                       : open_tree(context->empty, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
        return fd < 0 ? error_set_errno(error, negative_errno(), "cannot clone a tmpfs") : fd;
}

static int apply_mask(PlanContext *context, const Op *op, Error *error) {
        _cleanup_close_ int cover = -EBADF;
        struct stat st;

        _cleanup_close_ int fd = open_existing(context, op, &st, error);
        if (fd < 0)
                return fd == -ENOENT ? 0 : fd;
        if (S_ISDIR(st.st_mode))
                cover = open_empty(context, error);
        else {
                /* The host's: the container's /dev may be a volume by now, with anything in it. */
                cover = open_tree(AT_FDCWD, "/dev/null", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
                if (cover < 0)
                        return error_set_errno(error, negative_errno(), "cannot open /dev/null");
        }
        if (cover < 0)
                return error_prefix(error, cover, "cannot mask %s", op->target);
        if (move_mount(cover, "", fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
                return error_set_errno(error, negative_errno(), "cannot mask %s", op->target);
        return 0;
}

static int apply_read_only(PlanContext *context, const Op *op, Error *error) {
        struct mount_attr read_only = { .attr_set = MOUNT_ATTR_RDONLY };
        struct stat st;

        _cleanup_close_ int fd = open_existing(context, op, &st, error);
        if (fd < 0)
                return fd == -ENOENT ? 0 : fd;
        _cleanup_close_ int clone =
                open_tree(fd, "", AT_EMPTY_PATH | AT_RECURSIVE | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
        if (clone < 0 ||
            mount_setattr(clone, "", AT_EMPTY_PATH | AT_RECURSIVE, &read_only, sizeof(read_only)) < 0 ||
            move_mount(clone, "", fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
                return error_set_errno(error, negative_errno(), "cannot make %s read-only", op->target);
        return 0;
}

/* Both directories are ".": the old root comes to lie over the new one, and is what the umount takes away, with the
 * staging directory and the whole host. */
static int apply_pivot(PlanContext *context, const Op *op, Error *error) {
        if (fchdir(context->root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
            umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
                return error_set_errno(error, negative_errno(),
                                       "cannot make the container's file system the root");
        return 0;
}

static int apply_directory(PlanContext *context, const Op *op, Error *error) {
        _cleanup_close_ int fd = root_open_target(context->root, op->target, TARGET_DIRECTORY);

        return fd < 0 ? error_set_errno(error, fd, "cannot make the working directory %s", op->target) : 0;
}

static int apply_root_read_only(PlanContext *context, const Op *op, Error *error) {
        struct mount_attr read_only = { .attr_set = MOUNT_ATTR_RDONLY };

        if (mount_setattr(context->root, "", AT_EMPTY_PATH, &read_only, sizeof(read_only)) < 0)
                return error_set_errno(error, negative_errno(), "cannot make the root read-only");
        return 0;
}

static int apply_wait(PlanContext *context, const Op *op, Error *error) {
        int r = child_expect(context->channel, CHILD_GO, NULL);

        context->gone = true;
        return r < 0 ? error_set_errno(error, r, "the shim did not say go") : 0;
}

static int apply_cgroup(PlanContext *context, const Op *op, Error *error) {
        if (unshare(CLONE_NEWCGROUP) < 0)
                return error_set_errno(error, negative_errno(), "cannot make a cgroup namespace");
        _cleanup_close_ int fd = file_system_make("cgroup2", NULL, op->attributes, error);
        if (fd < 0)
                return error_prefix(error, fd, "cannot mount cgroup2 on %s", op->target);
        return mount_attach(fd, context->root, op->target, TARGET_DIRECTORY, error);
}

static int apply_network(PlanContext *context, const Op *op, Error *error) {
        const List *interfaces = &context->spec->interfaces;

        if (context->ipv6_conf >= 0) {
                int r = interfaces_ignore_routers(context->ipv6_conf, interfaces->items, interfaces->n,
                                                  error);
                if (r < 0)
                        return r;
        }
        return interfaces_configure(interfaces->items, interfaces->n, error);
}

/* Only the host's root may write these files, but there are system calls for who owns the namespace. */
static const struct {
        const char *path;
        int (*set)(const char *text, size_t size);
} sysctl_calls[] = {
        { "kernel/hostname", sethostname },
        { "kernel/domainname", setdomainname },
};

static int set_sysctl(PlanContext *context, const Op *op) {
        for (size_t i = 0; i < ELEMENTSOF(sysctl_calls); i++)
                if (streq(op->source, sysctl_calls[i].path))
                        return sysctl_calls[i].set(op->data, strlen(op->data)) < 0 ? negative_errno() : 0;

        _cleanup_close_ int root = open_in_root(context->root, "/proc/sys", O_PATH | O_DIRECTORY, 0);
        _cleanup_close_ int fd = root < 0 ? root : open_in_root(root, op->source, O_WRONLY | O_NOCTTY, 0);
        return fd < 0 ? fd : write_full(fd, op->data, strlen(op->data));
}

static int apply_sysctl(PlanContext *context, const Op *op, Error *error) {
        int r = set_sysctl(context, op);

        if (r == -ENOENT)
                return error_set(error, ERROR_INVALID, "there is no sysctl %s", op->source);
        return r < 0 ? error_set_errno(error, r, "cannot set the sysctl %s to \"%s\"", op->source, op->data)
                     : 0;
}

static int (*const apply[_OP_TYPE_MAX])(PlanContext *context, const Op *op, Error *error) = {
        [OP_STAGING] = apply_staging,     [OP_LAYER] = apply_layer,
        [OP_OVERLAY] = apply_overlay,     [OP_FILESYSTEM] = apply_file_system,
        [OP_DEVICE] = apply_device,       [OP_SYMLINK] = apply_symlink,
        [OP_BIND] = apply_bind,           [OP_CONSOLE] = apply_console,
        [OP_HOSTNAME] = apply_hostname,   [OP_MASK] = apply_mask,
        [OP_READ_ONLY] = apply_read_only, [OP_PIVOT] = apply_pivot,
        [OP_DIRECTORY] = apply_directory, [OP_ROOT_READ_ONLY] = apply_root_read_only,
        [OP_WAIT] = apply_wait,           [OP_CGROUP] = apply_cgroup,
        [OP_IMAGE] = apply_image,         [OP_CHOWN] = apply_chown,
        [OP_NETWORK] = apply_network,     [OP_SYSCTL] = apply_sysctl,
};

int plan_apply(const Plan *plan, PlanContext *context, Error *error) {
        int r = 0;

        for (size_t i = 0; i < plan->n_ops && r >= 0; i++)
                r = apply[plan->ops[i].type](context, &plan->ops[i], error);
        return r;
}

void plan_context_done(PlanContext *context) {
        context->root = safe_close(context->root);
        context->terminal = safe_close(context->terminal);
        context->empty = safe_close(context->empty);
        context->attached = safe_close(context->attached);
        for (size_t i = context->next_source; i < context->n_sources; i++)
                safe_close(context->sources[i]);
        free(context->sources);
        context->sources = NULL;
        context->ipv6_conf = safe_close(context->ipv6_conf);
}
