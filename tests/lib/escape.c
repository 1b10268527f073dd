/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an attacker does inside a container (tests/integration/test_escape.py). Built statically, so that it runs in any.
 *
 *   escape attempts        tries everything once; a line for each: its name and what became of it. "LET THROUGH": that worked.
 *   escape newcomers       as a container's first process: looks into every process that appears, until it is killed;
 *                          a line for each thing that it could get from one that was still the host's program
 *   escape swap A B        exchanges the names A and B without end
 *   escape deep N          makes N folders, one in the other, in the working directory
 *
 * An attempt only opens what it could use: a test that fails must not break the machine it runs on. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/keyctl.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MNT_DETACH 2
#define MS_BIND 4096
#define MS_REMOUNT 32

int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data);
int umount2(const char *target, int flags);

/* 0: it worked. */
static int result(long r) {
        return r < 0 ? errno : 0;
}

/* ---- files that must not be written ---- */

static int open_to_write(const char *path) {
        int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
        int r = result(fd);

        if (fd >= 0)
                close(fd);
        return r;
}

static char writable[256];

static int note_writable(const char *path, const struct stat *st, int type, struct FTW *place) {
        (void) st;
        (void) place;
        if (type == FTW_F && faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0)
                (void) snprintf(writable, sizeof(writable), "%s", path);
        return writable[0] != 0;
}

/* Nothing at all below it. */
static int write_below(const char *path) {
        writable[0] = 0;
        (void) nftw(path, note_writable, 32, FTW_PHYS);
        if (writable[0])
                printf("%s can be written\n", writable);
        return writable[0] ? 0 : EROFS;
}

/* ---- mounts ---- */

static int mount_type(const char *type) {
        (void) mkdir("/tmp/m", 0755);
        return result(
                mount("x", "/tmp/m", type, 0, strcmp(type, "overlay") == 0 ? "lowerdir=/etc:/bin" : NULL));
}

static int mount_bind(const char *path) {
        (void) mkdir("/tmp/m", 0755);
        return result(mount(path, "/tmp/m", NULL, MS_BIND, NULL));
}

static int make_writable(const char *path) {
        return result(mount(NULL, path, NULL, MS_REMOUNT | MS_BIND, NULL));
}

static int set_writable(const char *path) {
        struct mount_attr attributes = { .attr_clr = MOUNT_ATTR_RDONLY };

        return result(syscall(SYS_mount_setattr, AT_FDCWD, path, 0, &attributes, sizeof(attributes)));
}

static int unmount(const char *path) {
        return result(umount2(path, MNT_DETACH));
}

