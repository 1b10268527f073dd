/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "fd-util.h"
#include "file-util.h"
#include "overlay.h"
#include "pack-internal.h"
#include "string-util.h"
#include "strv.h"
#include "tree.h"

/* Directories that are still to be read, deepest last: no recursion, and no descriptor is held for a level, so the depth
 * costs nothing but the length of a path. */
typedef struct Pending {
        char **paths; /* below the root; "" is the root */
        size_t n, allocated;
} Pending;

static int out_of_memory(Error *error) {
        return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
}

static void pending_done(Pending *pending) {
        for (size_t i = 0; i < pending->n; i++)
                free(pending->paths[i]);
        free(pending->paths);
}

/* No symbolic link on the way, nor a mount: what was a directory a moment ago may be a link by now. */
static int open_plain(int root_fd, const char *path, int flags) {
        struct open_how how = {
                .flags = flags | O_CLOEXEC,
                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
        };
        int fd = syscall(SYS_openat2, root_fd, isempty(path) ? "." : path, &how, sizeof(how));

        return fd < 0 ? negative_errno() : fd;
}

static char *join_name(const char *directory, const char *name) {
        return isempty(directory) ? strdup(name) : string_join(directory, "/", name);
}

static char *archive_path(const Packing *p, const char *path) {
        if (isempty(path))
                return strdup(isempty(p->options->prefix) ? "." : p->options->prefix);
        return join_name(p->options->prefix, path);
}

/* Overlay inside overlay marks with an attribute, not with a device. */
static bool has_whiteout_mark(int fd, const struct stat *st) {
        char path[FD_PATH_MAX];

        return S_ISREG(st->st_mode) && st->st_size == 0 &&
               getxattr(fd_path(fd, path), OVERLAY_XATTR_WHITEOUT, NULL, 0) >= 0;
}

static int pack_whiteout(Packing *p, const char *directory, const char *name, Error *error) {
        _cleanup_free_ char *hidden = string_join(WHITEOUT_PREFIX, name);
        _cleanup_free_ char *inside = hidden ? join_name(directory, hidden) : NULL;
        _cleanup_free_ char *path = inside ? archive_path(p, inside) : NULL;

        return path ? pack_marker(p, path, error) : out_of_memory(error);
}

static int check_name(Packing *p, const char *path, const char *name, Error *error) {
        if (p->options->upper && startswith(name, WHITEOUT_PREFIX))
                return error_set(error, ERROR_UNSUPPORTED,
                                 "\"%.200s\" can't be in an image: names that begin with .wh. mean that a "
                                 "file is gone",
                                 path);
        return 0;
}

/* Returns 1 for a directory that is to be read, 0 when all is done. */
static int pack_child(Packing *p, int dir_fd, dev_t device, const char *directory, const char *name,
                      char **ret_path, Error *error) {
        _cleanup_free_ char *path = join_name(directory, name), *shown = path ? archive_path(p, path) : NULL;
        struct stat st;

        if (!shown)
                return out_of_memory(error);
        _cleanup_close_ int fd = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0)
                return errno == ENOENT ? 0 : pack_failed(error, negative_errno(), shown);
        if (p->options->upper && (overlay_stat_is_whiteout(&st) || has_whiteout_mark(fd, &st)))
                return pack_whiteout(p, directory, name, error);
        if (p->options->skip && p->options->skip(path, &st))
                return 0;
        int r = check_name(p, shown, name, error);
        if (r >= 0)
                r = pack_entry(p, fd, &st, shown, error);
        if (r < 0 || !S_ISDIR(st.st_mode) || st.st_dev != device)
                return r;
        *ret_path = TAKE_PTR(path);
        return 1;
}

static int pack_opaque(Packing *p, int fd, const char *path, Error *error) {
        int opaque = overlay_is_opaque(fd);

        if (opaque <= 0)
                return opaque < 0 ? pack_failed(error, opaque, path) : 0;
        _cleanup_free_ char *inside = join_name(path, WHITEOUT_OPAQUE),
                            *shown = inside ? archive_path(p, inside) : NULL;
        return shown ? pack_marker(p, shown, error) : out_of_memory(error);
}

