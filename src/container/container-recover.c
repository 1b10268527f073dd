/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "container-private.h"
#include "fd-util.h"
#include "log.h"
#include "process-util.h"
#include "restart-policy.h"
#include "string-util.h"
#include "time-util.h"

/* What became of containers while no berthd was there. Their shims know, and accept a new berthd on shim.sock; a shim
 * that has ended has left exit.json; one that was killed has left nothing. */

#define HELLO_TIMEOUT_USEC (10 * USEC_PER_SEC)

static int connect_shim(Container *c) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return negative_errno();
        int n = snprintf(address.sun_path, sizeof(address.sun_path),
                         RUNTIME_DIRECTORY "/containers/%s/shim.sock", c->spec.id);
        if (n < 0 || (size_t) n >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        if (connect(fd, (struct sockaddr *) &address, sizeof(address)) < 0)
                return negative_errno();
        return TAKE_FD(fd);
}

static int on_no_hello(sd_event_source *source, uint64_t usec, void *userdata) {
        container_shim_lost(userdata, "its shim did not answer a new berthd");
        return 0;
}

static int reconnect(Container *c) {
        struct ucred peer;
        socklen_t size = sizeof(peer);

        int fd = connect_shim(c);
        if (fd < 0)
                return fd;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) >= 0)
                c->shim_pid = peer.pid;
        int r = container_use_shim(c, fd);
        if (r < 0)
                return r;
        c->hello_wanted = true;
        return sd_event_add_time_relative(c->context->event, &c->shim_lost, CLOCK_MONOTONIC,
                                          HELLO_TIMEOUT_USEC, 0, on_no_hello, c);
}

void container_recover(Container *c) {
        if (c->state.status == CONTAINER_RESTARTING && streq_ptr(c->state.boot_id, c->context->boot_id)) {
                container_arm_restart(c, false);
                return;
        }
        if (c->state.status == CONTAINER_REMOVING || c->state.status == CONTAINER_RESTARTING)
                c->state.status = CONTAINER_EXITED;
        if (!container_is_active(c))
                return;

        /* What berthd knew last: the command has been executed unless it was just starting. */
        c->executed = c->state.status != CONTAINER_STARTING;
        c->recovered = true;
        if (!streq_ptr(c->state.boot_id, c->context->boot_id)) {
                c->stopped_by_host = true; /* container_restart_at_boot() decides */
                container_ended(c, &(ExitRecord){ .exit_code = EXIT_HOST_DOWN,
                                                  .error = (char *) "the host went down while it ran" });
                return;
        }
        if (c->state.leader > 0)
                c->leader_fd = process_open(c->state.leader, c->state.leader_start_time);
        int r = reconnect(c);
        if (r < 0) {
                log_debug_errno(r, "No shim answers for container %s: %m", c->spec.name);
                container_shim_lost(c, "its shim ended while berthd was away");
        }
}

void container_on_hello(Container *c, const ShimMessage *message) {
        if (!c->hello_wanted)
                return;
        c->hello_wanted = false;
        c->shim_lost = sd_event_source_disable_unref(c->shim_lost);
        container_adopt_execs(c, message->ids);
        if (message->pid > 0) {
                c->state.leader = message->pid;
                c->state.leader_start_time = message->start_time;
                c->leader_fd = safe_close(c->leader_fd);
                /* If it is gone, EXITED follows. */
                c->leader_fd = process_open(message->pid, message->start_time);
        }
        if (!message->running)
                return; /* a start that lost its berthd is being given up: EXITED follows */

        if (c->state.status == CONTAINER_STOPPING)
                container_resume_stop(c);
        if (c->executed)
                return; /* as it was */
        c->executed = true;
        c->state.started = message->started;
        if (c->state.status == CONTAINER_STARTING)
                c->state.status = CONTAINER_RUNNING;
        if (!c->state.cgroup && c->state.leader > 0)
                (void) process_cgroup(c->state.leader, &c->state.cgroup);
        (void) container_save_state(c);
        container_changed_status(c);
}

void container_restart_at_boot(Container *c) {
        if (container_is_active(c) || c->state.status == CONTAINER_RESTARTING ||
            streq_ptr(c->state.boot_id, c->context->boot_id))
                return;
        if (c->spec.auto_remove) {
                container_remove_now(c);
                return;
        }
        if (restart_policy_applies_at_boot(&c->spec.restart, &c->state))
                container_start_again(c);
}
