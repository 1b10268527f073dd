/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "child-message.h"
#include "delegate.h"
#include "fd-util.h"
#include "file-util.h"
#include "log.h"
#include "mount-source.h"
#include "namespace.h"
#include "path-util.h"
#include "process-util.h"
#include "shim.h"
#include "string-util.h"
#include "time-util.h"
#include "ulimit.h"

static int write_proc(pid_t pid, const char *file, const char *text) {
        char path[64];

        (void) snprintf(path, sizeof(path), "/proc/%d/%s", (int) pid, file);
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);
        return fd < 0 ? negative_errno() : write_full(fd, text, strlen(text));
}

static int write_id_map(const Shim *shim, const char *file, uint32_t keep) {
        _cleanup_free_ char *lines = id_map_lines(shim->spec.uid_base, shim->spec.uid_count, keep);

        return lines ? write_proc(shim->container->pid, file, lines) : -ENOMEM;
}

/* Those of another container's user namespace are there already. */
static int give_ids(Shim *shim, Error *error) {
        const LaunchSpec *spec = &shim->spec;
        int r = 0;

        if (spec->uid_count == 0)
                return 0;
        if (spec->user_namespace.mode == LAUNCH_PRIVATE) {
                r = write_id_map(shim, "uid_map", spec->keep_uid);
                if (r >= 0)
                        r = write_id_map(shim, "gid_map", spec->keep_gid);
        }
        if (r >= 0)
                r = child_send(shim->container->channel, CHILD_MAPPED, -EBADF);
        return r < 0 ? error_set_errno(error, r, "cannot give the user namespace the ids %u to %u",
                                       spec->uid_base, spec->uid_base + spec->uid_count - 1)
                     : 0;
}

static int open_namespace(pid_t pid, const char *name) {
        char path[64];

        (void) snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int) pid, name);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        return fd < 0 ? negative_errno() : fd;
}

/* A volatile overlay leaves a mark that makes the kernel refuse its next mount, since what was written may not have
 * reached the disk if the machine crashed. Such a container does not outlive the boot, let alone a crash. */
static int forget_volatile(const LaunchSpec *spec) {
        _cleanup_free_ char *mark = path_join(spec->work, "work/incompat");

        return mark ? remove_tree_at(AT_FDCWD, mark) : -ENOMEM;
}

int shim_set_oom_score(const Shim *shim, pid_t pid, Error *error) {
        char text[16];

        if (!shim->resets_oom_score && shim->spec.oom_score_adj == 0)
                return 0;
        (void) snprintf(text, sizeof(text), "%d", shim->spec.oom_score_adj);
        int r = write_proc(pid, "oom_score_adj", text);
        return r < 0 && shim->spec.oom_score_adj != 0
                       ? error_set_errno(error, r, "this host forbids the OOM score adjustment %s", text)
                       : 0;
}

/* The mounts that init waits for, in the order of the plan. */
static int send_mounts(Shim *shim, const Plan *plan, Error *error) {
        _cleanup_close_ int userns = -EBADF;

        if (shim->spec.uid_count > 0) {
                userns = open_namespace(shim->container->pid, "user");
                if (userns < 0)
                        return error_set_errno(error, userns, "cannot open the container's user namespace");
        }
        for (size_t i = 0; i < plan->n_ops; i++) {
                if (!op_needs_mount(&plan->ops[i]))
                        continue;
                _cleanup_close_ int fd = mount_source_open(&plan->ops[i], userns, error);
                if (fd < 0)
                        return fd;
                int r = child_send(shim->container->channel, CHILD_MOUNT, fd);
                /* When init has given up it has said why, and that is what to report. */
                if (r == -EPIPE || r == -ECONNRESET)
                        return 0;
                if (r < 0)
                        return error_set_errno(error, r, "cannot hand over the mount of %s",
                                               plan->ops[i].source);
        }
        return 0;
}

static int make_init(Shim *shim, const Plan *plan, Error *error) {
        const LaunchSpec *spec = &shim->spec;
        Session *session = shim->container;
        SessionPipes pipes = { { -EBADF, -EBADF, -EBADF } };
        _cleanup_close_ int channel = -EBADF;
        int sockets[2], r = 0;

        if (!spec->terminal)
                r = session_make_pipes(session, spec->open_stdin, true, spec->uid_base, &pipes);
        if (r >= 0)
                r = socket_pair(SOCK_SEQPACKET, 0, sockets);
        if (r < 0) {
                close_many(pipes.fds, 3);
                return error_set_errno(error, r, "cannot make the container's streams");
        }
        session->channel = sockets[0];
        channel = sockets[1];

        session->pid = namespaces_fork(spec, &session->pidfd, error);
        if (session->pid == 0)
                init_run(shim, plan, channel, &pipes);
        close_many(pipes.fds, 3);
        return MIN(session->pid, 0);
}

static void hold_namespaces(Shim *shim) {
        static const char *const names[] = {
                [NAMESPACE_MOUNT] = "mnt", [NAMESPACE_IPC] = "ipc", [NAMESPACE_NETWORK] = "net"
        };

        for (size_t i = 0; i < _NAMESPACE_MAX; i++)
                if ((i != NAMESPACE_NETWORK || shim->spec.network.mode == LAUNCH_PRIVATE) &&
                    (i != NAMESPACE_IPC || shim->spec.ipc.mode == LAUNCH_PRIVATE))
                        shim->namespaces[i] = open_namespace(shim->container->pid, names[i]);
}

