/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd-util.h"
#include "file-util.h"
#include "path-util.h"
#include "root-path.h"
#include "string-util.h"

#define LINKS_MAX 40

/* What open_step() came to at one component. */
enum { STEP_MADE, STEP_IS_LINK };

static int read_link(int parent_fd, const char *name, char **ret) {
        char target[PATH_MAX];
        ssize_t n = readlinkat(parent_fd, name, target, sizeof(target));

        if (n < 0)
                return negative_errno();
        if (n == sizeof(target))
                return -ENAMETOOLONG;
        *ret = strndup(target, n);
        return *ret ? 0 : -ENOMEM;
}

/* Makes the last component of prefix, of which openat2 says that it does not exist. When it is a symlink (which then
 * leads to something missing), *ret_link is its content. */
static int make_component(int root_fd, const char *prefix, size_t parent_length, bool directory,
                          char **ret_link) {
        _cleanup_free_ char *parent = strndup(prefix, parent_length);
        const char *name = prefix + parent_length;

        if (!parent)
                return -ENOMEM;
        while (*name == '/')
                name++;
        _cleanup_close_ int parent_fd =
                open_in_root(root_fd, isempty(parent) ? "/" : parent, O_PATH | O_DIRECTORY, 0);
        if (parent_fd < 0)
                return parent_fd;

        if (directory) {
                if (mkdirat(parent_fd, name, 0755) >= 0)
                        return STEP_MADE;
        } else {
                _cleanup_close_ int fd =
                        openat(parent_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
                if (fd >= 0)
                        return STEP_MADE;
        }
        if (errno != EEXIST)
                return negative_errno();
        int r = read_link(parent_fd, name, ret_link);
        return r < 0 ? r : STEP_IS_LINK;
}

/* Finds the first component of path that is missing and makes it. STEP_IS_LINK: it is a dangling symlink, and
 * *ret_path is the path with it replaced by its content. */
static int make_first_missing(int root_fd, const char *path, TargetType type, char **ret_path) {
        for (size_t end = 0, start;; end = start + strcspn(path + start, "/")) {
                start = end + strspn(path + end, "/");
                size_t component_end = start + strcspn(path + start, "/");
                if (component_end == start)
                        return -EINVAL;

                _cleanup_free_ char *prefix = strndup(path, component_end), *link = NULL;
                if (!prefix)
                        return -ENOMEM;
                bool last = path[component_end + strspn(path + component_end, "/")] == 0;
                _cleanup_close_ int fd = open_in_root(root_fd, prefix, O_PATH, 0);
                if (fd >= 0)
                        continue;
                if (fd != -ENOENT)
                        return fd;

                int r = make_component(root_fd, prefix, end, !last || type == TARGET_DIRECTORY, &link);
                if (r != STEP_IS_LINK)
                        return r;
                prefix[end] = 0;
                *ret_path = path_is_absolute(link) ? string_join(link, path + component_end)
                                                   : string_join(prefix, "/", link, path + component_end);
                return *ret_path ? STEP_IS_LINK : -ENOMEM;
        }
}

static int check_type(int fd, TargetType type) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return negative_errno();
        if (type == TARGET_DIRECTORY && !S_ISDIR(st.st_mode))
                return -ENOTDIR;
        if (type == TARGET_FILE && S_ISDIR(st.st_mode))
                return -EISDIR;
        return 0;
}

int root_open_target(int root_fd, const char *path, TargetType type) {
        _cleanup_free_ char *current = strdup(path);
        unsigned links = 0;

        if (!current)
                return -ENOMEM;
        if (strlen(path) >= PATH_MAX)
                return -ENAMETOOLONG;
        for (;;) {
                _cleanup_close_ int fd = open_in_root(root_fd, current, O_PATH, 0);
                _cleanup_free_ char *replaced = NULL;
                int r;

                if (fd >= 0) {
                        r = check_type(fd, type);
                        return r < 0 ? r : TAKE_FD(fd);
                }
                if (fd != -ENOENT)
                        return fd;
                r = make_first_missing(root_fd, current, type, &replaced);
                if (r < 0)
                        return r;
                if (r == STEP_IS_LINK) {
                        if (++links > LINKS_MAX || strlen(replaced) >= PATH_MAX)
                                return -ELOOP;
                        free_and_replace(current, TAKE_PTR(replaced));
                }
        }
}

int root_open_parent(int root_fd, const char *path, const char **ret_name) {
        const char *name = path_basename(path);

        if (isempty(name) || streq(name, ".") || streq(name, ".."))
                return -EINVAL;
        _cleanup_free_ char *parent = strndup(path, name - path);
        if (!parent)
                return -ENOMEM;
        int fd = root_open_target(root_fd, isempty(parent) ? "/" : parent, TARGET_DIRECTORY);
        if (fd >= 0)
                *ret_name = name;
        return fd;
}
