/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "byte-stream.h"
#include "container-files.h"
#include "fd-util.h"
#include "file-compare.h"
#include "file-util.h"
#include "report.h"
#include "sandbox.h"
#include "string-util.h"
#include "strv.h"

/* What is different between the files of two images, each seen as a container would see it: both are mounted, and their
 * directories walked side by side. "A /path" is in the second only, "D /path" in the first only (of a directory, all of it), "C /path"
 * in both and not the same; in the order of the walk, each ended by NUL.
 *
 * Images that have something to be compared for share most of their layers. What can differ is only where a layer has something
 * that is not among the lowest ones that both have: other directories are passed over, with all below. */

#define DEPTH_MAX 1000 /* below that, open files would become many */
#define ASPECTS                                                                             \
        (FILE_DIFFERS_TYPE | FILE_DIFFERS_MODE | FILE_DIFFERS_OWNER | FILE_DIFFERS_XATTRS | \
         FILE_DIFFERS_CONTENT)

typedef struct ImageDiff {
        int *layers; /* the directories of what is not shared */
        size_t n_layers;
        Sink output;
} ImageDiff;

/* A directory in both images; -EBADF in one that does not have it. */
typedef struct Pair {
        int a, b;
        const char *path; /* without a "/" at either end */
        unsigned depth;
} Pair;

static int out_of_memory(Error *error) {
        return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
}

static int failed(Error *error, int r, const char *path) {
        if (r == -ECANCELED)
                return worker_set_cancelled(error);
        return error_set_errno(error, r, "can't compare \"/%.200s\"", path);
}

static int write_line(ImageDiff *diff, char kind, const char *path, Error *error) {
        _cleanup_free_ char *line = format_string("%c /%s", kind, path);

        if (!line)
                return out_of_memory(error);
        return sink_write(&diff->output, line, strlen(line) + 1, error);
}

/* ---- what can differ ---- */

