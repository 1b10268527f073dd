/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "account.h"
#include "fd-util.h"
#include "file-util.h"
#include "mount-target.h"
#include "root-path.h"
#include "string-util.h"

/* What lxcfs and its like put a container's own numbers on. Anything else over /proc would hide from the security
 * modules of the host which file is written. */
static const char *const proc_files[] = {
        "/proc/cpuinfo",
        "/proc/diskstats",
        "/proc/loadavg",
        "/proc/meminfo",
        "/proc/slabinfo",
        "/proc/stat",
        "/proc/swaps",
        "/proc/uptime",
        "/proc/sys/kernel/ns_last_pid",
        "/proc/sys/crypto/fips_enabled",
};

static bool is_proc_file(const char *target) {
        for (size_t i = 0; i < ELEMENTSOF(proc_files); i++)
                if (streq(proc_files[i], target))
                        return true;
        return false;
}

static int refuse_proc(const char *target, Error *error) {
        return error_set(error, ERROR_INVALID,
                         "%s is in the container's /proc, where nothing can be mounted", target);
}

int mount_target_check(const char *target, Error *error) {
        if (streq(target, "/"))
                return error_set(error, ERROR_INVALID, "nothing can be mounted over the container's /");
        const char *rest = startswith(target, "/proc");
        if (rest && (*rest == 0 || *rest == '/') && !is_proc_file(target))
                return refuse_proc(target, error);
        return 0;
}

int mount_target_attach(int mount_fd, int root_fd, const char *target, Error *error) {
        struct stat source;
        struct statfs where;

        int r = mount_target_check(target, error);
        if (r < 0)
                return r;
        if (fstat(mount_fd, &source) < 0)
                return error_set_errno(error, negative_errno(), "cannot mount on %s", target);
        bool directory = S_ISDIR(source.st_mode);
        _cleanup_close_ int fd =
                root_open_target(root_fd, target, directory ? TARGET_DIRECTORY : TARGET_FILE);
        if (fd == -ENOTDIR && directory)
                return error_set(error, ERROR_INVALID, "a directory can't be mounted on %s, which is none",
                                 target);
        if (fd == -EISDIR)
                return error_set(error, ERROR_INVALID, "a file can't be mounted on the directory %s",
                                 target);
        if (fd < 0)
                return error_set_errno(error, fd, "cannot make the mount point %s", target);
        if (fstatfs(fd, &where) < 0)
                return error_set_errno(error, negative_errno(), "cannot mount on %s", target);
        if (where.f_type == PROC_SUPER_MAGIC && (directory || !is_proc_file(target)))
                return refuse_proc(target, error);
        if (move_mount(mount_fd, "", fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
                return error_set_errno(error, negative_errno(), "cannot mount on %s", target);
        return 0;
}

/* ---- owners ---- */

static int chown_fd(int fd, const struct stat *st, const Account *account) {
        if (st->st_uid == account->uid && st->st_gid == account->gid)
                return 0;
        return fchownat(fd, "", account->uid, account->gid, AT_EMPTY_PATH) < 0 ? negative_errno() : 0;
}

/* The entry itself, never what a link leads to, nor what is mounted there (-EXDEV). */
static int open_entry(int parent, const char *name, struct stat *ret) {
        struct open_how how = {
                .flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
                .resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV,
        };
        _cleanup_close_ int fd = syscall(SYS_openat2, parent, name, &how, sizeof(how));

        if (fd < 0 || fstat(fd, ret) < 0)
                return negative_errno();
        return TAKE_FD(fd);
}

static int chown_tree(int fd, const Account *account) {
        struct dirent *entry;

        _cleanup_(closedirp) DIR *dir = opendir_at(fd, ".");
        if (!dir)
                return negative_errno();
        while ((entry = readdir_no_dot(dir))) {
                struct stat st;
                _cleanup_close_ int child = open_entry(dirfd(dir), entry->d_name, &st);
                if (child == -ENOENT || child == -EXDEV)
                        continue;
                int r = child < 0 ? child : chown_fd(child, &st, account);
                if (r >= 0 && S_ISDIR(st.st_mode))
                        r = chown_tree(child, account);
                if (r < 0)
                        return r;
        }
        return errno > 0 ? negative_errno() : 0;
}

int mount_target_chown(int root_fd, const char *target, const char *user, Error *error) {
        _cleanup_(account_done) Account account = {};
        struct stat st;

        int r = account_lookup(user, NULL, &account, error);
        if (r < 0)
                return r;
        _cleanup_close_ int fd = open_in_root(root_fd, target, O_PATH, 0);
        r = fd < 0 ? fd : fstat(fd, &st) < 0 ? negative_errno() : chown_fd(fd, &st, &account);
        if (r >= 0 && S_ISDIR(st.st_mode))
                r = chown_tree(fd, &account);
        return r < 0 ? error_set_errno(error, r, "cannot give the files of the mount on %s to user \"%s\"",
                                       target, isempty(user) ? "root" : user)
                     : 0;
}
