/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd-util.h"
#include "launch-namespace.h"
#include "namespace.h"
#include "process-util.h"
#include "string-util.h"
#include "strv.h"

/* Mostly one clone3(2) makes all namespaces. When some are those of another container, or time is shifted, it takes a
 * midwife: a process that enters what is shared, in which order matters, and then makes the first process there with
 * CLONE_PARENT, so that this is the shim's child all the same. The shim's own namespaces never change. */

static const struct {
        size_t offset;
        int flag;
        const char *file;
} kinds[] = {
        { offsetof(LaunchSpec, network), CLONE_NEWNET, "net" },
        { offsetof(LaunchSpec, ipc), CLONE_NEWIPC, "ipc" },
        { offsetof(LaunchSpec, uts), CLONE_NEWUTS, "uts" },
        { offsetof(LaunchSpec, pid), CLONE_NEWPID, "pid" },
        /* The last: with it goes the right to enter those of the host. */
        { offsetof(LaunchSpec, user_namespace), CLONE_NEWUSER, "user" },
};
#define N_KINDS ELEMENTSOF(kinds)

static const LaunchNamespace *namespace_of(const LaunchSpec *spec, size_t kind) {
        return (const LaunchNamespace *) ((const char *) spec + kinds[kind].offset);
}

static bool has_kind(const LaunchSpec *spec, size_t kind) {
        return kinds[kind].flag != CLONE_NEWUSER || spec->uid_count > 0;
}

static uint64_t new_namespaces(const LaunchSpec *spec) {
        uint64_t flags = CLONE_NEWNS;

        for (size_t i = 0; i < N_KINDS; i++)
                if (has_kind(spec, i) && namespace_of(spec, i)->mode == LAUNCH_PRIVATE)
                        flags |= kinds[i].flag;
        return flags;
}

int namespaces_to_join(const LaunchSpec *spec) {
        int flags = CLONE_NEWNS | (strv_isempty(spec->time_offsets) ? 0 : CLONE_NEWTIME);

        for (size_t i = 0; i < N_KINDS; i++)
                if (has_kind(spec, i) && kinds[i].flag != CLONE_NEWPID &&
                    namespace_of(spec, i)->mode != LAUNCH_HOST)
                        flags |= kinds[i].flag;
        return flags | (spec->cgroup.mode == LAUNCH_HOST ? 0 : CLONE_NEWCGROUP);
}

static int append_range(StringBuffer *text, uint32_t inside, uint32_t outside, uint32_t count) {
        return count > 0 ? string_buffer_appendf(text, "%u %u %u\n", inside, outside, count) : 0;
}

char *id_map_lines(uint32_t base, uint32_t count, uint32_t keep) {
        _cleanup_(string_buffer_done) StringBuffer text = {};
        uint32_t before = keep > 0 ? MIN(keep, count) : count;
        int r = append_range(&text, 0, base, before);

        if (r >= 0 && keep > 0)
                r = append_range(&text, keep, keep, 1);
        if (r >= 0 && keep > 0 && keep < count)
                r = append_range(&text, keep + 1, base + keep + 1, count - keep - 1);
        return r >= 0 ? TAKE_PTR(text.data) : NULL;
}

/* ---- the midwife ---- */

/* What she says: with r < 0 only which step failed. The pidfd is in the table of descriptors, which both share. */
typedef struct Birth {
        int r;
        char step[64];
        pid_t pid;
        int pidfd;
} Birth;

static int write_time_offsets(char *const *offsets) {
        _cleanup_close_ int fd = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
        int r = fd < 0 ? negative_errno() : 0;

        for (size_t i = 0; offsets && offsets[i] && r >= 0; i++) {
                char line[64];
                r = time_offset_line(offsets[i], line);
                if (r >= 0 && write(fd, line, strlen(line)) < 0)
                        r = negative_errno();
        }
        return r;
}

static int shift_time(const LaunchSpec *spec, Birth *birth) {
        if (strv_isempty(spec->time_offsets))
                return 0;
        (void) snprintf(birth->step, sizeof(birth->step), "make a time namespace");
        int r = unshare(CLONE_NEWTIME) < 0 ? negative_errno() : 0;
        if (r < 0)
                return r;
        (void) snprintf(birth->step, sizeof(birth->step), "shift the clocks by the time offsets");
        return write_time_offsets(spec->time_offsets);
}