static int new_file_system(const char *type) {
        long fd = syscall(SYS_fsopen, type, 0);

        if (fd < 0 || syscall(SYS_fsconfig, fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
                return errno;
        return result(syscall(SYS_fsmount, fd, 0, 0));
}

static int clone_tree(const char *path) {
        return result(syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE));
}

static int pivot(const char *path) {
        return result(syscall(SYS_pivot_root, path, path));
}

/* In a user namespace of its own everybody is root: what hides the host's kernel must be locked there. */
static int nested_unmount(const char *path) {
        pid_t pid = fork();
        int status;

        if (pid == 0) {
                if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
                        _exit(errno);
                if (umount2(path, MNT_DETACH) < 0 && mount(NULL, path, NULL, MS_REMOUNT | MS_BIND, NULL) < 0)
                        _exit(errno);
                _exit(0);
        }
        (void) waitpid(pid, &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

static int leave_chroot(const char *path) {
        struct stat before, after;
        int r = ENOTDIR;

        (void) mkdir("/tmp/jail", 0755);
        pid_t pid = fork();
        if (pid == 0) {
                int root = open(path, O_RDONLY | O_DIRECTORY);
                if (stat("/", &before) < 0 || chroot("/tmp/jail") < 0 || fchdir(root) < 0)
                        _exit(errno);
                for (int i = 0; i < 200; i++)
                        (void) chdir("..");
                if (chroot(".") < 0 || stat("/", &after) < 0)
                        _exit(errno);
                _exit(before.st_dev == after.st_dev && before.st_ino == after.st_ino ? r : 0);
        }
        (void) waitpid(pid, &r, 0);
        return WIFEXITED(r) ? WEXITSTATUS(r) : EINTR;
}

static int join(const char *path) {
        return result(setns(open(path, O_RDONLY), 0));
}

/* ---- devices ---- */

/* ENXIO and its like: the driver was asked, so nothing forbade it. */
static int open_node(const char *number) {
        unsigned major, minor;
        char type;

        if (sscanf(number, "%c%u:%u", &type, &major, &minor) != 3)
                return EINVAL;
        const char *const places[] = { "/tmp/node", "/dev/node", "/dev/shm/node" };
        int r = ENOENT;
        for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
                (void) unlink(places[i]);
                if (mknod(places[i], (type == 'b' ? S_IFBLK : S_IFCHR) | 0600, makedev(major, minor)) < 0) {
                        r = errno;
                        continue;
                }
                int fd = open(places[i], O_RDONLY | O_NONBLOCK);
                r = fd < 0 ? errno : 0;
                (void) unlink(places[i]);
                if (r == 0 || r == ENXIO || r == ENODEV || r == EBUSY || r == ENOMEDIUM)
                        return 0;
        }
        return r;
}

static int open_device(const char *path) {
        return result(open(path, O_RDONLY | O_NONBLOCK));
}

/* ---- system calls ---- */

static int call_init_module(const char *unused) {
        (void) unused;
        return result(syscall(SYS_init_module, "", 0, ""));
}

static int call_reboot(const char *unused) {
        (void) unused;
        return result(reboot(RB_DISABLE_CAD));
}

static int call_syslog(const char *unused) {
        char buffer[64];
        (void) unused;
        return result(syscall(SYS_syslog, 3, buffer, sizeof(buffer)));
}

static int call_clock(const char *unused) {
        struct timespec now;
        (void) unused;
        (void) clock_gettime(CLOCK_REALTIME, &now);
        return result(clock_settime(CLOCK_REALTIME, &now));
}

static int call_iopl(const char *unused) {
        (void) unused;
        return result(syscall(SYS_iopl, 3));
}

static int call_swapoff(const char *unused) {
        (void) unused;
        return result(syscall(SYS_swapoff, "/nowhere")) == ENOENT ? 0 : EPERM;
}

static int call_acct(const char *unused) {
        (void) unused;
        return result(syscall(SYS_acct, NULL));
}

/* Any file of the file system that the handle is of, by its number (the Docker exploit "shocker"). */
static int call_open_handle(const char *path) {
        unsigned root[] = { 8, 1, 2,
                            0 }; /* size, type, and the number of a root directory on many file systems */
        int r = result(syscall(SYS_open_by_handle_at, open(path, O_RDONLY), root, O_RDONLY));

        return r == ESTALE ? 0 : r;
}

static int call_unshare(const char *unused) {
        (void) unused;
        pid_t pid = fork();
        int status;

        if (pid == 0)
                _exit(unshare(CLONE_NEWUSER) < 0 ? errno : 0);
        (void) waitpid(pid, &status, 0);
        return WEXITSTATUS(status);
}

static int call_keyctl(const char *unused) {
        (void) unused;
        return result(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_KEYRING, 1));
}

static int call_add_key(const char *unused) {
        (void) unused;
        return result(syscall(SYS_add_key, "user", "escape", "x", 1, KEY_SPEC_PROCESS_KEYRING));
}

static int call_bpf(const char *unused) {
        char attributes[128] = { 1 };
        (void) unused;
        return result(syscall(SYS_bpf, 0, attributes, sizeof(attributes))) == EPERM ? EPERM : 0;
}

static int call_perf(const char *unused) {
        char attributes[128] = { 0 };
        int r = result(syscall(SYS_perf_event_open, attributes, 0, -1, -1, 0));
        (void) unused;
        return r == EPERM || r == EACCES || r == ENOSYS ? r : 0;
}

static int call_userfaultfd(const char *unused) {
        (void) unused;
        return result(syscall(SYS_userfaultfd, 0));
}

static int call_io_uring(const char *unused) {
        char parameters[256] = { 0 };
        (void) unused;
        return result(syscall(SYS_io_uring_setup, 1, parameters));
}

static int call_vsock(const char *unused) {
        (void) unused;
        int r = result(socket(AF_VSOCK, SOCK_STREAM, 0));
        return r == EAFNOSUPPORT ? EPERM : r;
}

/* ---- what is not to be seen ---- */

static int see(const char *path) {
        return result(access(path, F_OK));
}

static int own_descriptors(const char *unused) {
        (void) unused;
        DIR *dir = opendir("/proc/self/fd");
        struct dirent *entry;
        int r = ENOENT;

        while (dir && (entry = readdir(dir)))
                if (entry->d_name[0] != '.' && atoi(entry->d_name) > 2 &&
                    atoi(entry->d_name) != dirfd(dir)) {
                        printf("descriptor %s is open\n", entry->d_name);
                        r = 0;
                }
        if (dir)
                closedir(dir);
        return r;
}

static int other_processes(const char *unused) {
        (void) unused;
        return result(kill(2147483, 0)) == ESRCH && access("/proc/1/root/proc/kthreadd", F_OK) < 0 ? ESRCH
                                                                                                   : 0;
}

static const struct {
        const char *name, *argument;
        int (*attempt)(const char *argument);
} attempts[] = {
        { "fds", "", own_descriptors }, /* first: others leave some */
        { "write", "/proc/sys/kernel/core_pattern", open_to_write },
        { "write", "/proc/sys/kernel/modprobe", open_to_write },
        { "write", "/proc/sys/vm/panic_on_oom", open_to_write },
        { "write", "/proc/sys/fs/binfmt_misc/register", open_to_write },
        { "write", "/proc/sysrq-trigger", open_to_write },
        { "write", "/proc/irq/default_smp_affinity", open_to_write },
        { "write", "/proc/kcore", open_device },
        { "write", "/sys/kernel/uevent_helper", open_to_write },
        { "write", "/sys/kernel/mm/ksm/run", open_to_write },
        { "write", "/sys/power/state", open_to_write },
        { "write", "/sys/fs/cgroup/cgroup.procs", open_to_write },
        { "write", "/sys/fs/cgroup/memory.max", open_to_write },
        { "write", "/sys/fs/cgroup/release_agent", open_to_write },
        { "write-below", "/proc/sys", write_below },
        { "write-below", "/sys", write_below },
        { "mount", "tmpfs", mount_type },
        { "mount", "proc", mount_type },
        { "mount", "sysfs", mount_type },
        { "mount", "cgroup", mount_type },
        { "mount", "cgroup2", mount_type },
        { "mount", "overlay", mount_type },
        { "mount", "devtmpfs", mount_type },
        { "bind", "/proc", mount_bind },
        { "remount", "/proc/sys", make_writable },
        { "remount", "/sys", make_writable },
        { "mount_setattr", "/proc/sys", set_writable },
        { "mount_setattr", "/sys/fs/cgroup", set_writable },
        { "umount", "/proc/kcore", unmount },
        { "umount", "/proc/sys", unmount },
        { "umount", "/sys/firmware", unmount },
        { "umount", "/dev/null", unmount },
        { "umount", "/proc", unmount },
        { "nested-umount", "/proc/kcore", nested_unmount },
        { "nested-umount", "/proc/sys", nested_unmount },
        { "fsopen", "proc", new_file_system },
        { "fsopen", "tmpfs", new_file_system },
        { "open_tree", "/proc", clone_tree },
        { "pivot_root", "/tmp", pivot },
        { "chroot", "/", leave_chroot },
        { "setns", "/proc/1/ns/mnt", join },
        { "setns", "/proc/self/ns/user", join },
        { "node", "b8:0", open_node },
        { "node", "b7:0", open_node },
        { "node", "b254:0", open_node },
        { "node", "b259:0", open_node },
        { "node", "c1:1", open_node },
        { "node", "c1:4", open_node },
        { "node", "c1:11", open_node },
        { "node", "c10:130", open_node },
        { "node", "c10:229", open_node },
        { "device", "/dev/mem", open_device },
        { "device", "/dev/kmsg", open_device },
        { "device", "/dev/sda", open_device },
        { "device", "/dev/vda", open_device },
        { "device", "/dev/fuse", open_device },
        { "device", "/dev/kvm", open_device },
        { "call", "init_module", call_init_module },
        { "call", "reboot", call_reboot },
        { "call", "syslog", call_syslog },
        { "call", "clock_settime", call_clock },
        { "call", "iopl", call_iopl },
        { "call", "swapoff", call_swapoff },
        { "call", "acct", call_acct },
        { "open_by_handle_at", "/", call_open_handle },
        { "open_by_handle_at", "/etc/hosts", call_open_handle },
        { "see", "/run/berth", see },
        { "see", "/run/dbus", see },
        { "see", "/run/systemd", see },
        { "see", "/var/lib/berth", see },
        { "see", "/proc/1/root/run/systemd", see },
        { "processes", "", other_processes },
        /* What only the filter of system calls forbids. */
        { "filter", "unshare", call_unshare },
        { "filter", "keyctl", call_keyctl },
        { "filter", "add_key", call_add_key },
        { "filter", "bpf", call_bpf },
        { "filter", "perf_event_open", call_perf },
        { "filter", "userfaultfd", call_userfaultfd },
        { "filter", "io_uring_setup", call_io_uring },
        { "filter", "vsock", call_vsock },
};

static int verb_attempts(void) {
        size_t n = sizeof(attempts) / sizeof(*attempts);

        for (size_t i = 0; i < n; i++) {
                int r = attempts[i].attempt(attempts[i].argument);
                printf("%s %s: %s\n", attempts[i].name, attempts[i].argument,
                       r ? strerror(r) : "LET THROUGH");
        }
        printf("%zu attempts\n", n);
        return 0;
}

/* ---- processes that come in from outside ---- */

static void got(pid_t pid, const char *what) {
        char path[64], name[32] = "";

        (void) snprintf(path, sizeof(path), "/proc/%d/comm", pid);
        int fd = open(path, O_RDONLY);
        ssize_t n = fd < 0 ? -1 : read(fd, name, sizeof(name) - 1);
        if (fd >= 0)
                close(fd);
        /* Its name changes with the execve(2): if it is the old one now, it was the host's program that was got at. */
        if (n > 0 && strncmp(name, "berth", 5) == 0) {
                printf("GOT %s of %d\n", what, pid);
                (void) fflush(stdout);
        }
}

static void look_into(pid_t pid) {
        static const char *const files[] = { "root", "cwd",  "exe",  "mem",  "environ",
                                             "maps", "fd/0", "fd/3", "fd/4", "ns/mnt" };
        char path[64], byte;

        for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
                (void) snprintf(path, sizeof(path), "/proc/%d/%s", pid, files[i]);
                int fd = open(path, O_RDONLY | O_NONBLOCK);
                if (fd >= 0 && (i < 4 || i > 5 || read(fd, &byte, 1) == 1))
                        got(pid, files[i]);
                if (fd >= 0)
                        close(fd);
        }
        int pidfd = (int) syscall(SYS_pidfd_open, pid, 0);
        for (int i = 0; pidfd >= 0 && i < 8; i++) {
                long fd = syscall(SYS_pidfd_getfd, pidfd, i, 0);
                if (fd >= 0) {
                        got(pid, "a descriptor");
                        close((int) fd);
                }
        }
        if (pidfd >= 0)
                close(pidfd);
        if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0) {
                got(pid, "control by ptrace");
                (void) ptrace(PTRACE_DETACH, pid, NULL, NULL);
        }
}

