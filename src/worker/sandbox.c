/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fd-util.h"
#include "file-util.h"
#include "sandbox.h"
#include "seccomp-filter.h"
#include "string-util.h"

static const struct {
        WorkerNeeds needs;
        unsigned capability;
} kept_capabilities[] = {
        { WORKER_NEEDS_FILES, CAP_CHOWN },       { WORKER_NEEDS_FILES, CAP_DAC_OVERRIDE },
        { WORKER_NEEDS_FILES, CAP_FOWNER },      { WORKER_NEEDS_FILES, CAP_FSETID },
        { WORKER_NEEDS_FILES, CAP_MKNOD },       { WORKER_NEEDS_FILES, CAP_SETFCAP },
        { WORKER_NEEDS_MOUNTS, CAP_SYS_ADMIN },  { WORKER_NEEDS_MOUNTS, CAP_SYS_PTRACE },
        { WORKER_NEEDS_MOUNTS, CAP_SYS_CHROOT }, { WORKER_NEEDS_MOUNTS, CAP_SETUID },
        { WORKER_NEEDS_MOUNTS, CAP_SETGID },
};

static int move_mount_to(int tree_fd, int dir_fd, const char *path) {
        return syscall(SYS_move_mount, tree_fd, "", dir_fd, path, MOVE_MOUNT_F_EMPTY_PATH) < 0
                       ? negative_errno()
                       : 0;
}

static int clone_tree(const char *path, bool read_only) {
        _cleanup_close_ int fd =
                syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
        struct mount_attr attributes = { .attr_set = MOUNT_ATTR_RDONLY };

        if (fd < 0)
                return negative_errno();
        if (read_only && syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes,
                                 sizeof(attributes)) < 0)
                return negative_errno();
        return TAKE_FD(fd);
}

/* Searchable by all: in a container's user namespace we are not its owner any more, and still need /proc. */
static int new_tmpfs(void) {
        _cleanup_close_ int fs = syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);

        if (fs < 0 || syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "mode", "0711", 0) < 0 ||
            syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
                return negative_errno();
        int fd = syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
        return fd < 0 ? negative_errno() : fd;
}

/* All stays where it is, read-only but for the state directory. */
static int restrict_root(const char *state_directory, int state_fd) {
        struct mount_attr attributes = { .attr_set = MOUNT_ATTR_RDONLY };

        if (syscall(SYS_mount_setattr, AT_FDCWD, "/", AT_RECURSIVE, &attributes, sizeof(attributes)) < 0)
                return negative_errno();
        return move_mount_to(state_fd, AT_FDCWD, state_directory);
}

/* A root with nothing but /proc and the state directory. It is first mounted on the old /proc, of which we hold a clone:
 * a mount can be moved into another only once that one is attached somewhere. */
static int replace_root(const char *state_directory, int state_fd) {
        _cleanup_close_ int proc_fd = clone_tree("/proc", false), root_fd = new_tmpfs();
        const char *relative = state_directory + strspn(state_directory, "/");

        if (proc_fd < 0 || root_fd < 0)
                return MIN(proc_fd, root_fd);
        int r = move_mount_to(root_fd, AT_FDCWD, "/proc");
        if (r >= 0)
                r = mkdir_parents_at(root_fd, relative, 0700);
        if (r >= 0)
                r = move_mount_to(state_fd, root_fd, relative);
        /* Where overlays are mounted later, and a directory that is empty for sure. */
        if (r >= 0 && (mkdirat(root_fd, "proc", 0700) < 0 || mkdirat(root_fd, "mnt", 0700) < 0 ||
                       mkdirat(root_fd, "empty", 0755) < 0))
                r = negative_errno();
        if (r >= 0)
                r = move_mount_to(proc_fd, root_fd, "proc");
        if (r < 0)
                return r;
        if (fchdir(root_fd) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 ||
            chdir("/") < 0)
                return negative_errno();
        return 0;
}

static int isolate(const Worker *worker, WorkerNeeds needs) {
        const char *state_directory = worker->request.state_directory;
        bool network = needs & (WORKER_NEEDS_NETWORK | WORKER_NEEDS_JOURNAL);

        if (unshare(CLONE_NEWNS | (network ? 0 : CLONE_NEWNET | CLONE_NEWIPC)) < 0 ||
            mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                return negative_errno();
        _cleanup_close_ int state_fd = clone_tree(state_directory, !(needs & WORKER_NEEDS_STORE));
        if (state_fd < 0)
                return state_fd;
        return network ? restrict_root(state_directory, state_fd) : replace_root(state_directory, state_fd);
}

static int set_capabilities(WorkerNeeds needs) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[2];
        uint64_t kept = 0;
        int r;

        for (size_t i = 0; i < ELEMENTSOF(kept_capabilities); i++)
                if (needs & kept_capabilities[i].needs)
                        kept |= UINT64_C(1) << kept_capabilities[i].capability;
        if (syscall(SYS_capget, &header, data) < 0)
                return negative_errno();
        /* Ours may be fewer than root's usual ones. */
        kept &= data[0].permitted | (uint64_t) data[1].permitted << 32;
        for (unsigned c = 0; (r = prctl(PR_CAPBSET_READ, c)) >= 0; c++)
                if (r > 0 && !(kept & UINT64_C(1) << c) && prctl(PR_CAPBSET_DROP, c) < 0 && errno != EPERM)
                        return negative_errno();
        for (size_t i = 0; i < 2; i++) {
                data[i].effective = data[i].permitted = kept >> (32 * i);
                data[i].inheritable = 0;
        }
        return syscall(SYS_capset, &header, data) < 0 ? negative_errno() : 0;
}

int sandbox_die_with_parent(void) {
        return prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ? negative_errno() : 0;
}

int sandbox_enter(const Worker *worker, WorkerNeeds needs, Error *error) {
        struct rlimit limit;

        /* Without root (a test) there is nothing to give up. */
        if (geteuid() != 0)
                return 0;
        if (getrlimit(RLIMIT_NOFILE, &limit) >= 0) {
                limit.rlim_cur = limit.rlim_max;
                (void) setrlimit(RLIMIT_NOFILE, &limit);
        }
        int r = needs & WORKER_NEEDS_HOST ? 0 : isolate(worker, needs);
        if (r < 0)
                return error_set_errno(error, r, "can't isolate the worker from the rest of the system");
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                r = negative_errno();
        if (r >= 0)
                r = set_capabilities(needs);
        if (r >= 0)
                r = sandbox_die_with_parent();
        /* Who still has to mount or enter gets the filter afterwards. */
        if (r >= 0 && !(needs & WORKER_NEEDS_MOUNTS))
                r = seccomp_filter_install(needs & (WORKER_NEEDS_NETWORK | WORKER_NEEDS_JOURNAL));
        return r < 0 ? error_set_errno(error, r, "can't give up the worker's privileges") : 0;
}

int sandbox_drop_mounts(WorkerNeeds needs, Error *error) {
        if (geteuid() != 0)
                return 0;
        int r = set_capabilities(needs & ~WORKER_NEEDS_MOUNTS);
        if (r >= 0)
                r = sandbox_die_with_parent();
        if (r >= 0)
                r = seccomp_filter_install(false);
        return r < 0 ? error_set_errno(error, r, "can't give up the worker's privileges") : 0;
}
