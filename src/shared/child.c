/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "fd-util.h"
#include "process-util.h"

struct Child {
        pid_t pid;
        int pidfd;
        sd_event_source *source;
        ChildEnded ended;
        void *userdata;
};

static Child *child_free(Child *child) {
        if (!child)
                return NULL;
        sd_event_source_disable_unref(child->source);
        safe_close(child->pidfd);
        free(child);
        return NULL;
}

static int on_ended(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Child *child = userdata;
        siginfo_t info = {};

        /* It has ended for sure, so this does not wait. */
        int code = -1;
        if (waitid(P_PIDFD, (id_t) child->pidfd, &info, WEXITED | WNOHANG) >= 0 && info.si_pid != 0)
                code = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
        ChildEnded ended = child->ended;
        void *owner = child->userdata;
        child_free(child);
        if (ended)
                ended(code, owner);
        return 0;
}

int child_watch(sd_event *event, pid_t pid, int pidfd, ChildEnded ended, void *userdata, Child **ret) {
        Child *child = new0(Child, 1);

        if (!child) {
                safe_close(pidfd);
                return -ENOMEM;
        }
        *child = (Child){ .pid = pid, .pidfd = pidfd, .ended = ended, .userdata = userdata };
        int r = sd_event_add_io(event, &child->source, pidfd, EPOLLIN, on_ended, child);
        if (r < 0) {
                child_free(child);
                return r;
        }
        /* What a child said before it ended is read first. */
        (void) sd_event_source_set_priority(child->source, SD_EVENT_PRIORITY_NORMAL + 10);
        *ret = child;
        return 0;
}

Child *child_abandon(Child *child) {
        if (child)
                child->ended = NULL;
        return NULL;
}

Child *child_kill(Child *child) {
        if (child)
                (void) pidfd_signal(child->pidfd, SIGKILL);
        return child_abandon(child);
}

int child_signal(Child *child, int signal) {
        return pidfd_signal(child->pidfd, signal);
}

pid_t child_pid(const Child *child) {
        return child->pid;
}

int child_run(sd_event *event, int (*work)(void *userdata), ChildEnded ended, void *userdata, Child **ret) {
        int pidfd;

        pid_t pid = fork_into(-EBADF, 0, &pidfd);
        if (pid < 0)
                return pid;
        if (pid == 0) {
                reset_signals();
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                int r = work(userdata);
                _exit(r < 0 ? MIN(-r, 127) : 0);
        }
        int r = child_watch(event, pid, pidfd, ended, userdata, ret);
        if (r < 0)
                (void) kill(pid, SIGKILL);
        return r;
}