int shim_start(Shim *shim, Error *error) {
        _cleanup_(plan_done) Plan plan = {};
        Session *session = shim->container;

        session->journal = &shim->journal;
        session->terminal = shim->spec.terminal;
        session->stdin_once = shim->spec.stdin_once;
        int r = plan_build(&shim->spec, &plan, error);
        if (r >= 0 && shim->spec.volatile_upper && (r = forget_volatile(&shim->spec)) < 0)
                error_set_errno(error, r, "cannot prepare the work directory %s", shim->spec.work);
        if (r >= 0)
                r = make_init(shim, &plan, error);
        if (r < 0)
                return r;

        r = give_ids(shim, error);
        if (r >= 0) {
                r = process_start_time(session->pid, &shim->start_time);
                if (r < 0)
                        error_set_errno(error, r, "cannot read the container's start time");
        }
        if (r < 0) {
                session_kill(session);
                return r;
        }
        /* From here on init waits for GO, and lives that long whatever happens: berthd has it put into a scope, and systemd would
         * never see the end of one whose only process was dead when it came. */
        control_send(shim, SHIM_CREATED,
                     &(ShimMessage){ .pid = session->pid, .start_time = shim->start_time });
        r = send_mounts(shim, &plan, error);
        if (r >= 0)
                r = shim_set_oom_score(shim, session->pid, error);
        if (r >= 0)
                hold_namespaces(shim);
        int nonblock = fd_set_nonblock(session->channel, true);
        return r < 0 ? r : nonblock;
}

void shim_go(Shim *shim, const char *cgroup) {
        if (shim->cgroup || shim->container->exited)
                return;
        shim->cgroup = strdup(strempty(cgroup));
        if (shim->container->error.kind != ERROR_NONE) {
                session_kill(shim->container);
                return;
        }
        int r = shim->cgroup ? 0 : -ENOMEM;
        /* Not sooner: what init does until here needs descriptors and memory, however little its command may have. */
        if (r >= 0)
                r = ulimits_apply(shim->spec.ulimits, shim->container->pid, &shim->container->error);
        if (r >= 0 && shim->spec.delegate_cgroup)
                r = cgroup_delegate(shim->cgroup, shim->spec.uid_base, &shim->container->error);
        if (r < 0 || child_send(shim->container->channel, CHILD_GO, -EBADF) < 0)
                session_kill(shim->container);
}

/* With the first process the kernel ends the whole pid namespace; when that is not the container's own, the rest of the
 * container lives on, and its cgroup is what tells who belongs to it. */
void shim_init_ended(Shim *shim) {
        if (shim->spec.pid.mode == LAUNCH_PRIVATE || isempty(shim->cgroup))
                return;
        _cleanup_free_ char *path = string_join("/sys/fs/cgroup", shim->cgroup, "/cgroup.kill");
        _cleanup_close_ int fd = path ? open(path, O_WRONLY | O_CLOEXEC) : -EBADF;
        if (fd < 0 || write(fd, "1", 1) < 0)
                log_warning("Failed to end the other processes of the container %s.", shim->spec.name);
}

void shim_abort_start(Shim *shim, const char *why) {
        Session *session = shim->container;

        if (session->started || session->exited)
                return;
        error_set(&session->error, ERROR_START_FAILED, "the start was given up: %s", why);
        session_kill(session);
}

void shim_session_started(Session *session) {
        if (health_owns(session))
                return;
        if (session->id)
                exec_report(session->shim, SHIM_EXEC_STARTED, session);
        else {
                health_begin(session->shim);
                session->shim->record.started = realtime_usec();
                control_send(session->shim, SHIM_STARTED,
                             &(ShimMessage){ .started = session->shim->record.started });
        }
        session->shim->has_garbage = true;
}

/* memory.events of the scope tells whether the kernel killed for want of memory in it. */
static bool was_oom_killed(const Shim *shim) {
        _cleanup_free_ char *path = NULL, *text = NULL;
        size_t size;

        if (isempty(shim->cgroup))
                return false;
        path = string_join("/sys/fs/cgroup", shim->cgroup, "/memory.events");
        if (!path || read_file_at(AT_FDCWD, path, 4096, &text, &size) < 0)
                return false;
        const char *field = strstr(text, "\noom_kill ");
        return field && field[strlen("\noom_kill ")] != '0';
}

static void write_record(Shim *shim) {
        int r = object_save_at(&exit_record_type, &shim->record, AT_FDCWD, "exit.json", false);

        if (r < 0)
                log_error_errno(r, "Failed to write exit.json of the container %s: %m", shim->spec.name);
        shim->has_ended = true;
        control_send(shim, SHIM_EXITED, &(ShimMessage){ .exit = shim->record });
}

static void fill_record(ExitRecord *record, int exit_code, const Error *error) {
        record->exit_code = exit_code;
        record->finished = realtime_usec();
        if (error->kind != ERROR_NONE) {
                (void) free_and_strdup(&record->error_kind, error_kind_to_string(error->kind));
                (void) free_and_strdup(&record->error, error->message);
        }
}

void shim_session_ended(Session *session) {
        Shim *shim = session->shim;

        if (health_session_ended(session))
                return;
        if (session->id) {
                exec_report(shim, SHIM_EXEC_EXITED, session);
                return;
        }
        fill_record(&shim->record, session->exit_code, &session->error);
        shim->record.oom_killed = was_oom_killed(shim);
        write_record(shim);
}