/* Its files, and its directories onto the stack, in an order such that the first name is taken off first. */
static int pack_directory(Packing *p, int root_fd, const char *path, Pending *pending, Error *error) {
        _cleanup_strv_free_ char **names = NULL;
        struct stat st;

        _cleanup_close_ int fd = open_plain(root_fd, path, O_RDONLY | O_DIRECTORY);
        if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP || fd == -EXDEV)
                return 0; /* it was replaced since we saw it */
        if (fd == -ENAMETOOLONG)
                return error_set(error, ERROR_LIMIT, "\"%.80s…\" lies deeper than an archive can say", path);
        if (fd < 0 || fstat(fd, &st) < 0)
                return pack_failed(error, fd < 0 ? fd : negative_errno(), path);
        int r = p->options->upper ? pack_opaque(p, fd, path, error) : 0;
        if (r < 0)
                return r;
        r = list_directory_at(fd, ".", &names);
        if (r < 0)
                return pack_failed(error, r, path);

        size_t first = pending->n;
        STRV_FOREACH(name, names) {
                char *child = NULL;
                if (p->options->cancelled && p->options->cancelled())
                        return error_set(error, ERROR_CANCELLED, "cancelled");
                r = pack_child(p, fd, st.st_dev, path, *name, &child, error);
                if (r < 0)
                        return r;
                if (r == 0)
                        continue;
                if (array_reserve(&pending->paths, &pending->allocated, pending->n + 1, sizeof(char *)) <
                    0) {
                        free(child);
                        return out_of_memory(error);
                }
                pending->paths[pending->n++] = child;
        }
        for (size_t low = first, high = pending->n; low + 1 < high; low++, high--) {
                char *swap = pending->paths[low];
                pending->paths[low] = pending->paths[high - 1];
                pending->paths[high - 1] = swap;
        }
        return 0;
}

static int pack_all(Packing *p, int root_fd, Error *error) {
        _cleanup_(pending_done) Pending pending = {};
        int r = pack_directory(p, root_fd, "", &pending, error);

        while (r >= 0 && pending.n > 0) {
                _cleanup_free_ char *path = pending.paths[--pending.n];
                r = pack_directory(p, root_fd, path, &pending, error);
        }
        return r;
}

static int pack_root(Packing *p, int root_fd, Error *error) {
        _cleanup_free_ char *path = archive_path(p, "");
        _cleanup_close_ int fd = openat(root_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct stat st;

        if (!path)
                return out_of_memory(error);
        if (fd < 0 || fstat(fd, &st) < 0)
                return pack_failed(error, negative_errno(), path);
        return pack_entry(p, fd, &st, path, error);
}

static void packing_done(Packing *p) {
        link_table_done(&p->links);
        free(p->buffer);
}

int pack_tree(int root_fd, const PackOptions *options, TarWriter *writer, Error *error) {
        _cleanup_(packing_done)
                Packing p = { .options = options, .writer = writer, .buffer = malloc(PACK_BUFFER_SIZE) };

        if (!p.buffer)
                return out_of_memory(error);
        int r = options->skip_root ? 0 : pack_root(&p, root_fd, error);
        return r < 0 ? r : pack_all(&p, root_fd, error);
}

int pack_file(int dir_fd, const char *name, const PackOptions *options, TarWriter *writer, Error *error) {
        _cleanup_(packing_done)
                Packing p = { .options = options, .writer = writer, .buffer = malloc(PACK_BUFFER_SIZE) };
        struct stat st;

        if (!p.buffer)
                return out_of_memory(error);
        _cleanup_close_ int fd = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0)
                return pack_failed(error, negative_errno(), name);
        if (S_ISDIR(st.st_mode))
                return error_set(error, ERROR_FAILED, "\"%.200s\" became a directory", name);
        if (S_ISSOCK(st.st_mode))
                return error_set(error, ERROR_UNSUPPORTED,
                                 "\"%.200s\" is a socket, which no archive can hold", name);
        return pack_entry(&p, fd, &st, options->prefix, error);
}
