/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "copy-tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "fd-util.h"
#include "file-util.h"
#include "hash.h"
#include "string-util.h"
#include "tree.h"
#include "xattr-list.h"

#define DEPTH_MAX 1000
#define CHUNK (1 * MIB)
#define BUFFER (128 * KIB)

/* A file with several names, and the first of them in the copy. */
typedef struct Link {
        struct {
                dev_t device;
                ino_t inode;
        } key;
        char *path; /* below the copy's root */
        UT_hash_handle hh;
} Link;

typedef struct Copying {
        int to_root_fd;
        bool (*cancelled)(void);
        Link *links;
} Copying;

static int failed(Error *error, int r, const char *path) {
        return error_set_errno(error, r, "can't copy \"%.200s\"", isempty(path) ? "/" : path);
}

static int check_cancelled(const Copying *c, Error *error) {
        return c->cancelled && c->cancelled() ? error_set(error, ERROR_CANCELLED, "cancelled") : 0;
}

static void links_done(Copying *c) {
        Link *link, *next;

        HASH_ITER(hh, c->links, link, next) {
                HASH_DELETE(hh, c->links, link);
                free(link->path);
                free(link);
        }
}

/* ---- content ---- */

/* By the kernel where it can; from an overlay into what it lies on it can't (EXDEV). Returns the bytes, 0 at the end. */
static ssize_t copy_chunk(int from, int to, off_t at, size_t size, char *buffer) {
        off_t in = at, out = at;

        ssize_t n = copy_file_range(from, &in, to, &out, size, 0);
        if (n >= 0 || (errno != EXDEV && errno != EINVAL && errno != EOPNOTSUPP && errno != ENOSYS))
                return n < 0 ? negative_errno() : n;
        n = pread(from, buffer, MIN(size, (size_t) BUFFER), at);
        if (n > 0)
                n = pwrite(to, buffer, n, at);
        return n < 0 ? negative_errno() : n;
}

static int copy_range(const Copying *c, int from, int to, off_t at, off_t end, const char *path,
                      Error *error) {
        _cleanup_free_ char *buffer = malloc(BUFFER);

        if (!buffer)
                return failed(error, -ENOMEM, path);
        while (at < end) {
                int r = check_cancelled(c, error);
                if (r < 0)
                        return r;
                ssize_t n = copy_chunk(from, to, at, MIN(end - at, (off_t) CHUNK), buffer);
                if (n < 0)
                        return failed(error, n, path);
                if (n == 0)
                        break; /* it has become shorter */
                at += n;
        }
        return 0;
}

/* Only what has data; the rest stays a hole. */
static int copy_content(const Copying *c, int from, int to, const struct stat *st, const char *path,
                        Error *error) {
        off_t at = 0, end;

        if (st->st_size == 0 || ioctl(to, FICLONE, from) >= 0)
                return 0;
        while ((at = lseek(from, at, SEEK_DATA)) >= 0 && at < st->st_size) {
                end = lseek(from, at, SEEK_HOLE);
                if (end < 0)
                        return failed(error, negative_errno(), path);
                int r = copy_range(c, from, to, at, MIN(end, st->st_size), path, error);
                if (r < 0)
                        return r;
                at = end;
        }
        if (at < 0 && errno != ENXIO)
                return failed(error, negative_errno(), path);
        return ftruncate(to, st->st_size) < 0 ? failed(error, negative_errno(), path) : 0;
}

/* ---- attributes ---- */

static int copy_xattrs(int from, int to) {
        _cleanup_(xattr_list_done) XattrList list = {};
        char path[FD_PATH_MAX];

        int r = xattr_list_read(from, &list);
        for (size_t i = 0; r >= 0 && i < list.n; i++)
                if (setxattr(fd_path(to, path), list.items[i].name, list.items[i].value, list.items[i].size,
                             0) < 0 &&
                    errno != EOPNOTSUPP)
                        r = negative_errno();
        return r;
}

/* In this order: a change of the owner takes the set-id bits and the capabilities away. to may be O_PATH. */
static int copy_attributes(int from, int to, const struct stat *st, const char *path, Error *error) {
        const struct timespec times[] = { st->st_atim, st->st_mtim };
        char name[FD_PATH_MAX];
        int r = 0;

        if (fchownat(to, "", st->st_uid, st->st_gid, AT_EMPTY_PATH) < 0)
                return failed(error, negative_errno(), path);
        if (S_ISLNK(st->st_mode))
                return utimensat(to, "", times, AT_EMPTY_PATH) < 0 ? failed(error, negative_errno(), path)
                                                                   : 0;
        if (chmod(fd_path(to, name), st->st_mode & 07777) < 0 || (r = copy_xattrs(from, to)) < 0 ||
            utimensat(AT_FDCWD, name, times, 0) < 0)
                return failed(error, r < 0 ? r : negative_errno(), path);
        return 0;
}

/* ---- entries ---- */

