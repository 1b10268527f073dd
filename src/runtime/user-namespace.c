/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <linux/sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd-util.h"
#include "process-util.h"
#include "user-namespace.h"

static int open_proc(pid_t pid, const char *file, int flags) {
        char path[64];

        (void) snprintf(path, sizeof(path), "/proc/%d/%s", (int) pid, file);
        int fd = open(path, flags | O_CLOEXEC);
        return fd < 0 ? negative_errno() : fd;
}

static int write_map(pid_t pid, const char *file, const char *lines) {
        _cleanup_close_ int fd = open_proc(pid, file, O_WRONLY);

        return fd < 0 ? fd : write_full(fd, lines, strlen(lines));
}

/* Mappings can only be written for a process that lives in the namespace. */
static _noreturn_ void hold(void) {
        reset_signals();
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        for (;;)
                (void) pause();
}

int user_namespace_make(const char *lines) {
        _cleanup_close_ int pidfd = -EBADF;
        siginfo_t info;
        int fd = -EBADF;

        pid_t pid = fork_into(-EBADF, CLONE_NEWUSER, &pidfd);
        if (pid == 0)
                hold();
        if (pid < 0)
                return pid;
        int r = write_map(pid, "uid_map", lines);
        if (r >= 0)
                r = write_map(pid, "gid_map", lines);
        if (r >= 0)
                r = fd = open_proc(pid, "ns/user", O_RDONLY);
        (void) pidfd_signal(pidfd, SIGKILL);
        (void) waitid(P_PIDFD, pidfd, &info, WEXITED);
        return r < 0 ? r : fd;
}
