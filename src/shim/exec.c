/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "child-message.h"
#include "fd-util.h"
#include "file-util.h"
#include "namespace.h"
#include "process-util.h"
#include "process.h"
#include "pty-util.h"
#include "shim.h"
#include "string-util.h"
#include "strv.h"
#include "ulimit.h"

#define CGROUP_ROOT "/sys/fs/cgroup"
/* Where execs go when the container has put controllers on its subgroups, so that the scope's own cgroup may not have
 * processes, and the container's first process is not in a subgroup either. */
#define EXEC_CGROUP "berth-exec"

void exec_report(Shim *shim, ShimMessageKind kind, const Session *session) {
        ShimMessage message = { .id = session->id };

        if (kind == SHIM_EXEC_STARTED)
                message.pid = session->pid;
        else {
                message.exit.exit_code = session->exit_code;
                if (session->error.kind != ERROR_NONE) {
                        message.exit.error_kind = (char *) error_kind_to_string(session->error.kind);
                        message.exit.error = session->error.message;
                }
        }
        control_send(shim, kind, &message);
}

static int merge_environment(const Shim *shim, const ExecSpec *spec, char ***ret) {
        _cleanup_strv_free_ char **environment = NULL;

        int r = strv_copy_into(shim->spec.environment, &environment);
        for (size_t i = 0; spec->environment && spec->environment[i] && r >= 0; i++)
                r = strv_map_put(&environment, spec->environment[i]);
        if (r >= 0)
                *ret = TAKE_PTR(environment);
        return r;
}

/* In the new process, which is in the container's pid namespace and in its cgroup already. */
static int join_container(const Shim *shim, int leader, Error *error) {
        const LaunchSpec *spec = &shim->spec;

        /* While that is still allowed. */
        int r = ulimits_apply(spec->ulimits, 0, error);
        if (r < 0)
                return r;
        /* Until the command replaces it this is the host's program with the host's memory: it is not for the
         * container's other processes to look into. */
        if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || setns(leader, namespaces_to_join(spec)) < 0)
                return error_set_errno(error, negative_errno(), "cannot join the container's namespaces");
        r = spec->uid_count > 0 ? process_become_root() : 0;
        return r < 0 ? error_set_errno(error, r, "cannot become root of the user namespace") : 0;
}

static int make_terminal(const ExecSpec *spec, int *ret_slave, Error *error) {
        _cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), master = -EBADF;

        int r = root < 0 ? negative_errno() : pty_open(root, &master, ret_slave);
        if (r < 0)
                return error_set_errno(error, r, "cannot make a terminal in the container");
        if (spec->rows > 0 && spec->columns > 0)
                (void) pty_resize(master, spec->rows, spec->columns);
        r = child_send(PROCESS_CHANNEL, CHILD_TERMINAL, master);
        return r < 0 ? error_set_errno(error, r, "cannot hand over the terminal") : 0;
}

_noreturn_ static void exec_run(const Shim *shim, const ExecSpec *spec, int channel,
                                const SessionPipes *pipes) {
        const LaunchSpec *container = &shim->spec;
        int terminal = -EBADF;
        char **environment = NULL;
        const SyscallFilter *filter;
        Error error = {};

        int leader = shim->container->pidfd;
        if (process_begin(channel, pipes, &leader) < 0)
                _exit(1);
        int r = process_read_filter(container, &filter, &error);
        if (r >= 0)
                r = join_container(shim, leader, &error);
        leader = safe_close(leader);
        if (r >= 0 && spec->terminal)
                r = make_terminal(spec, &terminal, &error);
        if (r >= 0)
                r = merge_environment(shim, spec, &environment);
        if (r < 0)
                process_fail(&error);
        process_execute(
                &(ProcessSpec){
                        .arguments = spec->command,
                        .environment = environment,
                        .user = isempty(spec->user) ? container->user : spec->user,
                        .groups = isempty(spec->user) ? container->groups : NULL,
                        .working_directory = isempty(spec->working_directory) ? container->working_directory
                                                                              : spec->working_directory,
                        .capabilities = container->capabilities,
                        .all_capabilities = spec->privileged,
                        .no_new_privileges = container->no_new_privileges && !spec->privileged,
                        .filter = spec->privileged ? NULL : filter,
                        .apparmor_profile = spec->privileged ? NULL : container->apparmor_profile,
                        .selinux_label = container->selinux_label,
                },
                pipes, terminal);
}

