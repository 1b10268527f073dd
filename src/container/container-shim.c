/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <poll.h>

#include "container-private.h"
#include "fd-util.h"
#include "log.h"
#include "stream.h"
#include "time-util.h"

#define ATTACHMENTS_MAX 64 /* before the start; the shim has its own limit after it */

#define LOST_TIMEOUT_USEC (5 * USEC_PER_SEC)

static int on_lost_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        container_shim_lost(userdata, "its shim has hung up");
        return 0;
}

/* The connection ended without EXITED. A shim that died is about to be reaped, which tells how; one that has only
 * closed its socket gets a moment. */
static void on_hang_up(Container *c) {
        c->shim_source = sd_event_source_disable_unref(c->shim_source);
        c->shim_fd = safe_close(c->shim_fd);
        if (!c->shim) {
                container_shim_lost(c, "its shim is gone");
                return;
        }
        c->shim_lost = sd_event_source_disable_unref(c->shim_lost);
        if (sd_event_add_time_relative(c->context->event, &c->shim_lost, CLOCK_MONOTONIC, LOST_TIMEOUT_USEC,
                                       0, on_lost_timer, c) < 0)
                container_shim_lost(c, "its shim has hung up");
}

static void dispatch(Container *c, ShimMessageKind kind, const ShimMessage *message) {
        switch (kind) {
        case SHIM_CREATED:
                container_on_created(c, message);
                break;
        case SHIM_STARTED:
                container_on_started(c, message);
                break;
        case SHIM_EXEC_STARTED:
        case SHIM_EXEC_EXITED:
                container_on_exec(c, kind, message);
                break;
        case SHIM_HEALTH:
                container_on_health(c, message);
                break;
        case SHIM_HELLO:
                container_on_hello(c, message);
                break;
        case SHIM_MOUNT_DONE:
                container_on_mount_done(c, message);
                break;
        case SHIM_EXITED: /* may free the container */
                container_ended(c, &message->exit);
                break;
        default:
                log_debug("The shim of container %s sent an unexpected message (%d).", c->spec.name, kind);
        }
}

static int on_shim(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        _cleanup_close_ int attached = -EBADF;
        Container *c = userdata;
        ShimMessage message;

        /* One message a turn, so that no shim can starve the others; the kernel keeps the rest. */
        int kind = shim_receive(fd, &message, &attached);
        if (kind == -EAGAIN)
                return 0;
        if (kind <= 0) {
                if (kind < 0)
                        log_error_errno(kind, "Failed to read from the shim of container %s: %m",
                                        c->spec.name);
                on_hang_up(c);
                return 0;
        }
        dispatch(c, kind, &message);
        object_done(&shim_message_type, &message);
        return 0;
}

int container_use_shim(Container *c, int fd) {
        c->shim_source = sd_event_source_disable_unref(c->shim_source);
        safe_close(c->shim_fd);
        c->shim_fd = fd;
        return sd_event_add_io(c->context->event, &c->shim_source, fd, EPOLLIN, on_shim, c);
}

void container_drop_shim(Container *c) {
        c->shim_lost = sd_event_source_disable_unref(c->shim_lost);
        c->shim_source = sd_event_source_disable_unref(c->shim_source);
        c->shim_fd = safe_close(c->shim_fd);
        c->shim = child_abandon(c->shim);
        c->shim_pid = 0;
}

int container_send(Container *c, ShimMessageKind kind, const ShimMessage *message, int fd, Error *error) {
        int r = c->shim_fd < 0 ? -ENOTCONN : shim_send(c->shim_fd, kind, message, fd);

        if (r == -EAGAIN)
                return error_set(error, ERROR_FAILED,
                                 "the shim of container \"%s\" does not take any more requests",
                                 c->spec.name);
        return r < 0 ? error_set_errno(error, r, "cannot reach the shim of container \"%s\"", c->spec.name)
                     : 0;
}

