/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child-message.h"
#include "fd-util.h"
#include "file-util.h"
#include "log.h"
#include "mount-source.h"
#include "plan-apply.h"
#include "process-util.h"
#include "process.h"
#include "shim.h"
#include "string-util.h"

/* Mounts that come and go while the container runs. A helper does it, since the source may be on a file system that does not
 * answer, and since only a process can join namespaces: it opens the source as the shim does at a start, joins the
 * container's user namespace, makes what has to be made in a mount namespace of its own, joins the container's and attaches
 * it there. What it finds at the target is resolved below the container's root, whatever the container does meanwhile.
 *
 * A mount is taken away only if it is the one that was made for that target: the kernel's id of each is kept. By then the
 * path may lead elsewhere, to a mask of /proc for example, which must stay. */

#define TASKS_MAX 32

struct MountTask {
        MountTask *next;
        char *id, *target;
        bool removes, answered;
        int pidfd, channel;
        uint64_t mount_id; /* of the mount that is there now */
        Error error;
};

static MountTask *task_free(MountTask *task) {
        if (!task)
                return NULL;
        safe_close(task->pidfd);
        safe_close(task->channel);
        error_done(&task->error);
        free(task->id);
        free(task->target);
        free(task);
        return NULL;
}
DEFINE_CLEANUP(MountTask *, task_free);

/* The unique one where the kernel has it (Linux 6.8), since others are used again. */
static uint64_t mount_id_of(int fd) {
        struct statx st;

#ifdef STATX_MNT_ID_UNIQUE
        if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID_UNIQUE, &st) >= 0 &&
            (st.stx_mask & STATX_MNT_ID_UNIQUE))
                return st.stx_mnt_id;
#endif
        return statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &st) >= 0 && (st.stx_mask & STATX_MNT_ID)
                       ? st.stx_mnt_id
                       : 0;
}

/* ---- what is mounted ---- */

static int remember(Shim *shim, const char *target, uint64_t id) {
        char *copy = strdup(target);
        int r = copy ? array_reserve(&shim->mounts, &shim->n_mounts_allocated, shim->n_mounts + 1,
                                     sizeof(*shim->mounts))
                     : -ENOMEM;

        if (r < 0) {
                free(copy);
                return r;
        }
        shim->mounts[shim->n_mounts++] = (ShimMount){ copy, id };
        return 0;
}

static ShimMount *find(Shim *shim, const char *target) {
        for (size_t i = 0; i < shim->n_mounts; i++)
                if (streq(shim->mounts[i].target, target))
                        return &shim->mounts[i];
        return NULL;
}

static void forget(Shim *shim, const char *target) {
        ShimMount *mount = find(shim, target);

        if (!mount)
                return;
        free(mount->target);
        *mount = shim->mounts[--shim->n_mounts];
}

void shim_mounted(Shim *shim, int fd) {
        size_t n = shim->n_mounts;

        /* Init makes them in their order. */
        for (size_t i = 0; i < shim->spec.mounts.n; i++) {
                const LaunchMount *mount = LIST_ITEM(&shim->spec.mounts, LaunchMount, i);
                if (!mount->of_spec || n-- > 0)
                        continue;
                if (remember(shim, mount->target, mount_id_of(fd)) < 0)
                        log_oom();
                return;
        }
}

/* ---- the helper ---- */

static void close_others(int a, int b) {
        unsigned low = MIN(a, b), high = MAX(a, b);

        if (low > 3)
                (void) close_range(3, low - 1, 0);
        if (high > low + 1)
                (void) close_range(low + 1, high - 1, 0);
        (void) close_range(high + 1, ~0U, 0);
}

static int join_user_namespace(const Shim *shim, int leader, Error *error) {
        /* It has the host's memory: nothing for the container to look into. */
        if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
                return error_set_errno(error, negative_errno(), "cannot become invisible");
        if (shim->spec.uid_count == 0)
                return 0;
        if (setns(leader, CLONE_NEWUSER) < 0)
                return error_set_errno(error, negative_errno(),
                                       "cannot join the container's user namespace");
        int r = process_become_root();
        return r < 0 ? error_set_errno(error, r, "cannot become root of the user namespace") : 0;
}

static int open_user_namespace(const Shim *shim) {
        char path[64];

        if (shim->spec.uid_count == 0)
                return -EBADF;
        (void) snprintf(path, sizeof(path), "/proc/%d/ns/user", (int) shim->container->pid);
        return open(path, O_RDONLY | O_CLOEXEC);
}

