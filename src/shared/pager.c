/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd-util.h"
#include "pager.h"
#include "process-util.h"
#include "string-util.h"
#include "terminal.h"

static pid_t pager;

static const char *chosen_pager(void) {
        static const char *const variables[] = { "BERTH_PAGER", "SYSTEMD_PAGER", "PAGER" };

        for (size_t i = 0; i < ELEMENTSOF(variables); i++) {
                const char *value = getenv(variables[i]);
                if (value)
                        return value;
        }
        return NULL;
}

/* In the child. */
static _noreturn_ void run_pager(const char *command, int input, pid_t parent) {
        reset_signals();
        /* Ctrl-C is for the program in front; less handles it itself. */
        (void) prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() != parent || dup2(input, STDIN_FILENO) < 0)
                _exit(EXIT_FAILURE);
        const char *less = getenv("BERTH_LESS") ?: getenv("SYSTEMD_LESS");
        (void) setenv("LESS", less ?: "FRSXMK", 1);
        (void) setenv("LESSSECURE", "1", 0);
        if (locale_is_utf8())
                (void) setenv("LESSCHARSET", "utf-8", 1);
        if (command)
                (void) execl("/bin/sh", "sh", "-c", command, NULL);
        (void) execlp("less", "less", NULL);
        (void) execlp("more", "more", NULL);
        (void) execlp("cat", "cat", NULL);
        _exit(EXIT_FAILURE);
}

void pager_open(void) {
        const char *command = chosen_pager();
        int fds[2];

        if (pager > 0 || !isatty(STDOUT_FILENO) || streq(strempty(getenv("TERM")), "dumb"))
                return;
        if (command && (streq(command, "") || streq(command, "cat")))
                return;
        /* Whether there are colours and how wide the screen is must be known while that is the terminal. */
        (void) colors_enabled();
        char columns[16];
        snprintf(columns, sizeof(columns), "%u", terminal_columns());
        fflush(stdout);
        if (pipe2(fds, O_CLOEXEC) < 0)
                return;
        pid_t parent = getpid();
        pager = fork();
        if (pager == 0)
                run_pager(command, fds[0], parent);
        if (pager > 0) {
                (void) setenv("COLUMNS", columns, 1);
                (void) dup2(fds[1], STDOUT_FILENO);
        }
        close_many(fds, 2);
}

bool pager_is_open(void) {
        return pager > 0;
}

void pager_close(void) {
        if (pager <= 0)
                return;
        fflush(stdout);
        safe_close(STDOUT_FILENO);
        while (waitpid(pager, NULL, 0) < 0 && errno == EINTR)
                ;
        pager = 0;
}