/* ---- attaching ---- */

static int send_attachment(Container *c, const Attachment *a, Error *error) {
        ShimMessage message = {
                .want_stdin = a->want_stdin,
                .want_stdout = a->want_stdout,
                .want_stderr = a->want_stderr,
        };

        return container_send(c, SHIM_ATTACH, &message, a->fd, error);
}

void container_send_attachments(Container *c) {
        for (size_t i = 0; i < c->n_attachments; i++) {
                (void) send_attachment(c, &c->attachments[i], NULL);
                safe_close(c->attachments[i].fd);
        }
        c->n_attachments = 0;
        free_and_replace(c->attachments, NULL);
}

void container_drop_attachments(Container *c, const Error *why) {
        for (size_t i = 0; i < c->n_attachments; i++) {
                if (why)
                        (void) stream_send_error(c->attachments[i].fd, why->kind, error_text(why));
                safe_close(c->attachments[i].fd);
        }
        c->n_attachments = 0;
        free_and_replace(c->attachments, NULL);
}

/* Those whose other end is closed make room. */
static void drop_dead_attachments(Container *c) {
        size_t kept = 0;

        for (size_t i = 0; i < c->n_attachments; i++) {
                struct pollfd p = { .fd = c->attachments[i].fd };
                if (poll(&p, 1, 0) > 0 && (p.revents & POLLHUP))
                        safe_close(c->attachments[i].fd);
                else
                        c->attachments[kept++] = c->attachments[i];
        }
        c->n_attachments = kept;
}

static int queue_attachment(Container *c, const Attachment *a, Error *error) {
        size_t allocated = c->n_attachments;

        drop_dead_attachments(c);
        if (c->n_attachments >= ATTACHMENTS_MAX)
                return error_set(error, ERROR_LIMIT, "more than %d clients wait for the start of \"%s\"",
                                 ATTACHMENTS_MAX, c->spec.name);
        int r = array_reserve(&c->attachments, &allocated, c->n_attachments + 1, sizeof(*a));
        if (r < 0)
                return error_set_errno(error, r, "cannot attach to \"%s\"", c->spec.name);
        c->attachments[c->n_attachments++] = *a;
        return 0;
}

int container_attach(Container *c, bool want_stdin, bool want_stdout, bool want_stderr, int *ret_fd,
                     Error *error) {
        int sockets[2];

        if (c->state.status == CONTAINER_REMOVING)
                return error_set(error, ERROR_IN_USE, "container \"%s\" is being removed", c->spec.name);
        int r = socket_pair(SOCK_SEQPACKET, 0, sockets);
        if (r < 0)
                return error_set_errno(error, r, "cannot make a stream");
        _cleanup_close_ int theirs = sockets[0], ours = sockets[1];
        Attachment a = { ours, want_stdin, want_stdout, want_stderr };
        if (c->shim_fd >= 0) {
                r = send_attachment(c, &a, error);
        } else {
                r = queue_attachment(c, &a, error);
                if (r >= 0)
                        TAKE_FD(ours);
        }
        if (r < 0)
                return r;
        *ret_fd = TAKE_FD(theirs);
        container_tell(c, "attach", NULL);
        return 0;
}

int container_resize(Container *c, uint32_t rows, uint32_t columns, Error *error) {
        if (!c->spec.terminal)
                return error_set(error, ERROR_INVALID, "container \"%s\" has no terminal", c->spec.name);
        if (!container_is_active(c))
                return error_set(error, ERROR_NOT_RUNNING, "container \"%s\" is not running", c->spec.name);
        if (rows > UINT16_MAX || columns > UINT16_MAX)
                return error_set(error, ERROR_INVALID, "a terminal can't have %u rows and %u columns", rows,
                                 columns);
        return container_send(c, SHIM_RESIZE, &(ShimMessage){ .rows = rows, .columns = columns }, -EBADF,
                              error);
}
