/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fd-util.h"
#include "file-util.h"
#include "random-util.h"
#include "string-util.h"
#include "strv.h"

int read_file_at(int dir_fd, const char *path, size_t limit, char **ret, size_t *ret_size) {
        _cleanup_close_ int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        _cleanup_(string_buffer_done) StringBuffer buffer = {};
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return negative_errno();
        if (S_ISREG(st.st_mode) && (uint64_t) st.st_size > limit)
                return -EFBIG;

        /* Files of /proc and /sys have no size: read until the end, in pieces. */
        for (;;) {
                int r = array_reserve(&buffer.data, &buffer.allocated,
                                      buffer.size + MAX((size_t) st.st_size, (size_t) 4095) + 1, 1);
                if (r < 0)
                        return r;
                ssize_t k = read_full(fd, buffer.data + buffer.size, buffer.allocated - buffer.size - 1);
                if (k < 0)
                        return k;
                buffer.size += k;
                buffer.data[buffer.size] = 0;
                if (buffer.size > limit)
                        return -EFBIG;
                if (buffer.size < buffer.allocated - 1)
                        break;
        }

        *ret = TAKE_PTR(buffer.data);
        if (ret_size)
                *ret_size = buffer.size;
        return 0;
}

/* ".tmp-XXXXXXXXXXXXXXXX" beside the target: the name that the sweep at start-up knows. */
static char *temporary_path(const char *path) {
        const char *slash = strrchr(path, '/');
        int n = slash ? (int) (slash + 1 - path) : 0;

        return format_string("%.*s.tmp-%016llx", n, path, (unsigned long long) random_u64());
}

static int sync_parent_at(int dir_fd, const char *path) {
        const char *slash = strrchr(path, '/');
        _cleanup_free_ char *parent = slash ? strndup(path, MAX(slash - path, (ptrdiff_t) 1)) : strdup(".");

        if (!parent)
                return -ENOMEM;
        _cleanup_close_ int fd = openat(dir_fd, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || fsync(fd) < 0)
                return negative_errno();
        return 0;
}

/* ext4 writes a file's data out when it replaces another by rename, for programs that forget fsync(): milliseconds. Who
 * does not ask for WRITE_SYNC does not want to wait for that. Exchanging the names is as atomic and costs nothing. */
static int move_into_place(int dir_fd, const char *temporary, const char *path, WriteFlags flags) {
        if (!(flags & (WRITE_SYNC | WRITE_EXCLUSIVE)) &&
            renameat2(dir_fd, temporary, dir_fd, path, RENAME_EXCHANGE) >= 0) {
                (void) unlinkat(dir_fd, temporary, 0);
                return 0;
        }
        return renameat2(dir_fd, temporary, dir_fd, path, (flags & WRITE_EXCLUSIVE) ? RENAME_NOREPLACE : 0) <
                               0
                       ? negative_errno()
                       : 0;
}

int write_file_atomic_at(int dir_fd, const char *path, const void *data, size_t size, mode_t mode,
                         WriteFlags flags) {
        _cleanup_free_ char *temporary = temporary_path(path);

        if (!temporary)
                return -ENOMEM;
        if ((flags & WRITE_EXCLUSIVE) && faccessat(dir_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) >= 0)
                return -EEXIST; /* seen without writing and syncing all first */
        _cleanup_close_ int fd =
                openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
        if (fd < 0)
                return negative_errno();

        int r = write_full(fd, data, size);
        if (r >= 0 && fchmod(fd, mode) < 0)
                r = negative_errno();
        if (r >= 0 && (flags & WRITE_SYNC) && fsync(fd) < 0)
                r = negative_errno();
        if (r >= 0)
                r = move_into_place(dir_fd, temporary, path, flags);
        if (r < 0) {
                (void) unlinkat(dir_fd, temporary, 0);
                return r;
        }
        return (flags & WRITE_SYNC) ? sync_parent_at(dir_fd, path) : 0;
}

int mkdir_parents_at(int dir_fd, const char *path, mode_t mode) {
        _cleanup_free_ char *copy = strdup(path);

        if (!copy)
                return -ENOMEM;
        if (mkdirat(dir_fd, path, mode) >= 0 || errno == EEXIST)
                return 0;
        if (errno != ENOENT)
                return negative_errno();

        for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = 0;
                if (mkdirat(dir_fd, copy, mode) < 0 && errno != EEXIST)
                        return negative_errno();
                *slash = '/';
        }
        if (mkdirat(dir_fd, path, mode) < 0 && errno != EEXIST)
                return negative_errno();
        return 0;
}

int mkdir_open_at(int dir_fd, const char *path, mode_t mode) {
        int r = mkdir_parents_at(dir_fd, path, mode);

        if (r < 0)
                return r;
        int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        return fd < 0 ? negative_errno() : fd;
}

