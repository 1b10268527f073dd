/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "byte-stream.h"
#include "compress.h"
#include "container-files.h"
#include "extract.h"
#include "fd-util.h"
#include "file-util.h"
#include "pack.h"
#include "path-util.h"
#include "report.h"
#include "string-util.h"
#include "unpack.h"

/* `berthctl cp`, as Docker has it: an archive of one path with the path's last component as the name of all ("get"), an
 * archive unpacked into a directory ("put"), and what a path is ("stat"). A path that ends in "/" or "/." means the
 * directory, so a link at its end is followed. */

#define LOOK (WORKER_NEEDS_FILES)

static int out_of_memory(Error *error) {
        return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
}

static int no_such_file(const char *path, Error *error) {
        return error_set(error, ERROR_NO_SUCH_FILE, "there is no \"%.200s\" in the container", path);
}

static int path_failed(int r, const char *path, Error *error) {
        switch (r) {
        case -ENOENT:
        case -ENOTDIR:
                return no_such_file(path, error);
        case -ELOOP:
                return error_set(error, ERROR_INVALID, "too many symbolic links in \"%.200s\"", path);
        case -ENAMETOOLONG:
                return error_set(error, ERROR_INVALID, "the path \"%.80s…\" is too long", path);
        default:
                return error_set_errno(error, r, "can't open \"%.200s\" in the container", path);
        }
}

/* A path of the request, looked up. */
typedef struct Target {
        char *path; /* normal, absolute, as asked for */
        char *name; /* its last component; "/" for the root */
        int dir_fd; /* where the last component, after following, is */
        char *last; /* its name there; "." for the root */
        struct stat st;
        bool follow;
} Target;

static void target_done(Target *target) {
        free(target->path);
        free(target->name);
        free(target->last);
        safe_close(target->dir_fd);
}

static int target_names(Target *target, const char *path, Error *error) {
        bool directory = endswith(path, "/") || endswith(path, "/.") || streq(path, ".");

        target->path = string_join("/", path);
        if (target->path)
                free_and_replace(target->path, path_normalize(target->path));
        target->name =
                target->path ? strdup(streq(target->path, "/") ? "/" : path_basename(target->path)) : NULL;
        target->follow = target->follow || directory;
        return target->name ? 0 : out_of_memory(error);
}

/* What is at the path, without opening it. The parent is held, so that what is then packed is what was looked at, or at
 * least stands in the same place. */
static int target_open(Target *target, int root_fd, const char *path, Error *error) {
        _cleanup_free_ char *real = NULL;

        target->dir_fd = -EBADF;
        int r = target_names(target, path, error);
        if (r >= 0)
                r = container_path_resolve(root_fd, target->path, target->follow, &real, error);
        if (r < 0)
                return r;
        const char *slash = strrchr(real, '/');
        _cleanup_free_ char *parent = strndup(real, MAX(slash - real, (ptrdiff_t) 1));
        target->last = strdup(slash[1] ? slash + 1 : ".");
        if (!parent || !target->last)
                return out_of_memory(error);
        target->dir_fd = open_in_root(root_fd, parent, O_PATH | O_DIRECTORY, 0);
        if (target->dir_fd < 0)
                return path_failed(target->dir_fd, path, error);
        if (fstatat(target->dir_fd, target->last, &target->st, AT_SYMLINK_NOFOLLOW) < 0)
                return path_failed(negative_errno(), path, error);
        if ((endswith(path, "/") || endswith(path, "/.")) && !S_ISDIR(target->st.st_mode))
                return error_set(error, ERROR_INVALID, "\"%.200s\" in the container is not a directory",
                                 path);
        return 0;
}

/* ---- stat ---- */

static int send_target(Worker *worker, int root_fd, const Target *target, Error *error) {
        _cleanup_free_ char *link = NULL;
        WorkerResult result = {
                .name = target->name,
                .size = target->st.st_size,
                .mode = target->st.st_mode,
                .modified =
                        (uint64_t) target->st.st_mtim.tv_sec * 1000000 + target->st.st_mtim.tv_nsec / 1000,
        };

        if (S_ISLNK(target->st.st_mode)) {
                int r = container_path_resolve(root_fd, target->path, true, &link, error);
                if (r < 0)
                        return r;
                result.link_target = link;
        }
        return report_result(worker, &result, error);
}