/* 1: it is in the copy already under another name, and has this one now, too. */
static int find_link(Copying *c, const struct stat *st, int to_dir, const char *name, const char *path,
                     Error *error) {
        Link *link, wanted;

        if (st->st_nlink < 2 || S_ISDIR(st->st_mode))
                return 0;
        memset(&wanted, 0, sizeof(wanted));
        wanted.key.device = st->st_dev;
        wanted.key.inode = st->st_ino;
        HASH_FIND(hh, c->links, &wanted.key, sizeof(wanted.key), link);
        if (link)
                return linkat(c->to_root_fd, link->path, to_dir, name, 0) < 0
                               ? failed(error, negative_errno(), path)
                               : 1;
        link = new0(Link, 1);
        if (link)
                link->path = strdup(path);
        if (!link || !link->path) {
                free(link);
                return failed(error, -ENOMEM, path);
        }
        memcpy(&link->key, &wanted.key, sizeof(link->key));
        HASH_ADD(hh, c->links, key, sizeof(link->key), link);
        return 0;
}

static int copy_directory(Copying *c, int from, int to, const char *path, unsigned depth, Error *error);

/* Held and looked at before it is opened: opening a device could have effects. */
static int copy_regular(const Copying *c, int held, int to_dir, const char *name, const struct stat *st,
                        const char *path, Error *error) {
        char proc[FD_PATH_MAX];

        _cleanup_close_ int from = open(fd_path(held, proc), O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (from < 0)
                return failed(error, negative_errno(), path);
        _cleanup_close_ int to =
                openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (to < 0)
                return failed(error, negative_errno(), path);
        int r = copy_content(c, from, to, st, path, error);
        return r < 0 ? r : copy_attributes(held, to, st, path, error);
}

static int copy_subdirectory(Copying *c, int held, int to_dir, const char *name, const struct stat *st,
                             const char *path, unsigned depth, Error *error) {
        _cleanup_close_ int from = openat(held, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (from < 0 || mkdirat(to_dir, name, 0700) < 0)
                return failed(error, negative_errno(), path);
        _cleanup_close_ int to = openat(to_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (to < 0)
                return failed(error, negative_errno(), path);
        int r = copy_directory(c, from, to, path, depth + 1, error);
        return r < 0 ? r : copy_attributes(held, to, st, path, error);
}

static int copy_node(int held, int to_dir, const char *name, const struct stat *st, const char *path,
                     Error *error) {
        char target[PATH_MAX];

        if (S_ISLNK(st->st_mode)) {
                ssize_t n = readlinkat(held, "", target, sizeof(target) - 1);
                if (n < 0)
                        return failed(error, negative_errno(), path);
                target[n] = 0;
                if (symlinkat(target, to_dir, name) < 0)
                        return failed(error, negative_errno(), path);
        } else if (mknodat(to_dir, name, st->st_mode & S_IFMT, st->st_rdev) < 0)
                return failed(error, negative_errno(), path);
        _cleanup_close_ int to = openat(to_dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        return to < 0 ? failed(error, negative_errno(), path) : copy_attributes(held, to, st, path, error);
}

static bool is_mount_point(int fd) {
        struct statx st;

        return statx(fd, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT, STATX_TYPE, &st) >= 0 &&
               (st.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

static int copy_entry(Copying *c, int from_dir, int to_dir, const char *name, const char *path,
                      unsigned depth, Error *error) {
        _cleanup_close_ int held = openat(from_dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        struct stat st;

        int r = check_cancelled(c, error);
        if (r < 0)
                return r;
        if (held < 0 || fstat(held, &st) < 0)
                return errno == ENOENT ? 0 : failed(error, negative_errno(), path);
        if (S_ISSOCK(st.st_mode) || is_mount_point(held))
                return 0;
        if ((r = find_link(c, &st, to_dir, name, path, error)) != 0)
                return r < 0 ? r : 0;
        return S_ISDIR(st.st_mode)   ? copy_subdirectory(c, held, to_dir, name, &st, path, depth, error)
               : S_ISREG(st.st_mode) ? copy_regular(c, held, to_dir, name, &st, path, error)
                                     : copy_node(held, to_dir, name, &st, path, error);
}

static int copy_directory(Copying *c, int from, int to, const char *path, unsigned depth, Error *error) {
        _cleanup_closedir_ DIR *dir = opendir_at(from, ".");
        struct dirent *entry;

        if (!dir)
                return failed(error, negative_errno(), path);
        if (depth > DEPTH_MAX)
                return error_set(error, ERROR_LIMIT, "more than %d directories are inside each other",
                                 DEPTH_MAX);
        while ((entry = readdir_no_dot(dir))) {
                _cleanup_free_ char *below =
                        isempty(path) ? strdup(entry->d_name) : string_join(path, "/", entry->d_name);
                int r = below ? copy_entry(c, from, to, entry->d_name, below, depth, error)
                              : failed(error, -ENOMEM, path);
                if (r < 0)
                        return r;
        }
        return errno > 0 ? failed(error, -errno, path) : 0;
}

int copy_tree(int from_fd, int to_fd, bool (*cancelled)(void), Error *error) {
        Copying c = { .to_root_fd = to_fd, .cancelled = cancelled };
        struct stat st;

        if (fstat(from_fd, &st) < 0)
                return failed(error, negative_errno(), "");
        int r = copy_directory(&c, from_fd, to_fd, "", 0, error);
        links_done(&c);
        return r < 0 ? r : copy_attributes(from_fd, to_fd, &st, "", error);
}
