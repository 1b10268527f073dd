/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fd-util.h"
#include "log.h"
#include "process-util.h"
#include "shim-protocol.h"
#include "shims.h"
#include "string-util.h"

#define CGROUP_ROOT "/sys/fs/cgroup"

struct ShimsWaiter {
        Shims *shims;
        SystemdDone done;
        void *userdata;
        LIST_ENTRY(ShimsWaiter) list;
};

struct Shims {
        Systemd *systemd;
        char *path; /* of the cgroup */
        UnitJob *job;
        sd_bus_slot *question;
        LIST_HEAD(, ShimsWaiter) waiters;
};

static int ask_cgroup(Shims *shims);

static void wake(Shims *shims, const Error *error) {
        while (!LIST_EMPTY(&shims->waiters)) {
                ShimsWaiter *waiter = LIST_FIRST(&shims->waiters);
                SystemdDone done = waiter->done;
                void *userdata = waiter->userdata;
                shims_waiter_drop(waiter);
                done(error, userdata);
        }
}

static int on_cgroup(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Shims *shims = userdata;
        const char *path;

        shims->question = sd_bus_slot_unref(shims->question);
        if (!sd_bus_message_is_method_error(reply, NULL) &&
            sd_bus_message_read(reply, "v", "s", &path) >= 0 && !isempty(path)) {
                char *joined = string_join(CGROUP_ROOT, path);
                if (joined)
                        free_and_replace(shims->path, joined);
        }
        if (!shims->job)
                wake(shims, NULL);
        return 1;
}

static int ask_cgroup(Shims *shims) {
        shims->question = sd_bus_slot_unref(shims->question);
        return systemd_ask_cgroup(shims->systemd, SHIMS_UNIT, on_cgroup, shims, &shims->question);
}

int shims_new(Systemd *systemd, Shims **ret) {
        _cleanup_(shims_freep) Shims *shims = new0(Shims, 1);

        if (!shims)
                return -ENOMEM;
        /* Where it is unless an administrator has moved it; systemd tells in a moment. */
        *shims = (Shims){ .systemd = systemd, .path = strdup(CGROUP_ROOT "/system.slice/" SHIMS_UNIT) };
        LIST_INIT(&shims->waiters);
        int r = shims->path ? ask_cgroup(shims) : -ENOMEM;
        if (r < 0)
                return r;
        *ret = TAKE_PTR(shims);
        return 0;
}

Shims *shims_free(Shims *shims) {
        if (!shims)
                return NULL;
        while (!LIST_EMPTY(&shims->waiters))
                shims_waiter_drop(LIST_FIRST(&shims->waiters));
        unit_job_drop(shims->job);
        sd_bus_slot_unref(shims->question);
        free(shims->path);
        free(shims);
        return NULL;
}

int shims_open_cgroup(Shims *shims) {
        int fd = open(shims->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return fd < 0 ? negative_errno() : fd;
}

static void on_unit_started(const Error *error, void *userdata) {
        Shims *shims = userdata;

        shims->job = NULL;
        if (error || ask_cgroup(shims) < 0)
                wake(shims, error);
}

int shims_wait(Shims *shims, SystemdDone done, void *userdata, ShimsWaiter **ret) {
        if (!shims->job) {
                int r = systemd_start_unit(shims->systemd, SHIMS_UNIT, on_unit_started, shims, &shims->job);
                if (r < 0)
                        return r;
        }
        ShimsWaiter *waiter = new0(ShimsWaiter, 1);
        if (!waiter)
                return -ENOMEM;
        *waiter = (ShimsWaiter){ .shims = shims, .done = done, .userdata = userdata };
        LIST_INSERT_HEAD(&shims->waiters, waiter, list);
        *ret = waiter;
        return 0;
}

ShimsWaiter *shims_waiter_drop(ShimsWaiter *waiter) {
        if (!waiter)
                return NULL;
        LIST_REMOVE(waiter, list);
        free(waiter);
        return NULL;
}

_noreturn_ static void become_shim(const char *id, int directory_fd, int socket) {
        const char *const arguments[] = { "berth-shim", id, NULL };
        struct rlimit files;

        reset_signals();
        /* berthd has raised its own limit to what it may; a container gets the usual one. */
        if (getrlimit(RLIMIT_NOFILE, &files) >= 0) {
                files.rlim_cur = MIN(files.rlim_max, (rlim_t) 1024);
                (void) setrlimit(RLIMIT_NOFILE, &files);
        }
        /* dup2() onto itself would leave the socket close-on-exec. */
        if (fchdir(directory_fd) >= 0 &&
            (socket == SHIM_CONTROL_FD ? fd_set_cloexec(socket, false) : dup2(socket, SHIM_CONTROL_FD)) >= 0)
                execv(LIBEXECDIR "/berth-shim", (char *const *) arguments);
        log_error_errno(negative_errno(), "Failed to execute %s: %m", LIBEXECDIR "/berth-shim");
        _exit(127);
}

int shims_spawn(sd_event *event, int cgroup_fd, const char *id, int directory_fd, int socket,
                ChildEnded ended, void *userdata, Child **ret, Error *error) {
        int pidfd;

        pid_t pid = fork_into(cgroup_fd, 0, &pidfd);
        if (pid < 0)
                return error_set_errno(error, pid, "cannot create a process for the shim");
        if (pid == 0)
                become_shim(id, directory_fd, socket);
        int r = child_watch(event, pid, pidfd, ended, userdata, ret);
        if (r < 0) {
                (void) kill(pid, SIGKILL);
                return error_set_errno(error, r, "cannot watch the shim");
        }
        return 0;
}
