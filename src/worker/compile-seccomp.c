/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The verb compile-seccomp: a filter of system calls, out of a profile and a container's capabilities, into a cache. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capability.h"
#include "fd-util.h"
#include "file-util.h"
#include "log.h"
#include "report.h"
#include "seccomp-default.h"
#include "seccomp-profile.h"
#include "string-util.h"
#include "strv.h"

/* Where every container has a profile of its own there is not much to gain from a cache. A container that has been started
 * keeps its filter by a link. */
#define CACHED_MAX 256

static int compile(const Worker *worker, SyscallFilter *ret, Error *error) {
        _cleanup_(seccomp_profile_done) SeccompProfile profile = {};
        const char *text =
                isempty(worker->request.profile) ? seccomp_default_profile : worker->request.profile;
        SeccompTarget target;
        uint64_t capabilities;

        int r = capabilities_from_names(worker->request.capabilities, &capabilities, error);
        if (r < 0)
                return r;
        r = seccomp_target_get(capabilities, &target);
        if (r < 0)
                return error_set_errno(error, r, "can't tell the version of the kernel");
        r = seccomp_profile_read(text, strlen(text), &target, &profile, error);
        return r < 0 ? r : seccomp_profile_compile(&profile, ret, error);
}

/* The oldest of the directory, if there are too many. */
static int find_surplus(int directory_fd, char **ret) {
        _cleanup_strv_free_ char **names = NULL;
        const char *oldest = NULL;
        time_t age = 0;
        struct stat st;

        int r = list_directory_at(directory_fd, ".", &names);
        if (r < 0 || strv_length(names) <= CACHED_MAX)
                return r;
        STRV_FOREACH(name, names)
                if (fstatat(directory_fd, *name, &st, AT_SYMLINK_NOFOLLOW) >= 0 &&
                    (!oldest || st.st_mtime < age)) {
                        oldest = *name;
                        age = st.st_mtime;
                }
        return free_and_strdup(ret, oldest);
}

static void sweep(int directory_fd) {
        _cleanup_free_ char *name = NULL;

        int r = find_surplus(directory_fd, &name);
        if (r >= 0 && name && unlinkat(directory_fd, name, 0) < 0)
                r = negative_errno();
        if (r < 0 && r != -ENOENT)
                log_warning_errno(r, "Failed to remove old filters: %m");
}

int verb_compile_seccomp(Worker *worker, Error *error) {
        _cleanup_(syscall_filter_done) SyscallFilter filter = {};
        const char *name = strempty(worker->request.name);

        int r = compile(worker, &filter, error);
        if (r < 0)
                return error_prefix(error, r, "%s",
                                    isempty(worker->request.profile) ? "berth's own seccomp profile"
                                                                     : "the seccomp profile is of no use");
        _cleanup_close_ int fd = open(worker->request.state_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        r = fd < 0 ? negative_errno() : syscall_filter_write_at(fd, name, &filter);
        if (r < 0)
                return error_set_errno(error, r, "can't write the filter of system calls %s", name);
        sweep(fd);
        return report_result(worker, &(WorkerResult){}, error);
}
