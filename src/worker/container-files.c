/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "container-files.h"
#include "fd-util.h"
#include "file-util.h"
#include "path-util.h"
#include "process-util.h"
#include "sandbox.h"
#include "string-util.h"
#include "strv.h"

#define MOUNT_POINT "/mnt"   /* made by the sandbox, as is this: */
#define EMPTY_LAYER "/empty" /* overlayfs wants two layers at least */
#define LINKS_MAX 40

/* ---- running ---- */

static int not_running(Error *error) {
        return error_set(error, ERROR_NOT_RUNNING, "the container has just ended");
}

static int enter_user_namespace(int pidfd, Error *error) {
        if (setns(pidfd, CLONE_NEWUSER) < 0 || setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 ||
            setresuid(0, 0, 0) < 0)
                return error_set_errno(error, negative_errno(),
                                       "can't enter the container's user namespace");
        return 0;
}

static int open_running(const WorkerRequest *request, Error *error) {
        char path[sizeof("/proc//root") + 3 * sizeof(pid_t)];

        _cleanup_close_ int pidfd = process_open(request->leader, request->leader_start_time);
        if (pidfd == -ESRCH)
                return not_running(error);
        if (pidfd < 0)
                return error_set_errno(error, pidfd, "can't find the container's first process");
        snprintf(path, sizeof(path), "/proc/%d/root", request->leader);
        _cleanup_close_ int root_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        /* If it still lives after the opening, it was its root that was opened. */
        struct pollfd ended = { .fd = pidfd, .events = POLLIN };
        if (poll(&ended, 1, 0) != 0)
                return not_running(error);
        if (root_fd < 0)
                return error_set_errno(error, negative_errno(), "can't reach the container's files");
        int r = request->uid_count > 0 ? enter_user_namespace(pidfd, error) : 0;
        return r < 0 ? r : TAKE_FD(root_fd);
}

/* ---- stopped ---- */

/* Layers are named by descriptors, relative to /proc/self/fd: then 500 of them fit into the page that mount(2) takes. */
static int append_layer(StringBuffer *options, const char *separator, const char *path, Error *error) {
        int fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW); /* until exec; there is none */

        if (fd < 0)
                return error_set_errno(error, negative_errno(), "can't open the layer %s", path);
        if (string_buffer_appendf(options, "%s%d", separator, fd) >= 0)
                return 0;
        safe_close(fd);
        return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
}

static int overlay_options(char *const *lower, const char *upper, const char *work, StringBuffer *options,
                           Error *error) {
        int r = string_buffer_append_string(options, "userxattr");

        for (char *const *layer = lower; r >= 0 && *layer; layer++)
                r = append_layer(options, layer == lower ? ",lowerdir=" : ":", *layer, error);
        if (r >= 0 && !upper && strv_length(lower) < 2)
                r = append_layer(options, ":", EMPTY_LAYER, error);
        if (r >= 0 && upper)
                r = append_layer(options, ",upperdir=", upper, error);
        if (r >= 0 && upper)
                r = append_layer(options, ",workdir=", work, error);
        return r;
}