static int open_layers(ImageDiff *diff, char *const *directories, size_t n, Error *error) {
        for (size_t i = 0; i < n; i++) {
                int fd = open(directories[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
                if (fd < 0)
                        return error_set_errno(error, negative_errno(), "can't open the layer %s",
                                               directories[i]);
                diff->layers[diff->n_layers++] = fd;
        }
        return 0;
}

/* Both lists end with the lowest layer. */
static int open_own_layers(ImageDiff *diff, char *const *a, char *const *b, Error *error) {
        size_t n = strv_length(a), m = strv_length(b);

        while (n > 0 && m > 0 && streq(a[n - 1], b[m - 1])) {
                n--;
                m--;
        }
        diff->layers = new_array(int, n + m + 1);
        if (!diff->layers)
                return out_of_memory(error);
        int r = open_layers(diff, a, n, error);
        return r < 0 ? r : open_layers(diff, b, m, error);
}

/* Too much may be said to be touched, never too little: a layer that takes a directory away has its parent. */
static bool is_touched(const ImageDiff *diff, const char *path) {
        for (size_t i = 0; i < diff->n_layers; i++) {
                _cleanup_close_ int fd =
                        open_in_root(diff->layers[i], isempty(path) ? "." : path, O_PATH | O_NOFOLLOW, 0);
                if (fd >= 0)
                        return true;
        }
        return false;
}

/* ---- one name ---- */

/* The same inode of the same layer, which overlayfs shows under the same number. */
static bool is_same_file(const struct stat *a, const struct stat *b) {
        return !S_ISDIR(a->st_mode) && !S_ISDIR(b->st_mode) && a->st_ino == b->st_ino &&
               a->st_size == b->st_size && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
               a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* The file as an O_PATH fd, or -ENOENT. */
static int open_entry(int dir_fd, const char *name, struct stat *ret) {
        _cleanup_close_ int fd =
                dir_fd < 0 ? -ENOENT : openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

        if (fd < 0)
                return dir_fd < 0 ? -ENOENT : negative_errno();
        return fstat(fd, ret) < 0 ? negative_errno() : TAKE_FD(fd);
}

static int compare(ImageDiff *diff, int a, const struct stat *st_a, int b, const struct stat *st_b,
                   const char *path, Error *error) {
        if (is_same_file(st_a, st_b))
                return 0;
        int r = file_compare(a, st_a, b, st_b, ASPECTS, worker_cancelled);
        if (r < 0)
                return failed(error, r, path);
        return r > 0 ? write_line(diff, 'C', path, error) : 0;
}

static int walk(ImageDiff *diff, const Pair *pair, Error *error);

static int open_directory(int fd, const struct stat *st) {
        if (fd < 0 || !S_ISDIR(st->st_mode))
                return -EBADF;
        int directory = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return directory < 0 ? negative_errno() : directory;
}

static int descend(ImageDiff *diff, int a, const struct stat *st_a, int b, const struct stat *st_b,
                   const char *path, unsigned depth, Error *error) {
        if (b < 0 || !S_ISDIR(st_b->st_mode))
                return 0;
        /* What is wholly new is listed wholly, whatever layer it is in: the other image may just have removed it. */
        if (a >= 0 && S_ISDIR(st_a->st_mode) && !is_touched(diff, path))
                return 0;
        _cleanup_close_ int directory_a = open_directory(a, st_a), directory_b = open_directory(b, st_b);
        if (directory_b < 0 || (directory_a < 0 && directory_a != -EBADF))
                return failed(error, MIN(directory_a, directory_b), path);
        return walk(diff, &(Pair){ directory_a, directory_b, path, depth + 1 }, error);
}

static int compare_name(ImageDiff *diff, const Pair *pair, const char *name, Error *error) {
        _cleanup_free_ char *path = isempty(pair->path) ? strdup(name) : string_join(pair->path, "/", name);
        struct stat st_a = {}, st_b = {};

        if (!path)
                return out_of_memory(error);
        if (worker_cancelled())
                return worker_set_cancelled(error);
        _cleanup_close_ int a = open_entry(pair->a, name, &st_a), b = open_entry(pair->b, name, &st_b);
        if ((a < 0 && a != -ENOENT) || (b < 0 && b != -ENOENT))
                return failed(error, a < 0 && a != -ENOENT ? a : b, path);
        /* overlayfs lists a whiteout that hides nothing, though there is no such file. */
        if (a < 0 && b < 0)
                return 0;
        int r = a < 0   ? write_line(diff, 'A', path, error)
                : b < 0 ? write_line(diff, 'D', path, error)
                        : compare(diff, a, &st_a, b, &st_b, path, error);
        return r < 0 ? r : descend(diff, a, &st_a, b, &st_b, path, pair->depth, error);
}

/* ---- a directory ---- */

static int names_of(int fd, char ***ret) {
        return fd < 0 ? 0 : list_directory_at(fd, ".", ret);
}

/* Merges the two sorted lists. */
static int compare_names(ImageDiff *diff, const Pair *pair, char **a, char **b, Error *error) {
        int r = 0;

        while (r >= 0 && ((a && *a) || (b && *b))) {
                int order = !a || !*a ? 1 : !b || !*b ? -1 : strcmp(*a, *b);
                r = compare_name(diff, pair, order <= 0 ? *a : *b, error);
                a += order <= 0;
                b += order >= 0;
        }
        return r;
}

static int walk(ImageDiff *diff, const Pair *pair, Error *error) {
        _cleanup_strv_free_ char **a = NULL, **b = NULL;

        if (pair->depth > DEPTH_MAX)
                return error_set(error, ERROR_LIMIT, "\"/%.80s…\" lies more than %d directories deep",
                                 pair->path, DEPTH_MAX);
        int r = names_of(pair->a, &a);
        if (r >= 0)
                r = names_of(pair->b, &b);
        return r < 0 ? failed(error, r, pair->path) : compare_names(diff, pair, a, b, error);
}

/* The roots, which have no name. */
static int compare_roots(ImageDiff *diff, int a, int b, Error *error) {
        struct stat st_a, st_b;

        if (diff->n_layers == 0)
                return 0;
        if (fstat(a, &st_a) < 0 || fstat(b, &st_b) < 0)
                return failed(error, negative_errno(), "");
        int r = compare(diff, a, &st_a, b, &st_b, "", error);
        return r < 0 ? r : descend(diff, a, &st_a, b, &st_b, "", 0, error);
}

/* ---- the verb ---- */

static void image_diff_done(ImageDiff *diff) {
        close_many(diff->layers, diff->n_layers);
        free(diff->layers);
}

int verb_image_diff(Worker *worker, Error *error) {
        const WorkerRequest *request = &worker->request;
        _cleanup_(fd_sink_done) FdSink output = {};
        _cleanup_(image_diff_done) ImageDiff diff = {};
        WorkerResult result = {};

        if (fd_sink_init(&output, worker->fds[0], worker_cancel_fd(), "the list of differences") < 0)
                return out_of_memory(error);
        diff.output = fd_sink(&output);
        int r = open_own_layers(&diff, request->lower, request->other_lower, error);
        if (r < 0)
                return r;
        _cleanup_close_ int a = container_overlay_open(request->lower, NULL, NULL, error);
        if (a < 0)
                return a;
        _cleanup_close_ int b = container_overlay_open(request->other_lower, NULL, NULL, error);
        if (b < 0)
                return b;
        r = sandbox_drop_mounts(WORKER_NEEDS_FILES, error);
        if (r >= 0)
                r = compare_roots(&diff, a, b, error);
        if (r >= 0)
                r = fd_sink_flush(&output, error);
        return r < 0 ? r : report_result(worker, &result, error);
}