static int open_cgroup(const char *path) {
        _cleanup_free_ char *full = string_join(CGROUP_ROOT, path);

        if (!full)
                return -ENOMEM;
        int fd = open(full, O_PATH | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? negative_errno() : fd;
}

/* The cgroups that a process may be born into, best first: the scope's, that of the container's first process, one of
 * our own. */
static int open_nth_cgroup(const Shim *shim, unsigned n) {
        _cleanup_free_ char *path = NULL, *full = NULL;
        int r;

        switch (n) {
        case 0:
                return open_cgroup(shim->cgroup);
        case 1:
                r = process_cgroup(shim->container->pid, &path);
                if (r >= 0 && !startswith(path, shim->cgroup))
                        r = -EXDEV;
                return r < 0 ? r : open_cgroup(path);
        default:
                path = string_join(shim->cgroup, "/" EXEC_CGROUP);
                full = path ? string_join(CGROUP_ROOT, path) : NULL;
                if (!full)
                        return -ENOMEM;
                return mkdir(full, 0755) < 0 && errno != EEXIST ? negative_errno() : open_cgroup(path);
        }
}

/* Children are born into the pid namespace that is set here; the process itself never changes its own. */
static int set_pid_namespace(int fd) {
        return setns(fd, CLONE_NEWPID) < 0 ? negative_errno() : 0;
}

/* preferred: its cgroup, if that will do; may be NULL. */
static pid_t fork_in_container(const Shim *shim, const char *preferred, int *ret_pidfd) {
        _cleanup_close_ int own = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
        pid_t pid = -EBUSY;

        if (own < 0)
                return negative_errno();
        int r = set_pid_namespace(shim->container->pidfd);
        if (r < 0)
                return r;
        _cleanup_close_ int first = preferred ? open_cgroup(preferred) : -EBADF;
        if (first >= 0)
                pid = fork_into(first, 0, ret_pidfd);
        for (unsigned n = 0; n < 3 && pid == -EBUSY; n++) {
                _cleanup_close_ int cgroup = open_nth_cgroup(shim, n);
                if (cgroup >= 0)
                        pid = fork_into(cgroup, 0, ret_pidfd);
        }
        if (pid == 0)
                return 0;
        r = set_pid_namespace(own);
        return r < 0 && pid < 0 ? r : pid;
}

static int exec_fork(Shim *shim, Session *session, const ExecSpec *spec, bool with_output,
                     const char *cgroup) {
        _cleanup_close_ int channel = -EBADF;
        SessionPipes pipes = { { -EBADF, -EBADF, -EBADF } };
        int sockets[2], r = 0;

        if (!spec->terminal && with_output)
                r = session_make_pipes(session, spec->open_stdin, true, shim->spec.uid_base, &pipes);
        if (r >= 0)
                r = socket_pair(SOCK_SEQPACKET, 0, sockets);
        if (r >= 0) {
                session->channel = sockets[0];
                channel = sockets[1];
                session->pid = fork_in_container(shim, cgroup, &session->pidfd);
                if (session->pid == 0)
                        exec_run(shim, spec, channel, &pipes);
                r = session->pid < 0 ? session->pid : fd_set_nonblock(session->channel, true);
                if (r >= 0)
                        (void) shim_set_oom_score(shim, session->pid, NULL);
        }
        close_many(pipes.fds, 3);
        return r;
}

/* Whatever goes wrong is reported as the end of the session. */
static void exec_begin(Shim *shim, Session *session, const ExecSpec *spec, bool with_output,
                       const char *cgroup) {
        int r;

        if (!shim->container->started || shim->container->exited)
                r = error_set(&session->error, ERROR_NOT_RUNNING, "the container is not running");
        else {
                r = exec_fork(shim, session, spec, with_output, cgroup);
                /* ENOMEM is how the kernel says that the pid namespace has lost its first process. */
                if (r == -ESRCH || r == -ENOMEM || r == -ENOENT)
                        error_set(&session->error, ERROR_NOT_RUNNING, "the container has just ended");
                else if (r < 0)
                        error_set_errno(&session->error, r, "cannot make a process in the container");
        }
        if (r < 0)
                session_fail(session);
}

static Session *exec_new(Shim *shim, const ExecSpec *spec) {
        Session *session = session_new(shim, strempty(spec->id));

        if (!session)
                return NULL;
        session->terminal = spec->terminal;
        session->next = shim->execs;
        shim->execs = session;
        return session;
}

void exec_start(Shim *shim, ExecSpec *spec, int fd) {
        Session *session = exec_new(shim, spec);
        bool has_client = fd >= 0;

        if (!session) {
                safe_close(fd);
                return;
        }
        if (has_client && session_attach(session, fd, spec->open_stdin, true, !spec->terminal) < 0)
                session_fail(session);
        else
                exec_begin(shim, session, spec, has_client, NULL);
}

void exec_start_captured(Shim *shim, const ExecSpec *spec, const char *cgroup, size_t limit, Session **ret) {
        Session *session = exec_new(shim, spec);

        if (!session)
                return;
        session->capture_limit = limit;
        *ret = session;
        exec_begin(shim, session, spec, true, cgroup);
}
