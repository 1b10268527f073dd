/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "helper.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/queue.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd-util.h"
#include "log.h"
#include "process-util.h"
#include "string-util.h"

typedef struct Call {
        char *text; /* NULL once sent */
        size_t size;
        int fd;
        HelperDone done; /* NULL: forgotten */
        void *userdata;
        TAILQ_ENTRY(Call) entries;
} Call;

struct Helper {
        sd_event *event;
        int socket; /* -EBADF: no process */
        sd_event_source *io;
        TAILQ_HEAD(, Call) calls; /* in the order of their replies; the sent ones first */
};

static Call *call_free(Call *call) {
        if (!call)
                return NULL;
        free(call->text);
        safe_close(call->fd);
        free(call);
        return NULL;
}
DEFINE_CLEANUP(Call *, call_free);

int helper_new(sd_event *event, Helper **ret) {
        Helper *helper = new0(Helper, 1);

        if (!helper)
                return -ENOMEM;
        helper->event = sd_event_ref(event);
        helper->socket = -EBADF;
        TAILQ_INIT(&helper->calls);
        *ret = helper;
        return 0;
}

static void disconnect(Helper *helper) {
        helper->io = sd_event_source_disable_unref(helper->io);
        helper->socket = safe_close(helper->socket);
}

Helper *helper_free(Helper *helper) {
        Call *call;

        if (!helper)
                return NULL;
        while ((call = TAILQ_FIRST(&helper->calls))) {
                TAILQ_REMOVE(&helper->calls, call, entries);
                call_free(call);
        }
        disconnect(helper);
        sd_event_unref(helper->event);
        free(helper);
        return NULL;
}

/* ---- the process ---- */

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata);

/* Reaps the process; that it is gone shows at the socket. The event loop owns the source, and lets it go here. Not
 * sd_event_add_child, which would need SIGCHLD blocked in whatever program this is part of. */
static int on_child_exit(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        (void) waitid(P_PIDFD, (id_t) fd, &(siginfo_t){}, WEXITED | WNOHANG);
        (void) sd_event_source_set_floating(source, false);
        return 0;
}

static int watch_child(sd_event *event, int pidfd) {
        _cleanup_(sd_event_source_unrefp) sd_event_source *source = NULL;
        _cleanup_close_ int owned = pidfd;

        int r = sd_event_add_io(event, &source, pidfd, EPOLLIN, on_child_exit, NULL);
        if (r < 0)
                return r;
        r = sd_event_source_set_io_fd_own(source, true);
        if (r < 0)
                return r;
        TAKE_FD(owned);
        return sd_event_source_set_floating(source, true);
}

/* Nothing of berthd's may stay open in it: a stream's end, say, whose closing somebody waits for. */
static _noreturn_ void run_child(int socket) {
        if (dup2(socket, 3) != 3)
                _exit(EXIT_FAILURE);
        (void) close_range(4, ~0U, 0);
        (void) prctl(PR_SET_NAME, "berth-network");
        reset_signals();
        helper_main(3);
}

static int start_process(Helper *helper) {
        _cleanup_close_ int ours = -EBADF, theirs = -EBADF, pidfd = -EBADF;
        int sockets[2], r;

        r = socket_pair(SOCK_SEQPACKET, 0, sockets);
        if (r < 0)
                return r;
        ours = sockets[0];
        theirs = sockets[1];
        r = fd_set_nonblock(ours, true);
        if (r < 0)
                return r;

        pid_t pid = fork_into(-EBADF, 0, &pidfd);
        if (pid < 0)
                return pid;
        if (pid == 0)
                run_child(theirs);

        r = watch_child(helper->event, TAKE_FD(pidfd));
        if (r < 0)
                return r;
        r = sd_event_add_io(helper->event, &helper->io, ours, EPOLLIN, on_io, helper);
        if (r < 0)
                return r;
        helper->socket = TAKE_FD(ours);
        return 0;
}

/* ---- calls ---- */

static Call *first_unsent(Helper *helper) {
        Call *call;

        TAILQ_FOREACH(call, &helper->calls, entries)
                if (call->text)
                        return call;
        return NULL;
}