/* The program file of whoever runs the host's: it must not be written when nobody executes it any more. */
static void try_program(pid_t pid) {
        char path[64], link[256];

        (void) snprintf(path, sizeof(path), "/proc/%d/exe", pid);
        ssize_t n = readlink(path, link, sizeof(link) - 1);
        if (n <= 0 || (link[n] = 0, !strstr(link, "berth-shim")))
                return;
        int fd = open(path, O_RDONLY);
        if (fd < 0)
                return;
        printf("saw %s\n", link);
        (void) snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        for (int i = 0; i < 2000; i++) {
                int target = open(path, O_WRONLY);
                if (target >= 0) {
                        printf("GOT the program to write\n");
                        close(target);
                        break;
                }
                (void) usleep(100);
        }
        (void) fflush(stdout);
        close(fd);
}

static int verb_newcomers(void) {
        unsigned long seen = 0;
        pid_t last = 0;

        printf("watching\n");
        (void) fflush(stdout);
        for (;;) {
                DIR *dir = opendir("/proc");
                struct dirent *entry;
                while (dir && (entry = readdir(dir))) {
                        pid_t pid = atoi(entry->d_name);
                        if (pid <= 1 || pid == getpid())
                                continue;
                        if (pid > last) {
                                last = pid;
                                seen++;
                                printf("seen %lu\n", seen);
                                (void) fflush(stdout);
                        }
                        look_into(pid);
                        try_program(pid);
                }
                if (dir)
                        closedir(dir);
                while (waitpid(-1, NULL, WNOHANG) > 0)
                        ;
        }
        return 0;
}

/* ---- names that change ---- */

static int verb_swap(const char *a, const char *b) {
        printf("swapping\n");
        (void) fflush(stdout);
        for (;;)
                (void) syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, 2 /* RENAME_EXCHANGE */);
        return 0;
}

static int verb_deep(int n) {
        for (int i = 0; i < n; i++)
                if (mkdir("d", 0755) < 0 || chdir("d") < 0) {
                        perror("d");
                        return 1;
                }
        return 0;
}

int main(int argc, char *argv[]) {
        const char *verb = argc > 1 ? argv[1] : "";

        if (strcmp(verb, "attempts") == 0)
                return verb_attempts();
        if (strcmp(verb, "newcomers") == 0)
                return verb_newcomers();
        if (strcmp(verb, "swap") == 0 && argc == 4)
                return verb_swap(argv[2], argv[3]);
        if (strcmp(verb, "deep") == 0 && argc == 3)
                return verb_deep(atoi(argv[2]));
        return 2;
}
