/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fd-util.h"
#include "file-util.h"
#include "overlay.h"
#include "string-util.h"
#include "tree.h"

int tree_init(Tree *tree, int root_fd, const char *prefix, bool overlay) {
        *tree = (Tree){ .root_fd = root_fd, .overlay = overlay, .parent_fd = -EBADF };
        while (*prefix == '/')
                prefix++;
        tree->prefix = strdup(prefix);
        return tree->prefix ? 0 : -ENOMEM;
}

void tree_forget(Tree *tree) {
        tree->parent_fd = safe_close(tree->parent_fd);
        tree->parent = (free(tree->parent), NULL);
}

void tree_done(Tree *tree) {
        tree_forget(tree);
        free(tree->prefix);
        tree->prefix = NULL;
}

char *fd_path(int fd, char buffer[static FD_PATH_MAX]) {
        snprintf(buffer, FD_PATH_MAX, "/proc/self/fd/%d", fd);
        return buffer;
}

static int open_directory(Tree *tree, const char *path, size_t n) {
        _cleanup_free_ char *full = format_string("%s/%.*s", tree->prefix, (int) n, path);

        if (!full)
                return -ENOMEM;
        return open_in_root(tree->root_fd, full, O_PATH | O_DIRECTORY, 0);
}

/* A whiteout stands where a directory is wanted: what comes in now is this layer's alone. */
static int replace_whiteout(int dir_fd, const char *name) {
        struct stat st;

        if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return negative_errno();
        if (!overlay_stat_is_whiteout(&st))
                return -ENOTDIR;
        if (unlinkat(dir_fd, name, 0) < 0 || mkdirat(dir_fd, name, 0755) < 0)
                return negative_errno();
        return overlay_set_opaque_at(dir_fd, name);
}

static int make_directory(Tree *tree, int dir_fd, const char *name) {
        if (mkdirat(dir_fd, name, 0755) < 0) {
                if (errno != EEXIST)
                        return negative_errno();
                return tree->overlay ? replace_whiteout(dir_fd, name) : -ENOTDIR;
        }
        if ((tree->uid != 0 || tree->gid != 0) &&
            fchownat(dir_fd, name, tree->uid, tree->gid, AT_SYMLINK_NOFOLLOW) < 0)
                return negative_errno();
        return 0;
}

/* Opens the directory that is the first n bytes of path, component by component, making what is missing. */
static int open_or_make(Tree *tree, const char *path, size_t n) {
        _cleanup_close_ int fd = open_directory(tree, "", 0);

        for (size_t at = 0; fd >= 0 && at < n;) {
                size_t end = at + strcspn(path + at, "/");
                int next = open_directory(tree, path, end);
                if (next == -ENOENT || next == -ENOTDIR) {
                        _cleanup_free_ char *name = strndup(path + at, end - at);
                        if (!name)
                                return -ENOMEM;
                        int r = make_directory(tree, fd, name);
                        if (r < 0)
                                return r;
                        next = open_directory(tree, path, end);
                }
                safe_close(fd);
                fd = next;
                at = end + 1;
        }
        return TAKE_FD(fd);
}

int tree_open_parent(Tree *tree, const char *path, bool create, const char **ret_name, Error *error) {
        const char *slash = strrchr(path, '/');
        size_t n = slash ? slash - path : 0;
        int fd = open_directory(tree, path, n);

        if (create && (fd == -ENOENT || fd == -ENOTDIR))
                fd = open_or_make(tree, path, n);
        if (fd == -ENOTDIR || fd == -ELOOP)
                return error_set(error, ERROR_CORRUPT,
                                 "\"%.80s\" lies below something that is not a directory", path);
        if (fd == -ENAMETOOLONG)
                return error_set(error, ERROR_LIMIT, "the path \"%.80s…\" is too long", path);
        if (fd < 0)
                return error_set_errno(error, fd, "can't open the directory of \"%.200s\"", path);
        *ret_name = slash ? slash + 1 : path;
        return fd;
}

int tree_parent(Tree *tree, const char *path, bool create, const char **ret_name, Error *error) {
        const char *slash = strrchr(path, '/');
        size_t n = slash ? slash - path : 0;
        struct stat st;

        if (tree->parent_fd >= 0 && strlen(tree->parent) == n && memcmp(tree->parent, path, n) == 0) {
                *ret_name = slash ? slash + 1 : path;
                return tree->parent_fd;
        }
        tree_forget(tree);
        _cleanup_free_ char *parent = strndup(path, n);
        if (!parent)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        _cleanup_close_ int fd = tree_open_parent(tree, path, create, ret_name, error);
        if (fd < 0)
                return fd;
        if (fstat(fd, &st) < 0)
                return error_set_errno(error, negative_errno(), "can't look at the directory of \"%.200s\"",
                                       path);
        tree->parent_set_gid = st.st_mode & S_ISGID;
        tree->parent_opaque = -1;
        tree->parent = TAKE_PTR(parent);
        return tree->parent_fd = TAKE_FD(fd);
}

int tree_open_root(Tree *tree, Error *error) {
        int fd = open_in_root(tree->root_fd, isempty(tree->prefix) ? "." : tree->prefix,
                              O_RDONLY | O_DIRECTORY, 0);

        return fd < 0 ? error_set_errno(error, fd, "can't open the directory \"%.200s\"", tree->prefix) : fd;
}