/* Depth is bounded by nothing a stranger controls but memory: each level holds one fd, so very deep trees are
 * flattened first by moving a too deep directory up to the top. */
#define REMOVE_DEPTH_MAX 64

static int remove_children(int top_fd, int fd, dev_t device, unsigned depth);

static int remove_entry(int top_fd, int dir_fd, const char *name, dev_t device, unsigned depth) {
        struct stat st;

        if (unlinkat(dir_fd, name, 0) >= 0 || errno == ENOENT)
                return 0;
        if (errno != EISDIR && errno != EPERM)
                return negative_errno();
        if (unlinkat(dir_fd, name, AT_REMOVEDIR) >= 0 || errno == ENOENT)
                return 0;
        if (errno != ENOTEMPTY && errno != EEXIST)
                return negative_errno();

        if (depth >= REMOVE_DEPTH_MAX) {
                _cleanup_free_ char *flat = format_string(".tmp-%016llx", (unsigned long long) random_u64());
                if (!flat)
                        return -ENOMEM;
                return renameat(dir_fd, name, top_fd, flat) < 0 ? negative_errno() : 1;
        }

        /* A bind mount may be of the same device. */
        struct open_how how = {
                .flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
                .resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV,
        };
        _cleanup_close_ int fd = syscall(SYS_openat2, dir_fd, name, &how, sizeof(how));
        if (fd < 0 || fstat(fd, &st) < 0)
                return negative_errno();
        if (st.st_dev != device)
                return -EXDEV;
        int r = remove_children(top_fd < 0 ? fd : top_fd, fd, device, depth + 1);
        if (r < 0)
                return r;
        if (unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
                return negative_errno();
        return r;
}

/* Returns 1 when a subtree was moved to the top, which then needs another pass. */
static int remove_children(int top_fd, int fd, dev_t device, unsigned depth) {
        _cleanup_closedir_ DIR *dir = opendir_at(fd, ".");
        int moved = 0;

        if (!dir)
                return negative_errno();
        for (;;) {
                errno = 0;
                struct dirent *entry = readdir_no_dot(dir);
                if (!entry)
                        return errno > 0 ? -errno : moved;
                int r = remove_entry(top_fd, fd, entry->d_name, device, depth);
                if (r < 0)
                        return r;
                moved |= r;
        }
}

int remove_tree_at(int dir_fd, const char *path) {
        struct stat st;

        if (unlinkat(dir_fd, path, 0) >= 0 || errno == ENOENT)
                return 0;
        if (errno != EISDIR && errno != EPERM)
                return negative_errno();

        _cleanup_close_ int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT ? 0 : negative_errno();
        if (fstat(fd, &st) < 0)
                return negative_errno();

        int r;
        do
                r = remove_children(fd, fd, st.st_dev, 0);
        while (r > 0);
        if (r < 0)
                return r;
        return unlinkat(dir_fd, path, AT_REMOVEDIR) < 0 && errno != ENOENT ? negative_errno() : 0;
}

int open_in_root(int root_fd, const char *path, int flags, mode_t mode) {
        struct open_how how = {
                .flags = (uint64_t) (flags | O_CLOEXEC),
                .mode = (flags & (O_CREAT | O_TMPFILE)) ? mode : 0,
                .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
        };
        int fd = syscall(SYS_openat2, root_fd, path, &how, sizeof(how));

        return fd < 0 ? negative_errno() : fd;
}

DIR *opendir_at(int dir_fd, const char *path) {
        _cleanup_close_ int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

        if (fd < 0)
                return NULL;
        DIR *dir = fdopendir(fd);
        if (dir)
                TAKE_FD(fd);
        return dir;
}

struct dirent *readdir_no_dot(DIR *dir) {
        for (;;) {
                errno = 0;
                struct dirent *entry = readdir(dir);
                if (!entry || (!streq(entry->d_name, ".") && !streq(entry->d_name, "..")))
                        return entry;
        }
}

int list_directory_at(int dir_fd, const char *path, char ***ret) {
        _cleanup_closedir_ DIR *dir = opendir_at(dir_fd, path);
        _cleanup_strv_free_ char **names = NULL;
        size_t n = 0, allocated = 0;
        struct dirent *entry;

        if (!dir)
                return negative_errno();
        while ((entry = readdir_no_dot(dir))) {
                if (array_reserve(&names, &allocated, n + 2, sizeof(char *)) < 0)
                        return -ENOMEM;
                names[n++] = strdup(entry->d_name);
                names[n] = NULL;
                if (!names[n - 1])
                        return -ENOMEM;
        }
        if (errno > 0)
                return -errno;
        strv_sort(names);
        *ret = TAKE_PTR(names);
        return 0;
}
