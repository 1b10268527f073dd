/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/mount.h>

#include "path-util.h"
#include "plan-private.h"
#include "string-util.h"
#include "strv.h"

#define PLAIN (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)
#define TTY_GID 5
#define DEVICE_NODES "devices" /* in the staging directory */

static const char *const devices[] = { "/dev/null",   "/dev/zero",    "/dev/full",
                                       "/dev/random", "/dev/urandom", "/dev/tty" };

static const Op dev_links[] = {
        { OP_SYMLINK, "/proc/self/fd", "/dev/fd" },       { OP_SYMLINK, "/proc/self/fd/0", "/dev/stdin" },
        { OP_SYMLINK, "/proc/self/fd/1", "/dev/stdout" }, { OP_SYMLINK, "/proc/self/fd/2", "/dev/stderr" },
        { OP_SYMLINK, "/proc/kcore", "/dev/core" },       { OP_SYMLINK, "pts/ptmx", "/dev/ptmx" },
};

int plan_add(Plan *plan, const Op *op) {
        int r = array_reserve(&plan->ops, &plan->n_allocated, plan->n_ops + 1, sizeof(Op));
        if (r < 0)
                return r;
        plan->ops[plan->n_ops++] = *op;
        return 0;
}

static int plan_add_many(Plan *plan, const Op *ops, size_t n) {
        int r = 0;

        for (size_t i = 0; i < n && r >= 0; i++)
                r = plan_add(plan, &ops[i]);
        return r;
}

const char *plan_keep(Plan *plan, char *s) {
        return strv_consume(&plan->strings, s) < 0 ? NULL : s;
}