/* Sends what the socket takes; the rest follows as replies make room. */
static int pump(Helper *helper) {
        Call *call;

        while ((call = first_unsent(helper))) {
                int r = send_message(helper->socket, call->text, call->size, &call->fd,
                                     call->fd >= 0 ? 1 : 0);
                if (r == -EAGAIN)
                        break;
                if (r < 0)
                        return r;
                free_and_replace(call->text, NULL);
                call->fd = safe_close(call->fd);
        }
        return sd_event_source_set_io_events(helper->io, EPOLLIN | (call ? EPOLLOUT : 0));
}

static void finish(Call *call, int r, const Error *error, bool repaired) {
        if (call->done)
                call->done(r, error, repaired, call->userdata);
        call_free(call);
}

/* The helper is gone (killed, crashed, out of memory): what it was asked has failed. A new one comes with the next
 * call. */
static void fail_all(Helper *helper, int r) {
        TAILQ_HEAD(, Call) failed = TAILQ_HEAD_INITIALIZER(failed);
        _cleanup_error_ Error error = {};
        Call *call;

        disconnect(helper);
        (void) error_set_errno(&error, r, "the network helper ended");
        /* A callback may call again: that is for the next process. */
        TAILQ_CONCAT(&failed, &helper->calls, entries);
        while ((call = TAILQ_FIRST(&failed))) {
                TAILQ_REMOVE(&failed, call, entries);
                finish(call, r, &error, false);
        }
}

static int take_reply(Helper *helper, const char *packet, size_t size) {
        _cleanup_error_ Error error = {};
        HelperReply reply;
        Call *call = TAILQ_FIRST(&helper->calls);

        if (!call || call->text)
                return -EBADMSG;
        int r = object_from_json_text(&helper_reply_type, &reply, packet, size, 0, NULL);
        if (r < 0)
                return r;
        bool repaired = reply.repaired;
        if (!isempty(reply.kind))
                r = error_set(&error, error_kind_from_string(reply.kind), "%s", strempty(reply.message));
        object_done(&helper_reply_type, &reply);

        TAILQ_REMOVE(&helper->calls, call, entries);
        finish(call, r, &error, repaired);
        return 0;
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Helper *helper = userdata;
        char packet[4096];

        ssize_t size = receive_message(fd, packet, sizeof(packet), NULL, NULL);
        int r = size == -EAGAIN ? 0
                : size == 0     ? -EPIPE
                : size < 0      ? (int) size
                                : take_reply(helper, packet, size);
        if (r >= 0 && helper->socket >= 0)
                r = pump(helper);
        if (r < 0)
                fail_all(helper, r);
        return 0;
}

static Call *call_new(const HelperRequest *request, int fd, HelperDone done, void *userdata) {
        _cleanup_close_ int owned = fd;
        _cleanup_(call_freep) Call *call = new0(Call, 1);

        if (!call)
                return NULL;
        call->fd = TAKE_FD(owned);
        call->done = done;
        call->userdata = userdata;
        call->text = object_to_json_text(&helper_request_type, request, OBJECT_INTERNAL, false, &call->size);
        return call->text ? TAKE_PTR(call) : NULL;
}

int helper_call(Helper *helper, const HelperRequest *request, int fd, HelperDone done, void *userdata) {
        _cleanup_(call_freep) Call *call = call_new(request, fd, done, userdata);

        if (!call)
                return -ENOMEM;
        if (call->size > HELPER_PACKET_MAX)
                return -EMSGSIZE;
        if (helper->socket < 0) {
                int r = start_process(helper);
                if (r < 0)
                        return r;
        }
        TAILQ_INSERT_TAIL(&helper->calls, call, entries);
        TAKE_PTR(call);
        /* No callback from in here: when the process is gone, the event loop sees it at the socket. */
        if (pump(helper) < 0)
                (void) shutdown(helper->socket, SHUT_RDWR);
        return 0;
}

void helper_forget(Helper *helper, const void *userdata) {
        for (Call *call = TAILQ_FIRST(&helper->calls), *next; call; call = next) {
                next = TAILQ_NEXT(call, entries);
                if (call->userdata != userdata)
                        continue;
                call->done = NULL;
                if (call->text) {
                        TAILQ_REMOVE(&helper->calls, call, entries);
                        call_free(call);
                }
        }
}