static int enter(const LaunchSpec *spec, const int *fds, Birth *birth) {
        int r = shift_time(spec, birth);

        for (size_t i = 0; i < N_KINDS && r >= 0; i++) {
                if (fds[i] < 0)
                        continue;
                (void) snprintf(birth->step, sizeof(birth->step),
                                "join the %s namespace of the other container", kinds[i].file);
                if (setns(fds[i], kinds[i].flag) < 0)
                        r = negative_errno();
        }
        return r;
}

/* Returns 0 in the container's first process only. */
static int deliver(const LaunchSpec *spec, const int *fds, int report) {
        Birth birth = { .pidfd = -EBADF };

        birth.r = enter(spec, fds, &birth);
        if (birth.r >= 0) {
                (void) snprintf(birth.step, sizeof(birth.step), "make the container's namespaces");
                birth.pid = fork_sibling(new_namespaces(spec), &birth.pidfd);
                if (birth.pid == 0)
                        return 0;
                birth.r = MIN(birth.pid, 0);
        }
        (void) !write(report, &birth, sizeof(birth));
        _exit(0);
}

static pid_t fork_by_midwife(const LaunchSpec *spec, const int *fds, int *ret_pidfd, Error *error) {
        _cleanup_close_ int pidfd = -EBADF;
        Birth birth = {};
        siginfo_t info;
        int ends[2];

        if (pipe2(ends, O_CLOEXEC) < 0)
                return error_set_errno(error, negative_errno(), "cannot make a pipe");
        _cleanup_close_ int report = ends[0], her_end = ends[1];
        pid_t midwife = fork_into(-EBADF, CLONE_FILES, &pidfd);
        if (midwife == 0)
                return deliver(spec, fds, her_end);
        if (midwife < 0)
                return error_set_errno(error, midwife, "cannot make a process");
        (void) waitid(P_PIDFD, pidfd, &info, WEXITED);
        her_end = safe_close(her_end);
        if (read_full(report, &birth, sizeof(birth)) != sizeof(birth))
                return error_set_errno(error, -EIO, "cannot make the container's namespaces");
        if (birth.r < 0)
                return error_set_errno(error, birth.r, "cannot %s", birth.step);
        *ret_pidfd = birth.pidfd;
        return birth.pid;
}

/* ---- */

static void close_kinds(int *fds) {
        close_many(fds, N_KINDS);
}

static int open_shared(const LaunchSpec *spec, int *fds, Error *error) {
        for (size_t i = 0; i < N_KINDS; i++) {
                const LaunchNamespace *shared = namespace_of(spec, i);
                if (!has_kind(spec, i) || shared->mode != LAUNCH_JOIN)
                        continue;
                int fd = namespace_open(shared, kinds[i].file);
                if (fd == -ESRCH)
                        return error_set(error, ERROR_NOT_RUNNING,
                                         "the container whose %s namespace is to be shared has ended",
                                         kinds[i].file);
                if (fd < 0)
                        return error_set_errno(error, fd,
                                               "cannot open the %s namespace that is to be shared",
                                               kinds[i].file);
                fds[i] = fd;
        }
        return 0;
}

pid_t namespaces_fork(const LaunchSpec *spec, int *ret_pidfd, Error *error) {
        int fds[N_KINDS] = { -EBADF, -EBADF, -EBADF, -EBADF, -EBADF };
        bool shares = false;

        for (size_t i = 0; i < N_KINDS; i++)
                shares |= has_kind(spec, i) && namespace_of(spec, i)->mode == LAUNCH_JOIN;
        if (!shares && strv_isempty(spec->time_offsets)) {
                pid_t pid = fork_into(-EBADF, new_namespaces(spec), ret_pidfd);
                return pid < 0 ? error_set_errno(error, pid, "cannot make the container's namespaces") : pid;
        }
        pid_t pid = open_shared(spec, fds, error);
        if (pid >= 0)
                pid = fork_by_midwife(spec, fds, ret_pidfd, error);
        close_kinds(fds);
        return pid;
}