int verb_stat(Worker *worker, Error *error) {
        _cleanup_(target_done) Target target = { .dir_fd = -EBADF, .follow = worker->request.follow_link };
        _cleanup_close_ int root_fd = container_files_open(worker, false, LOOK, error);

        if (root_fd < 0)
                return root_fd;
        int r = target_open(&target, root_fd, strempty(worker->request.path), error);
        return r < 0 ? r : send_target(worker, root_fd, &target, error);
}

/* ---- get ---- */

static int pack_target(const Target *target, TarWriter *tar, Error *error) {
        /* The root has no name: its entries stand by themselves. */
        PackOptions options = {
                .prefix = streq(target->name, "/") ? "" : target->name,
                .cancelled = worker_cancelled,
        };

        if (!S_ISDIR(target->st.st_mode))
                return pack_file(target->dir_fd, target->last, &options, tar, error);
        _cleanup_close_ int fd =
                openat(target->dir_fd, target->last, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return path_failed(negative_errno(), target->path, error);
        return pack_tree(fd, &options, tar, error);
}

static int write_target(Worker *worker, const Target *target, Error *error) {
        _cleanup_(fd_sink_done) FdSink output = {};
        _cleanup_(tar_writer_freep) TarWriter *tar = NULL;

        if (fd_sink_init(&output, worker->fds[0], worker_cancel_fd(), "the archive") < 0)
                return out_of_memory(error);
        Sink sink = fd_sink(&output);
        int r = tar_writer_new(&sink, &tar);
        if (r < 0)
                return error_set_errno(error, r, "can't write a tar archive");
        r = pack_target(target, tar, error);
        if (r >= 0)
                r = tar_writer_finish(tar, error);
        return r < 0 ? r : fd_sink_flush(&output, error);
}

int verb_get(Worker *worker, Error *error) {
        _cleanup_(target_done) Target target = { .dir_fd = -EBADF, .follow = worker->request.follow_link };
        _cleanup_close_ int root_fd = container_files_open(worker, false, LOOK, error);

        if (root_fd < 0)
                return root_fd;
        int r = target_open(&target, root_fd, strempty(worker->request.path), error);
        if (r >= 0)
                r = send_target(worker, root_fd, &target, error);
        return r < 0 ? r : write_target(worker, &target, error);
}

/* ---- put ---- */

static int open_directory(int root_fd, const char *path, struct stat *ret, Error *error) {
        _cleanup_close_ int fd = open_in_root(root_fd, path, O_PATH, 0);

        if (fd < 0)
                return path_failed(fd, path, error);
        if (fstat(fd, ret) < 0)
                return path_failed(negative_errno(), path, error);
        if (!S_ISDIR(ret->st_mode))
                return error_set(error, ERROR_INVALID, "\"%.200s\" in the container is not a directory",
                                 path);
        return 0;
}

static int put_archive(Worker *worker, int root_fd, const char *path, const struct stat *directory,
                       Error *error) {
        ExtractOptions options = {
                .no_overwrite_dir_non_dir = worker->request.no_overwrite_dir_non_dir,
                .keep_owner = worker->request.copy_ids,
        };
        _cleanup_(tree_done) Tree tree = { .parent_fd = -EBADF };

        if (tree_init(&tree, root_fd, path, false) < 0)
                return out_of_memory(error);
        tree.uid = directory->st_uid;
        tree.gid = directory->st_gid;
        return unpack_input(worker, &tree, &options, NULL, error);
}

int verb_put(Worker *worker, Error *error) {
        _cleanup_close_ int root_fd = container_files_open(worker, true, LOOK, error);
        const char *path = isempty(worker->request.path) ? "/" : worker->request.path;
        WorkerResult result = {};
        struct stat st;

        if (root_fd < 0)
                return root_fd;
        int r = open_directory(root_fd, path, &st, error);
        if (r >= 0)
                r = put_archive(worker, root_fd, path, &st, error);
        return r < 0 ? r : report_result(worker, &result, error);
}