static int open_sources(const Shim *shim, const Plan *plan, PlanContext *context, Error *error) {
        _cleanup_close_ int userns = open_user_namespace(shim);

        context->sources = new_array(int, plan->n_ops);
        if (!context->sources)
                return error_set_errno(error, -ENOMEM, "cannot mount");
        for (size_t i = 0; i < plan->n_ops; i++) {
                if (!op_needs_mount(&plan->ops[i]))
                        continue;
                int fd = mount_source_open(&plan->ops[i], userns, error);
                if (fd < 0)
                        return fd;
                context->sources[context->n_sources++] = fd;
        }
        return 0;
}

/* Takes the mount away whose root this descriptor is, wherever it is now: umount2(2) knows only paths, and one in
 * /proc/self/fd leads to exactly that. */
static int detach_fd(int own_fds, int fd) {
        char name[16];

        (void) snprintf(name, sizeof(name), "%d", fd);
        return fchdir(own_fds) < 0 || umount2(name, MNT_DETACH) < 0 ? negative_errno() : 0;
}

static int detach(int root, int own_fds, const char *target, uint64_t id, Error *error) {
        _cleanup_close_ int fd = open_in_root(root, target, O_PATH, 0);
        if (fd == -ENOENT || fd == -ENOTDIR || (fd >= 0 && mount_id_of(fd) != id))
                return error_set(error, ERROR_NO_SUCH_FILE, "what was mounted on %s is not there any more",
                                 target);
        if (fd < 0)
                return error_set_errno(error, fd, "cannot open %s", target);
        int r = detach_fd(own_fds, fd);
        return r < 0 ? error_set_errno(error, r, "cannot unmount %s", target) : 0;
}

static int run_add(const Shim *shim, const LaunchMount *mount, int leader, int channel, Error *error) {
        _cleanup_close_ int own_fds = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
        _cleanup_(plan_done) Plan plan = {};
        PlanContext context = PLAN_CONTEXT_INIT;

        context.spec = &shim->spec;
        context.channel = channel;
        context.leader = leader;
        int r = plan_build_mount(&shim->spec, mount, &plan, error);
        if (r >= 0)
                r = open_sources(shim, &plan, &context, error);
        if (r >= 0)
                r = join_user_namespace(shim, leader, error);
        if (r >= 0 && unshare(CLONE_NEWNS) < 0)
                r = error_set_errno(error, negative_errno(), "cannot make a mount namespace");
        if (r >= 0)
                r = plan_apply(&plan, &context, error);
        if (r < 0 && context.attached >= 0)
                (void) detach_fd(own_fds, context.attached);
        return r;
}

