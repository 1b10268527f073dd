/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <linux/sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fd-util.h"
#include "file-util.h"
#include "process-util.h"
#include "string-util.h"

int pidfd_of(pid_t pid) {
        int fd = syscall(SYS_pidfd_open, pid, 0);
        return fd < 0 ? negative_errno() : fd;
}

int pidfd_signal(int pidfd, int signal) {
        return syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) < 0 ? negative_errno() : 0;
}

static int read_proc(pid_t pid, const char *file, char **ret) {
        char path[64];
        size_t size;

        snprintf(path, sizeof(path), "/proc/%d/%s", (int) pid, file);
        int r = read_file_at(AT_FDCWD, path, MIB, ret, &size);
        return r == -ENOENT ? -ESRCH : r;
}

int process_start_time(pid_t pid, uint64_t *ret) {
        _cleanup_free_ char *stat = NULL;
        unsigned long long start;

        int r = read_proc(pid, "stat", &stat);
        if (r < 0)
                return r;

        /* The second field is the name in parentheses, and may hold parentheses and spaces itself. */
        char *p = strrchr(stat, ')');
        if (!p || sscanf(p + 1,
                         " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
                         &start) != 1)
                return -EBADMSG;
        *ret = start;
        return 0;
}

int process_open(pid_t pid, uint64_t start_time) {
        uint64_t actual;

        _cleanup_close_ int fd = pidfd_of(pid);
        if (fd < 0)
                return fd;
        int r = process_start_time(pid, &actual);
        if (r < 0)
                return r;
        return actual == start_time ? TAKE_FD(fd) : -ESRCH;
}

int process_comm(pid_t pid, char **ret) {
        int r = read_proc(pid, "comm", ret);

        if (r >= 0)
                (*ret)[strcspn(*ret, "\n")] = 0;
        return r;
}

int process_cgroup(pid_t pid, char **ret) {
        _cleanup_free_ char *text = NULL;

        int r = read_proc(pid, "cgroup", &text);
        if (r < 0)
                return r;
        for (char *line = text; line && *line;) {
                char *next = strchr(line, '\n');
                if (next)
                        *next++ = 0;
                const char *path = startswith(line, "0::");
                if (path)
                        return free_and_strdup(ret, path);
                line = next;
        }
        return -ENODATA;
}

void reset_signals(void) {
        sigset_t none;

        for (int i = 1; i < NSIG; i++)
                if (i != SIGKILL && i != SIGSTOP)
                        (void) signal(i, SIG_DFL);
        sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
}

static pid_t fork_with(struct clone_args *args, int *ret_pidfd) {
        int pidfd = -EBADF;

        args->flags |= CLONE_PIDFD;
        args->pidfd = (uint64_t) (uintptr_t) &pidfd;
        pid_t pid = syscall(SYS_clone3, args, sizeof(*args));
        if (pid < 0)
                return negative_errno();
        if (pid > 0) {
                if (ret_pidfd)
                        *ret_pidfd = pidfd;
                else
                        safe_close(pidfd);
        }
        return pid;
}

pid_t fork_into(int cgroup_fd, uint64_t flags, int *ret_pidfd) {
        return fork_with(
                &(struct clone_args){
                        .flags = flags | (cgroup_fd >= 0 ? CLONE_INTO_CGROUP : 0),
                        .exit_signal = SIGCHLD,
                        .cgroup = cgroup_fd >= 0 ? (uint64_t) cgroup_fd : 0,
                },
                ret_pidfd);
}

pid_t fork_sibling(uint64_t flags, int *ret_pidfd) {
        /* The signal is that of the caller itself. */
        return fork_with(&(struct clone_args){ .flags = flags | CLONE_PARENT }, ret_pidfd);
}
