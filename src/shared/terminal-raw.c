/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <signal.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "terminal.h"

/* The terminal that is in raw mode, and what it was before. Written before raw_fd is set and read by signal handlers,
 * which is why this is state of the process and not an object. */
static struct termios saved;
static volatile sig_atomic_t raw_fd = -1;

void terminal_restore(void) {
        int fd = raw_fd;

        raw_fd = -1;
        if (fd >= 0)
                (void) tcsetattr(fd, TCSADRAIN, &saved);
}

bool terminal_is_raw(void) {
        return raw_fd >= 0;
}

static void restore_and_crash(int signal_number) {
        terminal_restore();
        (void) raise(signal_number); /* SA_RESETHAND: the default action this time */
}

static void install_handlers(void) {
        static const int crashes[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS };
        static bool done = false;
        struct sigaction action = { .sa_handler = restore_and_crash, .sa_flags = SA_RESETHAND | SA_NODEFER };

        if (done)
                return;
        done = true;
        for (size_t i = 0; i < ELEMENTSOF(crashes); i++)
                (void) sigaction(crashes[i], &action, NULL);
        (void) atexit(terminal_restore);
}

int terminal_make_raw(int fd) {
        struct termios raw;

        if (tcgetattr(fd, &raw) < 0)
                return negative_errno();
        install_handlers();
        saved = raw;
        cfmakeraw(&raw);
        raw.c_cc[VMIN] = 1;
        raw.c_cc[VTIME] = 0;
        if (tcsetattr(fd, TCSANOW, &raw) < 0)
                return negative_errno();
        raw_fd = fd;
        return 0;
}
