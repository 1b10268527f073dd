/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "fd-util.h"
#include "log.h"
#include "shim.h"
#include "string-util.h"
#include "strv.h"

#define SOCKET_NAME "shim.sock"

/* The working directory is the container's run directory, so a relative name serves and is never too long. */
int control_listen(Shim *shim) {
        static const struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = SOCKET_NAME };
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (fd < 0)
                return negative_errno();
        (void) unlink(SOCKET_NAME);
        mode_t old = umask(0177);
        int r = bind(fd, (const struct sockaddr *) &address, sizeof(address)) < 0 ? negative_errno() : 0;
        umask(old);
        if (r >= 0 && listen(fd, 16) < 0)
                r = negative_errno();
        if (r < 0)
                return r;
        shim->listener = TAKE_FD(fd);
        return 0;
}

static void control_close(Shim *shim) {
        shim->control.fd = safe_close(shim->control.fd);
        shim->control.hung_up = false;
        packet_queue_done(&shim->control.queue);
}

void control_send(Shim *shim, ShimMessageKind kind, const ShimMessage *message) {
        _cleanup_free_ char *packet = NULL;
        struct iovec part;

        if (shim->control.fd < 0)
                return;
        int r = shim_encode(kind, message, &packet, &part.iov_len);
        part.iov_base = packet;
        if (r >= 0)
                r = packet_queue_send(&shim->control.queue, shim->control.fd, &part, 1);
        /* A hang-up is noticed, and answered, where the socket is read. */
        if (r < 0 && r != -EPIPE && r != -ECONNRESET)
                log_error_errno(r, "Failed to send a message to berthd: %m");
}

/* berthd is gone, or has shut its side down, by which it calls a start off and still listens to what comes of it. */
static void control_lost(Shim *shim) {
        shim->control.hung_up = true;
        if (!shim->cgroup)
                shim_abort_start(shim, "berthd went away");
}

static void handle_attach(Shim *shim, const ShimMessage *message, int *fd) {
        if (*fd < 0)
                return;
        int r = session_attach(shim->container, TAKE_FD(*fd), message->want_stdin, message->want_stdout,
                               message->want_stderr);
        if (r < 0)
                log_error_errno(r, "Failed to attach a client: %m");
}

static void handle_rename(Shim *shim, ShimMessage *message) {
        LaunchSpec *spec = &shim->spec;

        if (!isempty(message->name))
                free_and_replace(spec->name, TAKE_PTR(message->name));
        if (!isempty(message->image))
                free_and_replace(spec->image, TAKE_PTR(message->image));
        int r = journal_set_names(&shim->journal, spec->id, spec->name, spec->image, spec->unit);
        if (r < 0)
                log_error_errno(r, "Failed to rename the container in the journal: %m");
}

static void handle_message(Shim *shim, ShimMessageKind kind, ShimMessage *message, int *fd) {
        switch (kind) {
        case SHIM_GO:
                shim_go(shim, message->cgroup);
                break;
        case SHIM_ATTACH:
                handle_attach(shim, message, fd);
                break;
        case SHIM_EXEC:
                exec_start(shim, &message->exec, TAKE_FD(*fd));
                break;
        case SHIM_RESIZE:
                session_resize(shim->container, message->rows, message->columns);
                break;
        case SHIM_PROBE:
                health_probe_now(shim);
                break;
        case SHIM_RENAME:
                handle_rename(shim, message);
                break;
        case SHIM_MOUNT:
                shim_change_mount(shim, message->id, message->mount.target, &message->mount);
                break;
        case SHIM_UNMOUNT:
                shim_change_mount(shim, message->id, message->mount.target, NULL);
                break;
        default:
                log_warning("berthd sent a message of unexpected kind %d.", (int) kind);
        }
}

static void on_control(void *object, int revents) {
        Shim *shim = object;
        _cleanup_close_ int fd = -EBADF;
        ShimMessage message = {};

        if (shim->control.fd < 0)
                return;
        if (revents & POLLOUT) {
                int r = packet_queue_flush(&shim->control.queue, shim->control.fd);
                if (r < 0 && r != -EAGAIN)
                        packet_queue_done(&shim->control.queue);
        }
        if (shim->control.hung_up || !(revents & (POLLIN | POLLHUP | POLLERR)))
                return;
        int r = shim_receive(shim->control.fd, &message, &fd);
        if (r == -EAGAIN)
                return;
        if (r > 0)
                handle_message(shim, r, &message, &fd);
        else if (r == 0)
                control_lost(shim);
        else
                log_error_errno(r, "Failed to understand a message of berthd: %m");
        object_done(&shim_message_type, &message);
}

/* Tells a berthd that comes (again) how things stand. */
static void control_hello(Shim *shim) {
        ShimMessage message = {
                .pid = shim->container->exited ? 0 : shim->container->pid,
                .start_time = shim->start_time,
                .running = shim->container->started && !shim->container->exited,
                .started = shim->record.started,
        };
        int r = 0;

        for (Session *exec = shim->execs; exec && r >= 0; exec = exec->next)
                if (!exec->finished && !health_owns(exec))
                        r = strv_extend(&message.ids, exec->id);
        if (r >= 0)
                control_send(shim, SHIM_HELLO, &message);
        if (r >= 0 && message.running)
                health_tell(shim);
        if (r >= 0 && shim->has_ended)
                control_send(shim, SHIM_EXITED, &(ShimMessage){ .exit = shim->record });
        strv_free(message.ids);
}

static void on_listener(void *object, int revents) {
        Shim *shim = object;
        int fd = accept4(shim->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd < 0)
                return;
        control_close(shim);
        shim->control.fd = fd;
        control_hello(shim);
}

int control_prepare(Shim *shim) {
        short events = (shim->control.hung_up ? 0 : POLLIN) |
                       (packet_queue_is_empty(&shim->control.queue) ? 0 : POLLOUT);
        int r = 0;

        /* A socket that has hung up is always ready. */
        if (events)
                r = poller_add(&shim->poller, shim->control.fd, events, on_control, shim);
        return r < 0 ? r : poller_add(&shim->poller, shim->listener, POLLIN, on_listener, shim);
}

void control_done(Shim *shim) {
        control_close(shim);
        shim->listener = safe_close(shim->listener);
}
