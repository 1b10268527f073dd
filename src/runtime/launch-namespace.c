/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd-util.h"
#include "file-util.h"
#include "launch-namespace.h"
#include "parse-util.h"
#include "process-util.h"
#include "string-util.h"

#define OFFSET_MAX INT64_C(0xffffffff) /* seconds: 136 years */

int namespace_open(const LaunchNamespace *shared, const char *file) {
        char path[64];

        _cleanup_close_ int pidfd = process_open(shared->leader, shared->start_time);
        if (pidfd < 0)
                return pidfd;
        (void) snprintf(path, sizeof(path), "/proc/%d/ns/%s", shared->leader, file);
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT ? -ESRCH : negative_errno();
        /* Had it ended meanwhile, the path could have been another process's. */
        int r = pidfd_signal(pidfd, 0);
        return r < 0 ? r : TAKE_FD(fd);
}

/* A mount can only be cloned by who is in its mount namespace. Nothing but a directory of that container is trusted there:
 * its root may have put a link in place of /dev/shm. */
static int clone_there(int mount_namespace) {
        if (setns(mount_namespace, CLONE_NEWNS) < 0)
                return negative_errno();
        _cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        _cleanup_close_ int place =
                root < 0 ? negative_errno() : open_in_root(root, "/dev/shm", O_PATH | O_DIRECTORY, 0);
        if (place < 0)
                return place;
        int fd = open_tree(place, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
        return fd < 0 ? negative_errno() : fd;
}

int shared_memory_open(const LaunchNamespace *shared, Error *error) {
        static const char what[] = "cannot open /dev/shm of the container whose IPC namespace is shared";
        _cleanup_close_ int pidfd = -EBADF, namespace = namespace_open(shared, "mnt");
        siginfo_t info;
        int ends[2], fd = -EIO;

        if (namespace < 0)
                return error_set_errno(error, namespace, "%s", what);
        if (pipe2(ends, O_CLOEXEC) < 0)
                return error_set_errno(error, negative_errno(), "%s", what);
        _cleanup_close_ int report = ends[0], its_end = ends[1];
        /* The table of descriptors is one, so the number is all there is to tell. */
        pid_t pid = fork_into(-EBADF, CLONE_FILES, &pidfd);
        if (pid == 0) {
                fd = clone_there(namespace);
                (void) !write(its_end, &fd, sizeof(fd));
                _exit(0);
        }
        if (pid < 0)
                return error_set_errno(error, pid, "%s", what);
        (void) waitid(P_PIDFD, pidfd, &info, WEXITED);
        its_end = safe_close(its_end);
        if (read_full(report, &fd, sizeof(fd)) != sizeof(fd))
                fd = -EIO;
        return fd < 0 ? error_set_errno(error, fd, "%s", what) : fd;
}

int time_offset_line(const char *assignment, char ret[static 64]) {
        static const char *const clocks[] = { "monotonic=", "boottime=" };
        const char *value = NULL;
        char seconds[16] = {}, fraction[10] = "000000000";

        for (size_t i = 0; i < ELEMENTSOF(clocks) && !value; i++)
                value = startswith(assignment, clocks[i]);
        if (!value)
                return -EINVAL;
        bool negative = *value == '-';
        if (strchr("+-", *value) && *value)
                value++;
        size_t whole = strspn(value, "0123456789");
        const char *rest = value + whole;
        size_t digits = *rest == '.' ? strspn(rest + 1, "0123456789") : 0;
        if (whole == 0 || whole >= sizeof(seconds) || digits > 9 ||
            (*rest && (digits == 0 || rest[1 + digits])))
                return -EINVAL;
        memcpy(seconds, value, whole);
        memcpy(fraction, rest + 1, digits);
        uint64_t s, ns = strtoul(fraction, NULL, 10);
        if (parse_u64(seconds, &s) < 0 || s > OFFSET_MAX)
                return -ERANGE;
        /* The kernel counts nanoseconds upwards, whatever the sign of the seconds. */
        int64_t signed_seconds = negative ? -(int64_t) s - (ns > 0) : (int64_t) s;
        if (negative && ns > 0)
                ns = 1000000000 - ns;
        (void) snprintf(ret, 64, "%.*s %lld %llu\n", (int) strcspn(assignment, "="), assignment,
                        (long long) signed_seconds, (unsigned long long) ns);
        return 0;
}
