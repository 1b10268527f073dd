/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "fd-util.h"
#include "file-compare.h"
#include "string-util.h"
#include "tree.h"
#include "xattr-list.h"

#define BUFFER_SIZE (128 * 1024)

static int differs_in_bytes(int a, int b, uint8_t *buffer, bool (*cancelled)(void)) {
        for (;;) {
                if (cancelled && cancelled())
                        return -ECANCELED;
                ssize_t n = read_full(a, buffer, BUFFER_SIZE);
                if (n < 0)
                        return (int) n;
                ssize_t m = read_full(b, buffer + BUFFER_SIZE, BUFFER_SIZE);
                if (m < 0)
                        return (int) m;
                if (n != m || memcmp(buffer, buffer + BUFFER_SIZE, n) != 0)
                        return 1;
                if (n < BUFFER_SIZE)
                        return 0;
        }
}

/* They are known to be regular files, so that opening them has no side effects. */
static int differs_in_content(int fd_a, int fd_b, bool (*cancelled)(void)) {
        char path_a[FD_PATH_MAX], path_b[FD_PATH_MAX];
        _cleanup_close_ int a = open(fd_path(fd_a, path_a), O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (a < 0)
                return negative_errno();
        _cleanup_close_ int b = open(fd_path(fd_b, path_b), O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (b < 0)
                return negative_errno();
        _cleanup_free_ uint8_t *buffer = malloc(2 * BUFFER_SIZE);
        return buffer ? differs_in_bytes(a, b, buffer, cancelled) : -ENOMEM;
}

static int differs_in_target(int fd_a, int fd_b) {
        char a[PATH_MAX], b[PATH_MAX];
        ssize_t n = readlinkat(fd_a, "", a, sizeof(a));
        ssize_t m = n < 0 ? n : readlinkat(fd_b, "", b, sizeof(b));

        if (n < 0 || m < 0)
                return negative_errno();
        return n != m || memcmp(a, b, n) != 0;
}

static int differs_in_xattrs(int fd_a, int fd_b) {
        _cleanup_(xattr_list_done) XattrList a = {}, b = {};

        int r = xattr_list_read(fd_a, &a);
        if (r >= 0)
                r = xattr_list_read(fd_b, &b);
        return r < 0 ? r : !xattr_list_equal(&a, &b);
}

static int differs_inside(int fd_a, const struct stat *a, int fd_b, const struct stat *b,
                          bool (*cancelled)(void)) {
        switch (a->st_mode & S_IFMT) {
        case S_IFREG:
                return a->st_size != b->st_size ? 1 : differs_in_content(fd_a, fd_b, cancelled);
        case S_IFLNK:
                return differs_in_target(fd_a, fd_b);
        case S_IFCHR:
        case S_IFBLK:
                return a->st_rdev != b->st_rdev;
        default:
                return 0;
        }
}

static FileDifference differs_in_status(const struct stat *a, const struct stat *b) {
        FileDifference difference = 0;

        if ((a->st_mode & 07777) != (b->st_mode & 07777))
                difference |= FILE_DIFFERS_MODE;
        if (a->st_uid != b->st_uid || a->st_gid != b->st_gid)
                difference |= FILE_DIFFERS_OWNER;
        if (a->st_mtim.tv_sec != b->st_mtim.tv_sec || a->st_mtim.tv_nsec != b->st_mtim.tv_nsec)
                difference |= FILE_DIFFERS_TIME;
        return difference;
}

int file_compare(int fd_a, const struct stat *a, int fd_b, const struct stat *b, FileDifference wanted,
                 bool (*cancelled)(void)) {
        if ((a->st_mode & S_IFMT) != (b->st_mode & S_IFMT))
                return FILE_DIFFERS_TYPE;
        int difference = differs_in_status(a, b) & wanted;
        if (!difference && (wanted & FILE_DIFFERS_XATTRS)) {
                int r = differs_in_xattrs(fd_a, fd_b);
                if (r != 0)
                        return r < 0 ? r : FILE_DIFFERS_XATTRS;
        }
        if (!difference && (wanted & FILE_DIFFERS_CONTENT)) {
                int r = differs_inside(fd_a, a, fd_b, b, cancelled);
                if (r != 0)
                        return r < 0 ? r : FILE_DIFFERS_CONTENT;
        }
        return difference;
}
