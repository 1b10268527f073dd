/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <linux/keyctl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fd-util.h"
#include "file-util.h"
#include "log.h"
#include "seal.h"
#include "shim.h"
#include "string-util.h"

#define LAUNCH_FILE "launch.json"
#define LAUNCH_SIZE_MAX (16 * MIB)
#define IDLE_MSEC 1000
#define FAILURE_MSEC 100

/* A stop of berth-shims.service at shutdown comes after the scopes are gone, and then the shims end by themselves; one
 * that is still needed must not be taken from its container. */
static void ignore_signals(void) {
        static const int ignored[] = { SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGQUIT };

        for (size_t i = 0; i < ELEMENTSOF(ignored); i++)
                (void) signal(ignored[i], SIG_IGN);
}

/* Nothing that is opened later may become a standard stream. */
static void ensure_standard_streams(void) {
        int fd;

        do
                fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        while (fd >= 0 && fd < 3);
        safe_close(fd);
}

static bool has_special_oom_score(void) {
        _cleanup_free_ char *text = NULL;

        return read_file_at(AT_FDCWD, "/proc/self/oom_score_adj", 64, &text, NULL) >= 0 &&
               !streq(text, "0\n");
}

static Session **sweep_session(Shim *shim, Session **p) {
        Session *session = *p;

        session_advance(session);
        if (!session_is_over(session))
                return &session->next;
        *p = session->next;
        session_free(session);
        return p;
}

static bool is_done(const Shim *shim) {
        return shim->has_ended && !shim->execs && session_is_over(shim->container) &&
               packet_queue_is_empty(&shim->control.queue);
}

static void release_namespaces(Shim *shim) {
        for (size_t i = 0; i < _NAMESPACE_MAX; i++)
                shim->namespaces[i] = safe_close(shim->namespaces[i]);
}

/* A shim spends its life waiting, and there may be a thousand of them. */
static void trim(Shim *shim) {
        session_trim(shim->container);
        for (Session *exec = shim->execs; exec; exec = exec->next)
                session_trim(exec);
        journal_trim(&shim->journal);
        (void) malloc_trim(0);
        shim->has_garbage = false;
}

/* One turn: everybody says what he waits for, one wait, and what follows from it. */
static int turn(Shim *shim) {
        poller_begin(&shim->poller);
        int r = control_prepare(shim);
        if (r >= 0)
                r = session_prepare(shim->container, &shim->poller);
        for (Session *exec = shim->execs; exec && r >= 0; exec = exec->next)
                r = session_prepare(exec, &shim->poller);
        if (r >= 0)
                r = mount_tasks_prepare(shim);
        health_prepare(shim);
        if (shim->has_garbage)
                poller_limit(&shim->poller, IDLE_MSEC);
        if (r >= 0)
                r = poller_run(&shim->poller);
        if (r == 0 && shim->has_garbage)
                trim(shim);

        session_advance(shim->container);
        for (Session **p = &shim->execs; *p;)
                p = sweep_session(shim, p);
        mount_tasks_advance(shim);
        health_advance(shim);
        if (shim->has_ended)
                release_namespaces(shim);
        return r;
}

static int load(Shim *shim, bool sealed, Error *error) {
        int r = object_load_at(&launch_spec_type, &shim->spec, AT_FDCWD, LAUNCH_FILE, LAUNCH_SIZE_MAX,
                               error);

        if (r == -ENOENT)
                return error_set(error, ERROR_CORRUPT, "there is no launch document");
        if (r < 0 || sealed || shim->spec.uid_count > 0)
                return r;
        r = shim_seal(shim->spec.id);
        return error_set_errno(error, r, "cannot make the shim's program read-only");
}

/* Clients that berthd is about to attach are told too: it hangs up once it has read of the end. */
static void report_failure(Shim *shim, int r, Error *error) {
        error_set_errno(error, r, "cannot start the container");
        error_move(&shim->container->error, error);
        session_fail(shim->container);
        do {
                poller_begin(&shim->poller);
                poller_limit(&shim->poller, FAILURE_MSEC);
                r = control_prepare(shim);
                if (r >= 0)
                        r = poller_run(&shim->poller);
        } while (r > 0 && !shim->control.hung_up);
        /* Those that have heard it are gone: nothing would wake the shim for their sake. */
        session_advance(shim->container);
}

static int run(Shim *shim, bool sealed) {
        _cleanup_error_ Error error = {};

        int r = load(shim, sealed, &error);
        /* Before there is a process, so that a new berthd finds every shim that has one. */
        if (r >= 0) {
                r = control_listen(shim);
                if (r < 0)
                        error_set_errno(&error, r, "cannot listen on shim.sock");
        }
        if (r >= 0)
                r = journal_set_names(&shim->journal, shim->spec.id, shim->spec.name, shim->spec.image,
                                      shim->spec.unit);
        if (r >= 0)
                r = shim_start(shim, &error);
        if (r < 0 && shim->container->pidfd < 0)
                report_failure(shim, r, &error);
        /* A process that was made must be reaped, whatever else went wrong. */
        else if (r < 0)
                error_move(&shim->container->error, &error);
        while (!is_done(shim)) {
                r = turn(shim);
                if (r < 0) {
                        session_kill(shim->container);
                        return log_error_errno(r, "Failed to wait for events: %m");
                }
        }
        return 0;
}

/* The one process that berth-shims.service has of its own: it keeps the cgroup in which shims are born. */
static int hold(void) {
        for (;;)
                (void) pause();
        return 0;
}

int main(int argc, char *argv[]) {
        Shim shim = {
                .journal = JOURNAL_INIT,
                .listener = -EBADF,
                .control = { .fd = -EBADF },
                .namespaces = { -EBADF, -EBADF, -EBADF },
        };

        log_setup("berth-shim");
        bool sealed = argc == 3 && streq(argv[2], SHIM_SEALED);
        if (argc != 2 && !sealed) {
                (void) fprintf(stderr, "usage: berth-shim CONTAINER-ID | hold\n"
                                       "berthd starts it; see berthd(8).\n");
                return 1;
        }
        if (streq(argv[1], "hold"))
                return hold();

        ensure_standard_streams();
        (void) close_range(SHIM_CONTROL_FD + 1, ~0U, 0);
        ignore_signals();
        if (fd_set_cloexec(SHIM_CONTROL_FD, true) >= 0 && fd_set_nonblock(SHIM_CONTROL_FD, true) >= 0)
                shim.control.fd = SHIM_CONTROL_FD;
        /* What the container's processes can reach as their session keyring is this one, empty and not berthd's. */
        (void) syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL, 0, 0, 0);
        (void) unlink("exit.json");
        shim.resets_oom_score = has_special_oom_score();
        shim.container = session_new(&shim, NULL);
        if (!shim.container) {
                log_oom();
                return 1;
        }
        int r = run(&shim, sealed);
        control_done(&shim);
        poller_done(&shim.poller);
        health_done(&shim);
        session_free(shim.container);
        journal_done(&shim.journal);
        mounts_done(&shim);
        free(shim.cgroup);
        object_done(&launch_spec_type, &shim.spec);
        object_done(&exit_record_type, &shim.record);
        return r < 0 ? 1 : 0;
}