int container_overlay_open(char *const *lower, const char *upper, const char *work, Error *error) {
        _cleanup_(string_buffer_done) StringBuffer options = {};
        unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOATIME | (upper ? 0 : MS_RDONLY);

        if (strv_isempty(lower))
                return error_set(error, ERROR_INVALID, "there are no layers");
        int r = overlay_options(lower, upper, work, &options, error);
        if (r < 0)
                return r;
        if (chdir("/proc/self/fd") < 0 || mount("overlay", MOUNT_POINT, "overlay", flags, options.data) < 0)
                return error_set_errno(error, negative_errno(), "can't mount the container's layers");
        int fd = chdir("/") < 0 ? -1 : open(MOUNT_POINT, O_PATH | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? error_set_errno(error, negative_errno(), "can't open the container's root") : fd;
}

static int open_stopped(const WorkerRequest *request, bool writable, Error *error) {
        _cleanup_strv_free_ char **layers = NULL;

        if (isempty(request->upper))
                return error_set(error, ERROR_INVALID, "the request names no container");
        if (writable)
                return container_overlay_open(request->lower, request->upper, request->work, error);
        /* Just to look, the upper directory is one more layer: nothing is written, not even to the work directory. */
        int r = strv_extend(&layers, request->upper);
        for (char **layer = request->lower; r >= 0 && layer && *layer; layer++)
                r = strv_extend(&layers, *layer);
        if (r < 0)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        return container_overlay_open(layers, NULL, NULL, error);
}

int container_files_open(const Worker *worker, bool writable, WorkerNeeds needs, Error *error) {
        const WorkerRequest *request = &worker->request;
        _cleanup_close_ int fd =
                request->leader > 0 ? open_running(request, error) : open_stopped(request, writable, error);

        if (fd < 0)
                return fd;
        int r = sandbox_drop_mounts(needs, error);
        return r < 0 ? r : TAKE_FD(fd);
}

/* ---- paths ---- */

/* The target of the link at `path` below the root, or -EINVAL when it is no link, -ENOENT … */
static int read_link(int root_fd, const char *path, char ret[static PATH_MAX]) {
        _cleanup_close_ int fd = open_in_root(root_fd, path, O_PATH | O_NOFOLLOW, 0);

        if (fd < 0)
                return fd;
        ssize_t n = readlinkat(fd, "", ret, PATH_MAX - 1);
        if (n < 0)
                return errno == ENOENT ? -EINVAL
                                       : negative_errno(); /* ENOENT: the empty path, of what is no link */
        ret[n] = 0;
        return 0;
}

/* Replaces *rest by target, with what is left of it behind. */
static int splice_link(char **done, char **rest, const char *target) {
        _cleanup_free_ char *joined = string_join(target, "/", *rest);

        if (!joined)
                return -ENOMEM;
        free_and_replace(*rest, TAKE_PTR(joined));
        if (target[0] == '/')
                return free_and_strdup(done, "/");
        /* Relative to where the link stands: its own name goes. */
        char *slash = strrchr(*done, '/');
        slash[slash == *done] = 0;
        return 0;
}

int container_path_resolve(int root_fd, const char *path, bool follow, char **ret, Error *error) {
        _cleanup_free_ char *done = strdup("/"), *rest = strdup(path);
        char target[PATH_MAX];
        unsigned links = 0;

        while (done && rest && rest[strspn(rest, "/")]) {
                char *start = rest + strspn(rest, "/");
                size_t n = strcspn(start, "/");
                _cleanup_free_ char *name = strndup(start, n);
                _cleanup_free_ char *next = name ? path_join(done, name) : NULL;
                _cleanup_free_ char *plain = next ? path_normalize(next) : NULL;
                bool last = !start[n + strspn(start + n, "/")];
                char *remaining = strdup(start + n);

                if (!plain || !remaining) {
                        free(remaining);
                        break;
                }
                free_and_replace(rest, remaining);
                free_and_replace(done, TAKE_PTR(plain));
                if ((last && !follow) || read_link(root_fd, done, target) < 0)
                        continue;
                if (++links > LINKS_MAX)
                        return error_set(error, ERROR_INVALID, "too many symbolic links in \"%.200s\"",
                                         path);
                if (splice_link(&done, &rest, target) < 0)
                        break;
        }
        if (!done || !rest || rest[strspn(rest, "/")])
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        *ret = TAKE_PTR(done);
        return 0;
}

bool container_file_is_mount_point(const char *path, const struct stat *st) {
        static const char *const paths[] = { "etc/hostname", "etc/hosts", "etc/resolv.conf" };

        if (!S_ISREG(st->st_mode) || st->st_size > 0)
                return false;
        for (size_t i = 0; i < ELEMENTSOF(paths); i++)
                if (streq(paths[i], path))
                        return true;
        return false;
}
