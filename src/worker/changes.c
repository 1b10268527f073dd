/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "byte-stream.h"
#include "container-files.h"
#include "fd-util.h"
#include "file-util.h"
#include "overlay.h"
#include "report.h"
#include "sandbox.h"
#include "string-util.h"
#include "strv.h"

/* What a container has changed, as `docker diff` shows it: its upper directory against its image, which is mounted by
 * itself. "A /path" is new, "C /path" was changed (or holds something that was), "D /path" is gone; sorted by path, each
 * ended by NUL. */

typedef struct Changes {
        int base_fd; /* the image's root */
        Sink output;
        /* Directories on the way to where we are that have not been shown: each is, once something below it is. */
        char **unshown;
} Changes;

static int out_of_memory(Error *error) {
        return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
}

static int write_line(Changes *changes, char kind, const char *path, Error *error) {
        _cleanup_free_ char *line = format_string("%c /%s", kind, path);

        if (!line)
                return out_of_memory(error);
        return sink_write(&changes->output, line, strlen(line) + 1, error);
}

static int show(Changes *changes, char kind, const char *path, Error *error) {
        STRV_FOREACH(directory, changes->unshown) {
                int r = write_line(changes, 'C', *directory, error);
                if (r < 0)
                        return r;
        }
        changes->unshown = strv_free(changes->unshown);
        return write_line(changes, kind, path, error);
}

/* 1: the image has it. */
static int stat_base(Changes *changes, const char *path, struct stat *ret) {
        _cleanup_close_ int fd =
                open_in_root(changes->base_fd, isempty(path) ? "." : path, O_PATH | O_NOFOLLOW, 0);

        if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP)
                return 0;
        if (fd < 0 || fstat(fd, ret) < 0)
                return fd < 0 ? fd : negative_errno();
        /* A base layer by itself may show a whiteout as a device. */
        return !overlay_stat_is_whiteout(ret);
}

static bool directory_itself_changed(const struct stat *a, const struct stat *b) {
        return a->st_mode != b->st_mode || a->st_uid != b->st_uid || a->st_gid != b->st_gid;
}

/* An opaque directory hides what the image has in it; what the container did not put there again is gone. */
static int add_hidden_names(Changes *changes, int fd, const char *path, char ***names, Error *error) {
        _cleanup_strv_free_ char **hidden = NULL;
        bool added = false;

        if (overlay_is_opaque(fd) <= 0)
                return 0;
        _cleanup_close_ int base =
                open_in_root(changes->base_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
        if (base < 0)
                return 0; /* the image has no such directory */
        if (list_directory_at(base, ".", &hidden) < 0)
                return out_of_memory(error);
        STRV_FOREACH(name, hidden)
                if (!strv_contains(*names, *name)) {
                        if (strv_extend(names, *name) < 0)
                                return out_of_memory(error);
                        added = true;
                }
        if (added)
                strv_sort(*names);
        return 0;
}

static int walk(Changes *changes, int fd, const char *path, bool base_has_it, unsigned depth, Error *error);

static int walk_directory(Changes *changes, int dir_fd, const char *name, const char *path,
                          const struct stat *st, const struct stat *base, unsigned depth, Error *error) {
        size_t before = strv_length(changes->unshown);
        int r = 0;

        if (!base)
                r = show(changes, 'A', path, error);
        else if (!S_ISDIR(base->st_mode) || directory_itself_changed(st, base))
                r = show(changes, 'C', path, error);
        else if (strv_extend(&changes->unshown, path) < 0)
                r = out_of_memory(error);
        if (r < 0)
                return r;
        _cleanup_close_ int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0)
                r = walk(changes, fd, path, base && S_ISDIR(base->st_mode), depth + 1, error);
        else if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
                r = error_set_errno(error, negative_errno(), "can't read \"%.200s\"", path);
        /* Nothing below it was shown: then it was only opened for writing. */
        while (strv_length(changes->unshown) > before) {
                char **last = &changes->unshown[strv_length(changes->unshown) - 1];
                free(*last);
                *last = NULL;
        }
        return r;
}

static int compare_entry(Changes *changes, int dir_fd, const char *name, const char *path,
                         bool base_has_parent, unsigned depth, Error *error) {
        struct stat st, base;

        int in_base = base_has_parent ? stat_base(changes, path, &base) : 0;
        if (in_base < 0)
                return error_set_errno(error, in_base, "can't look at \"%.200s\" of the image", path);
        if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
                if (errno != ENOENT)
                        return error_set_errno(error, negative_errno(), "can't look at \"%.200s\"", path);
                return in_base ? show(changes, 'D', path, error) : 0; /* a hidden name */
        }
        if (overlay_stat_is_whiteout(&st))
                return in_base ? show(changes, 'D', path, error) : 0;
        if (S_ISDIR(st.st_mode))
                return walk_directory(changes, dir_fd, name, path, &st, in_base ? &base : NULL, depth,
                                      error);
        if (!in_base && container_file_is_mount_point(path, &st))
                return 0;
        return show(changes, in_base ? 'C' : 'A', path, error);
}

#define DEPTH_MAX 1000 /* below that, open files would become many */

static int walk(Changes *changes, int fd, const char *path, bool base_has_it, unsigned depth, Error *error) {
        _cleanup_strv_free_ char **names = NULL;

        if (depth > DEPTH_MAX)
                return error_set(error, ERROR_LIMIT, "\"%.80s…\" lies more than %d directories deep", path,
                                 DEPTH_MAX);
        int r = list_directory_at(fd, ".", &names);
        if (r < 0)
                return error_set_errno(error, r, "can't read \"%.200s\"", path);
        r = base_has_it ? add_hidden_names(changes, fd, isempty(path) ? "." : path, &names, error) : 0;
        if (r < 0)
                return r;
        STRV_FOREACH(name, names) {
                _cleanup_free_ char *child = isempty(path) ? strdup(*name) : string_join(path, "/", *name);
                if (!child)
                        return out_of_memory(error);
                if (worker_cancelled())
                        return worker_set_cancelled(error);
                r = compare_entry(changes, fd, *name, child, base_has_it, depth, error);
                if (r < 0)
                        return r;
        }
        return 0;
}

int verb_changes(Worker *worker, Error *error) {
        _cleanup_(fd_sink_done) FdSink output = {};
        WorkerResult result = {};

        if (fd_sink_init(&output, worker->fds[0], worker_cancel_fd(), "the list of changes") < 0)
                return out_of_memory(error);
        _cleanup_close_ int base_fd = container_overlay_open(worker->request.lower, NULL, NULL, error);
        if (base_fd < 0)
                return base_fd;
        _cleanup_close_ int upper_fd =
                open(strempty(worker->request.upper), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (upper_fd < 0)
                return error_set_errno(error, negative_errno(), "can't open the container's files");
        int r = sandbox_drop_mounts(WORKER_NEEDS_FILES, error);
        if (r < 0)
                return r;
        Changes changes = { .base_fd = base_fd, .output = fd_sink(&output) };
        r = walk(&changes, upper_fd, "", true, 0, error);
        strv_free(changes.unshown);
        if (r >= 0)
                r = fd_sink_flush(&output, error);
        return r < 0 ? r : report_result(worker, &result, error);
}
