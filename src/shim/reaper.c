/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <linux/close_range.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process-util.h"
#include "pty-util.h"
#include "reaper.h"

/* Reaps all that have ended; exits with the command's status when that is one of them. */
static void reap(pid_t command) {
        siginfo_t info;

        for (;;) {
                info = (siginfo_t){};
                if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) < 0 || info.si_pid == 0)
                        return;
                if (info.si_pid == command)
                        _exit(info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status);
        }
}

_noreturn_ static void run(pid_t command, const sigset_t *all) {
        (void) prctl(PR_SET_NAME, "berth-init");
        /* /proc/1/environ is the container's to read, and this is still the shim's. */
        for (char **e = environ; e && *e; e++)
                memset(*e, 0, strlen(*e));
        /* Neither the shim's channel nor the container's streams: their ends are the command's to see. */
        (void) close_range(0, ~0U, 0);
        for (;;) {
                siginfo_t info;
                if (sigwaitinfo(all, &info) < 0)
                        continue;
                if (info.si_signo == SIGCHLD)
                        reap(command);
                else
                        (void) kill(command, info.si_signo);
        }
}

int reaper_fork(Error *error) {
        sigset_t all;

        sigfillset(&all);
        if (sigprocmask(SIG_BLOCK, &all, NULL) < 0)
                return error_set_errno(error, negative_errno(), "cannot block signals");
        pid_t pid = fork();
        if (pid < 0)
                return error_set_errno(error, negative_errno(), "cannot make a process for the command");
        if (pid > 0)
                run(pid, &all);

        reset_signals();
        if (!isatty(STDIN_FILENO))
                return 0;
        int r = pty_take(STDIN_FILENO);
        return r < 0 ? error_set_errno(error, r, "cannot make the terminal the controlling one") : 0;
}