static int run_remove(const Shim *shim, const char *target, uint64_t id, int leader, Error *error) {
        _cleanup_close_ int own_fds = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC), root = -EBADF;

        if (own_fds < 0)
                return error_set_errno(error, negative_errno(), "cannot open /proc/self/fd");
        int r = join_user_namespace(shim, leader, error);
        if (r < 0)
                return r;
        if (setns(leader, CLONE_NEWNS) < 0 || (root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
                return error_set_errno(error, negative_errno(),
                                       "cannot join the container's mount namespace");
        return detach(root, own_fds, target, id, error);
}

_noreturn_ static void run_helper(const Shim *shim, const MountTask *task, const LaunchMount *mount,
                                  int channel) {
        int leader = shim->container->pidfd;
        Error error = {};

        reset_signals();
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        close_others(leader, channel);
        umask(022);
        int r = mount ? run_add(shim, mount, leader, channel, &error)
                      : run_remove(shim, task->target, task->mount_id, leader, &error);
        if (r < 0)
                (void) child_send_error(channel, &error);
        _exit(r < 0);
}

/* ---- the task ---- */

static int begin(Shim *shim, MountTask *task, const LaunchMount *mount) {
        int sockets[2];

        int r = socket_pair(SOCK_SEQPACKET, 0, sockets);
        if (r < 0)
                return r;
        _cleanup_close_ int theirs = sockets[1];
        task->channel = sockets[0];
        pid_t pid = fork_into(-EBADF, 0, &task->pidfd);
        if (pid == 0)
                run_helper(shim, task, mount, theirs);
        return pid < 0 ? pid : fd_set_nonblock(task->channel, true);
}

static int check(Shim *shim, const MountTask *task, Error *error) {
        const ShimMount *known = find(shim, task->target);
        size_t n = 0;

        for (const MountTask *other = shim->mount_tasks; other; other = other->next, n++)
                if (streq(other->target, task->target))
                        return error_set(error, ERROR_IN_USE, "the mount on %s is being changed already",
                                         task->target);
        if (n >= TASKS_MAX)
                return error_set(error, ERROR_LIMIT, "%d mounts of the container are being changed already",
                                 TASKS_MAX);
        if (!shim->container->started || shim->container->exited)
                return error_set(error, ERROR_NOT_RUNNING, "the container is not running");
        if (known && !task->removes)
                return error_set(error, ERROR_IN_USE, "something is mounted on %s already", task->target);
        if (!known && task->removes)
                return error_set(error, ERROR_NO_SUCH_FILE, "nothing is mounted on %s", task->target);
        return 0;
}

static void answer(Shim *shim, MountTask *task) {
        ShimMessage message = { .id = task->id };

        if (task->answered)
                return;
        task->answered = true;
        if (task->error.kind != ERROR_NONE) {
                message.exit.error_kind = (char *) error_kind_to_string(task->error.kind);
                message.exit.error = task->error.message;
        }
        control_send(shim, SHIM_MOUNT_DONE, &message);
}

void shim_change_mount(Shim *shim, const char *id, const char *target, const LaunchMount *mount) {
        _cleanup_(task_freep) MountTask *task = new0(MountTask, 1);

        if (task)
                *task = (MountTask){
                        .id = strdup(strempty(id)),
                        .target = strdup(strempty(target)),
                        .removes = !mount,
                        .pidfd = -EBADF,
                        .channel = -EBADF,
                };
        if (!task || !task->id || !task->target) {
                log_oom();
                return;
        }
        int r = check(shim, task, &task->error);
        if (r >= 0) {
                const ShimMount *known = find(shim, task->target);
                task->mount_id = known ? known->id : 0;
                r = begin(shim, task, mount);
                if (r < 0)
                        error_set_errno(&task->error, r, "cannot make a helper for the mount");
        }
        if (r < 0) {
                answer(shim, task);
                return;
        }
        task->next = shim->mount_tasks;
        shim->mount_tasks = TAKE_PTR(task);
}

static void finish(Shim *shim, MountTask *task) {
        siginfo_t info;

        task->channel = safe_close(task->channel);
        (void) waitid(P_PIDFD, task->pidfd, &info, WEXITED);
        if (task->error.kind == ERROR_NONE && !task->removes && task->mount_id == 0)
                error_set(&task->error, ERROR_FAILED, "the helper that mounts died");
        if (task->removes && (task->error.kind == ERROR_NONE || task->error.kind == ERROR_NO_SUCH_FILE))
                forget(shim, task->target);
        else if (!task->removes && task->error.kind == ERROR_NONE &&
                 remember(shim, task->target, task->mount_id) < 0)
                log_oom();
        answer(shim, task);
}

static void on_channel(void *object, int revents) {
        MountTask *task = object;
        _cleanup_close_ int fd = -EBADF;

        int r = child_receive(task->channel, &fd, &task->error);
        if (r == CHILD_MOUNTED)
                task->mount_id = mount_id_of(fd);
        else if (r <= 0 && r != -EAGAIN)
                task->channel = safe_close(task->channel);
}

int mount_tasks_prepare(Shim *shim) {
        int r = 0;

        for (MountTask *task = shim->mount_tasks; task && r >= 0; task = task->next)
                r = poller_add(&shim->poller, task->channel, POLLIN, on_channel, task);
        return r;
}

void mount_tasks_advance(Shim *shim) {
        for (MountTask **p = &shim->mount_tasks; *p;) {
                MountTask *task = *p;
                /* The source may be on a file system that never answers. */
                if (shim->has_ended)
                        (void) pidfd_signal(task->pidfd, SIGKILL);
                else if (task->channel >= 0) {
                        p = &task->next;
                        continue;
                }
                if (!shim->has_ended)
                        finish(shim, task);
                *p = task->next;
                task_free(task);
        }
}

void mounts_done(Shim *shim) {
        for (size_t i = 0; i < shim->n_mounts; i++)
                free(shim->mounts[i].target);
        free(shim->mounts);
}