static bool is_plain_name(const char *s) {
        return string_in_charset(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
}

/* Upper and work directory must be on one mount, which is therefore made of the directory that holds both. */
static int plan_upper(Plan *plan, const LaunchSpec *spec, bool mapped, StringBuffer *options, Error *error) {
        const char *upper = path_basename(strempty(spec->upper)),
                   *work = path_basename(strempty(spec->work));
        size_t parent = upper - strempty(spec->upper);

        if (!is_plain_name(upper) || !is_plain_name(work) || parent < 2 ||
            parent != (size_t) (work - spec->work) || strncmp(spec->upper, spec->work, parent) != 0)
                return error_set(error, ERROR_INVALID,
                                 "upper \"%s\" and work \"%s\" must stand side by side in one directory",
                                 strempty(spec->upper), strempty(spec->work));

        const char *source = plan_keep(plan, strndup(spec->upper, parent - 1));
        if (!source || plan_add(plan, &(Op){ OP_LAYER, source, "upper", .id_mapped = mapped }) < 0 ||
            string_buffer_appendf(options, ",upperdir=upper/%s,workdir=upper/%s,userxattr%s", upper, work,
                                  spec->volatile_upper ? ",volatile" : "") < 0)
                return error_set_errno(error, -ENOMEM, "cannot plan the root file system");
        return 0;
}

/* The layers get names of one to three digits, so that the kernel's limit of 500 fits into the page that mount(2)
 * allows for options. */
static int plan_root(Plan *plan, const LaunchSpec *spec, Error *error) {
        _cleanup_(string_buffer_done) StringBuffer options = {};
        size_t n = strv_length(spec->lower);
        bool mapped = spec->uid_count > 0;
        int r = 0;

        if (n == 0 || n > OVERLAY_LAYERS_MAX)
                return error_set(error, ERROR_LIMIT, "the image has %zu layers; an overlay takes 1 to %d", n,
                                 OVERLAY_LAYERS_MAX);

        r = plan_add(plan, &(Op){ OP_STAGING });
        for (size_t i = 0; i < n && r >= 0; i++) {
                const char *name = plan_keep(plan, format_string("%zu", i));
                if (!name)
                        r = -ENOMEM;
                if (r >= 0)
                        r = plan_add(plan, &(Op){ OP_LAYER, spec->lower[i], name, .id_mapped = mapped });
                if (r >= 0)
                        r = string_buffer_appendf(&options, "%s%s", i == 0 ? "lowerdir=" : ":", name);
        }
        if (r < 0)
                return error_set_errno(error, r, "cannot plan the root file system");

        r = plan_upper(plan, spec, mapped, &options, error);
        if (r < 0)
                return r;
        if (options.size > OVERLAY_OPTIONS_MAX)
                return error_set(error, ERROR_LIMIT, "the image has too many layers");
        const char *data = plan_keep(plan, TAKE_PTR(options.data));
        if (!data || plan_add(plan, &(Op){ OP_OVERLAY, .data = data }) < 0)
                return error_set_errno(error, -ENOMEM, "cannot plan the root file system");
        return 0;
}

/* Shared memory and message queues belong together with the IPC namespace. A message queue file system can be mounted by who
 * owns that, which a container in the host's does not: it gets the host's own. */
static int plan_ipc(Plan *plan, const LaunchSpec *spec) {
        const char *data = spec->shm_size == 0
                                   ? "mode=1777,size=64m"
                                   : plan_keep(plan, format_string("mode=1777,size=%llu",
                                                                   (unsigned long long) spec->shm_size));
        Op memory = { OP_FILESYSTEM, "tmpfs", "/dev/shm", data, PLAIN };
        Op queues = { OP_FILESYSTEM, "mqueue", "/dev/mqueue", NULL, PLAIN };

        if (spec->ipc.mode != LAUNCH_PRIVATE) {
                memory = (Op){ OP_BIND, "/dev/shm", "/dev/shm", NULL, PLAIN, MS_PRIVATE };
                memory.shared = spec->ipc.mode == LAUNCH_JOIN ? &spec->ipc : NULL;
                memory.recursive = RECURSION_DISABLED;
        }
        if (spec->ipc.mode == LAUNCH_HOST) {
                queues = (Op){ OP_BIND, "/dev/mqueue", "/dev/mqueue", NULL, PLAIN, MS_PRIVATE };
                queues.recursive = RECURSION_DISABLED;
        }
        int r = data ? plan_add(plan, &memory) : -ENOMEM;
        return r < 0 ? r : plan_add(plan, &queues);
}

static int plan_dev(Plan *plan, const LaunchSpec *spec) {
        bool mapped = spec->uid_count > 0;
        bool has_tty_group = spec->uid_count == 0 || spec->uid_count > TTY_GID;
        const Op file_systems[] = {
                { OP_FILESYSTEM, "devpts", "/dev/pts",
                  has_tty_group ? "newinstance,ptmxmode=0666,mode=0620,gid=5"
                                : "newinstance,ptmxmode=0666,mode=0620",
                  MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC },
        };

        int r = plan_add(plan,
                         &(Op){ OP_FILESYSTEM, "tmpfs", "/dev", "mode=755,size=64k", MOUNT_ATTR_NOSUID });
        for (size_t i = 0; i < ELEMENTSOF(devices) && r >= 0; i++)
                r = plan_add(plan, &(Op){ OP_DEVICE, devices[i], devices[i] });
        if (r >= 0 && mapped && spec->devices.n > 0)
                r = plan_add(plan, &(Op){ OP_LAYER, "the devices", DEVICE_NODES, .devices = &spec->devices,
                                          .owner = spec->uid_base });
        for (size_t i = 0; i < spec->devices.n && r >= 0; i++) {
                const LaunchDevice *device = LIST_ITEM(&spec->devices, LaunchDevice, i);
                const char *source =
                        mapped ? plan_keep(plan, format_string(DEVICE_NODES "/%zu", i)) : device->source;
                r = source ? plan_add(plan, &(Op){ OP_DEVICE, source, device->target }) : -ENOMEM;
        }
        if (r >= 0)
                r = plan_add_many(plan, file_systems, ELEMENTSOF(file_systems));
        if (r >= 0)
                r = plan_ipc(plan, spec);
        if (r >= 0)
                r = plan_add_many(plan, dev_links, ELEMENTSOF(dev_links));
        return r;
}

/* Proc shows a pid namespace, and only who owns that may mount it: a user namespace in the host's gets the host's. */
static int plan_proc(Plan *plan, const LaunchSpec *spec) {
        if (spec->pid.mode == LAUNCH_HOST && spec->uid_count > 0)
                return plan_add(plan, &(Op){ OP_BIND, "/proc", "/proc", NULL, PLAIN, MS_PRIVATE,
                                             .recursive = RECURSION_DISABLED });
        return plan_add(plan, &(Op){ OP_FILESYSTEM, "proc", "/proc", NULL, PLAIN });
}

static int plan_system(Plan *plan, const LaunchSpec *spec) {
        uint64_t sys = PLAIN | (spec->privileged ? 0 : MOUNT_ATTR_RDONLY);

        int r = plan_proc(plan, spec);
        if (r >= 0)
                r = plan_dev(plan, spec);
        /* Sysfs shows a network namespace, and only who owns that may mount it: a user namespace in the host's network
         * gets the host's. */
        if (r >= 0 && spec->network.mode == LAUNCH_HOST && spec->uid_count > 0)
                r = plan_add(plan, &(Op){ OP_BIND, "/sys", "/sys", NULL, sys, MS_PRIVATE });
        else if (r >= 0)
                r = plan_add(plan, &(Op){ OP_FILESYSTEM, "sysfs", "/sys", NULL, sys });
        if (r >= 0 && spec->cgroup.mode == LAUNCH_HOST)
                r = plan_add(plan, &(Op){ OP_BIND, "/sys/fs/cgroup", "/sys/fs/cgroup", NULL, sys, MS_PRIVATE,
                                          .recursive = RECURSION_DISABLED });
        if (r >= 0 && spec->terminal)
                r = plan_add(plan, &(Op){ OP_CONSOLE, .target = "/dev/console" });
        if (r >= 0 && !isempty(spec->hostname))
                r = plan_add(plan, &(Op){ OP_HOSTNAME, spec->hostname });
        return r;
}

static int plan_paths(Plan *plan, OpType type, char *const *paths) {
        int r = 0;

        for (size_t i = 0; paths && paths[i] && r >= 0; i++)
                r = plan_add(plan, &(Op){ type, .target = paths[i] });
        return r;
}

/* "net.ipv4.ip_forward" and "net/ipv4/conf/eth0.1/x": as sysctl(8), the first separator decides. NULL: no memory. */
static const char *sysctl_path(Plan *plan, const char *assignment) {
        char *name = strndup(assignment, strcspn(assignment, "="));

        if (name && name[strcspn(name, "./")] == '.')
                for (char *p = name; *p; p++)
                        *p = *p == '.' ? '/' : *p == '/' ? '.' : *p;
        return plan_keep(plan, name);
}

/* Those of an interface that berthd makes can only be set once that is there. */
static bool sysctl_needs_interface(const char *path) {
        static const char *const tables[] = { "/conf/", "/neigh/" };

        for (size_t i = 0; i < ELEMENTSOF(tables); i++) {
                const char *p = startswith(path, "net/") ? strstr(path, tables[i]) : NULL;
                p = p ? p + strlen(tables[i]) : NULL;
                if (p && !startswith(p, "all/") && !startswith(p, "default/") && !startswith(p, "lo/"))
                        return true;
        }
        return false;
}

/* Adds those of the interfaces or all others; *ret_left: how many were passed over. */
static int plan_sysctls(Plan *plan, char *const *sysctls, bool of_interfaces, size_t *ret_left) {
        *ret_left = 0;
        for (size_t i = 0; sysctls && sysctls[i]; i++) {
                const char *path = sysctl_path(plan, sysctls[i]), *equal = strchr(sysctls[i], '=');
                if (!path)
                        return -ENOMEM;
                if (sysctl_needs_interface(path) != of_interfaces) {
                        (*ret_left)++;
                        continue;
                }
                int r = plan_add(plan, &(Op){ OP_SYSCTL, path, .data = equal ? equal + 1 : "" });
                if (r < 0)
                        return r;
        }
        return 0;
}

static int plan_finish(Plan *plan, const LaunchSpec *spec) {
        uint64_t cgroup = PLAIN | (spec->privileged || spec->delegate_cgroup ? 0 : MOUNT_ATTR_RDONLY);
        size_t late, others;

        int r = plan_sysctls(plan, spec->sysctls, false, &late);
        if (r >= 0)
                r = plan_paths(plan, OP_MASK, spec->masked_paths);
        if (r >= 0 && late == 0)
                r = plan_paths(plan, OP_READ_ONLY, spec->read_only_paths);
        if (r >= 0)
                r = plan_add(plan, &(Op){ OP_PIVOT });
        if (r >= 0)
                r = plan_owners(plan, spec);
        if (r >= 0 && !isempty(spec->working_directory))
                r = plan_add(plan, &(Op){ OP_DIRECTORY, .target = spec->working_directory });
        if (r >= 0 && spec->read_only)
                r = plan_add(plan, &(Op){ OP_ROOT_READ_ONLY });
        if (r >= 0)
                r = plan_add(plan, &(Op){ OP_WAIT });
        if (r >= 0 && spec->cgroup.mode != LAUNCH_HOST)
                r = plan_add(plan, &(Op){ OP_CGROUP, .target = "/sys/fs/cgroup", .attributes = cgroup });
        if (r >= 0 && spec->network.mode == LAUNCH_PRIVATE)
                r = plan_add(plan, &(Op){ OP_NETWORK });
        if (r >= 0)
                r = plan_sysctls(plan, spec->sysctls, true, &others);
        if (r >= 0 && late > 0)
                r = plan_paths(plan, OP_READ_ONLY, spec->read_only_paths);
        return r;
}

int plan_build(const LaunchSpec *spec, Plan *ret, Error *error) {
        _cleanup_(plan_done) Plan plan = {};

        int r = plan_root(&plan, spec, error);
        if (r < 0)
                return r;
        r = plan_system(&plan, spec);
        if (r >= 0)
                r = plan_mounts(&plan, spec, error);
        if (r >= 0)
                r = plan_finish(&plan, spec);
        if (r < 0)
                return error_set_errno(error, r, "cannot plan the container");

        *ret = plan;
        plan = (Plan){};
        return 0;
}

void plan_done(Plan *plan) {
        free(plan->ops);
        strv_free(plan->strings);
        *plan = (Plan){};
}
