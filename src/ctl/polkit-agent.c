/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <systemd/sd-login.h>
#include <unistd.h>

#include "fd-util.h"
#include "macro.h"
#include "polkit-agent.h"
#include "process-util.h"

#define AGENT_PATH "/usr/bin/pkttyagent"
/* One that does not register is not worth waiting for. */
#define REGISTER_WITHIN_MSEC 5000

static pid_t agent;

/* In the child. Closing the descriptor is how the agent says that it is ready. */
static _noreturn_ void run_agent(int ready, pid_t parent) {
        char number[16];

        reset_signals();
        (void) prctl(PR_SET_PDEATHSIG, SIGTERM);
        snprintf(number, sizeof(number), "%d", ready);
        /* The agent of the session's desktop goes before a fallback; where there is no session polkit knows of no
         * fallbacks either. */
        bool has_session = sd_pid_get_session(0, NULL) >= 0;
        if (getppid() == parent && fd_set_cloexec(ready, false) >= 0)
                (void) execl(AGENT_PATH, AGENT_PATH, "--notify-fd", number,
                             has_session ? "--fallback" : NULL, NULL);
        _exit(EXIT_FAILURE);
}

void polkit_agent_open(void) {
        int fds[2];

        if (agent != 0 || geteuid() == 0 || !isatty(STDIN_FILENO) || access(AGENT_PATH, X_OK) < 0 ||
            pipe2(fds, O_CLOEXEC) < 0)
                return;
        pid_t parent = getpid();
        agent = fork();
        if (agent == 0)
                run_agent(fds[1], parent);
        safe_close(fds[1]);
        struct pollfd ready = { .fd = fds[0], .events = POLLHUP };
        if (agent > 0)
                (void) poll(&ready, 1, REGISTER_WITHIN_MSEC);
        safe_close(fds[0]);
}

void polkit_agent_close(void) {
        if (agent <= 0)
                return;
        (void) kill(agent, SIGTERM);
        (void) kill(agent, SIGCONT);
        while (waitpid(agent, NULL, 0) < 0 && errno == EINTR)
                ;
        agent = 0;
}
