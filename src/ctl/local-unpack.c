/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "archive-module.h"
#include "cp-plan.h"
#include "fd-util.h"
#include "path-util.h"
#include "string-util.h"
#include "tar-reader.h"

typedef struct Unpack {
        int root;
        const UnpackOptions *options;
        TarReader *reader;
        char *top; /* the archive's top-level entry, known with the first one */
        Error *error;
} Unpack;

static int open_beneath(int root, const char *path, int flags, mode_t mode) {
        struct open_how how = {
                .flags = (uint64_t) (flags | O_CLOEXEC),
                .mode = mode,
                .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
        };
        int fd = (int) syscall(SYS_openat2, root, *path ? path : ".", &how, sizeof(how));

        return fd < 0 ? negative_errno() : fd;
}

/* The folder that a path lies in, and its last component. */
static int open_parent(int root, const char *path, const char **ret_name) {
        const char *name = path_basename(path);
        _cleanup_free_ char *parent = strndup(path, name > path ? (size_t) (name - path) - 1 : 0);

        if (!parent)
                return -ENOMEM;
        *ret_name = name;
        return open_beneath(root, parent, O_PATH | O_DIRECTORY, 0);
}

static int fail(Unpack *u, int r, const char *path) {
        if (r == -EXDEV || r == -ELOOP)
                return error_set(u->error, ERROR_CORRUPT,
                                 "%s: a symbolic link leads out of the target folder", path);
        return error_set_errno(u->error, r, "cannot write %s", path);
}

static mode_t permissions(const Unpack *u, const TarEntry *e) {
        return u->options->ownership ? e->mode & 07777 : e->mode & 01777;
}

/* ---- the kinds of entries ---- */

static int set_attributes(Unpack *u, int fd, const TarEntry *e, const char *path) {
        const struct timespec times[] = { { .tv_nsec = UTIME_OMIT }, e->modified };

        if (u->options->ownership && fchown(fd, (uid_t) e->uid, (gid_t) e->gid) < 0)
                return fail(u, negative_errno(), path);
        if (fchmod(fd, permissions(u, e)) < 0)
                return fail(u, negative_errno(), path);
        (void) futimens(fd, times);
        return 0;
}

static int make_directory(Unpack *u, int parent, const char *name, const TarEntry *e, const char *path) {
        if (mkdirat(parent, name, 0700) < 0) {
                struct stat st;
                int r = negative_errno();
                if (r != -EEXIST)
                        return fail(u, r, path);
                if (fstatat(parent, name, &st, 0) >= 0 && !S_ISDIR(st.st_mode))
                        return error_set(u->error, ERROR_INVALID, "%s is a file here and a folder there",
                                         path);
                /* What was here keeps its attributes. */
                return 0;
        }
        _cleanup_close_ int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return fd < 0 ? fail(u, negative_errno(), path) : set_attributes(u, fd, e, path);
}

/* What stands in the way of a file, unless that is a folder. */
static int clear_the_way(Unpack *u, int parent, const char *name, const char *path) {
        struct stat st;

        if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0 : fail(u, negative_errno(), path);
        if (S_ISDIR(st.st_mode))
                return error_set(u->error, ERROR_INVALID, "%s is a folder here and a file there", path);
        return unlinkat(parent, name, 0) < 0 ? fail(u, negative_errno(), path) : 0;
}

static int copy_content(Unpack *u, int fd, const TarEntry *e, const char *path) {
        const void *data;
        uint64_t offset;
        ssize_t n;

        while ((n = tar_reader_data(u->reader, &data, &offset, u->error)) > 0) {
                if (lseek(fd, (off_t) offset, SEEK_SET) < 0)
                        return fail(u, negative_errno(), path);
                int r = write_full(fd, data, (size_t) n);
                if (r < 0)
                        return fail(u, r, path);
        }
        if (n < 0)
                return (int) n;
        /* A hole at the end. */
        return ftruncate(fd, (off_t) e->size) < 0 ? fail(u, negative_errno(), path) : 0;
}

static int make_file(Unpack *u, int parent, const char *name, const TarEntry *e, const char *path) {
        int r = clear_the_way(u, parent, name, path);

        if (r < 0)
                return r;
        _cleanup_close_ int fd =
                openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return fail(u, negative_errno(), path);
        if ((r = copy_content(u, fd, e, path)) < 0)
                return r;
        return set_attributes(u, fd, e, path);
}

static int make_symlink(Unpack *u, int parent, const char *name, const TarEntry *e, const char *path) {
        int r = clear_the_way(u, parent, name, path);

        if (r < 0)
                return r;
        if (symlinkat(e->link, parent, name) < 0)
                return fail(u, negative_errno(), path);
        if (u->options->ownership &&
            fchownat(parent, name, (uid_t) e->uid, (gid_t) e->gid, AT_SYMLINK_NOFOLLOW) < 0)
                return fail(u, negative_errno(), path);
        return 0;
}

/* The target is an entry of the archive, under its new name as well. */
static int make_hardlink(Unpack *u, int parent, const char *name, const TarEntry *e, const char *path) {
        _cleanup_free_ char *target = NULL;
        const char *target_name;
        int r = copy_rename(e->link, u->top, u->options->name, &target);

        if (r < 0)
                return fail(u, r, path);
        _cleanup_close_ int target_parent = open_parent(u->root, target, &target_name);
        if (target_parent < 0)
                return fail(u, target_parent, path);
        if ((r = clear_the_way(u, parent, name, path)) < 0)
                return r;
        return linkat(target_parent, target_name, parent, name, 0) < 0 ? fail(u, negative_errno(), path) : 0;
}

static int make_fifo(Unpack *u, int parent, const char *name, const TarEntry *e, const char *path) {
        int r = clear_the_way(u, parent, name, path);

        if (r < 0)
                return r;
        return mkfifoat(parent, name, permissions(u, e)) < 0 ? fail(u, negative_errno(), path) : 0;
}

static int make_entry(Unpack *u, const TarEntry *e, const char *path) {
        const char *name;

        _cleanup_close_ int parent = open_parent(u->root, path, &name);
        if (parent < 0)
                return fail(u, parent, path);
        switch (e->type) {
        case TAR_DIRECTORY:
                return make_directory(u, parent, name, e, path);
        case TAR_FILE:
                return make_file(u, parent, name, e, path);
        case TAR_SYMLINK:
                return make_symlink(u, parent, name, e, path);
        case TAR_HARDLINK:
                return make_hardlink(u, parent, name, e, path);
        case TAR_FIFO:
                return make_fifo(u, parent, name, e, path);
        default:
                fprintf(stderr, "berthctl: left out %s: it is a device\n", path);
                return 0;
        }
}

/* The first entry is the top; an archive of "/" has none. */
static int learn_top(Unpack *u, const TarEntry *e) {
        if (u->top)
                return 0;
        bool single = *e->path && !strchr(e->path, '/');
        u->top = strdup(single ? e->path : "");
        return u->top ? 0 : error_set_errno(u->error, -ENOMEM, "cannot unpack");
}

static int unpack_entry(Unpack *u, const TarEntry *e) {
        _cleanup_free_ char *path = NULL;
        int r;

        if ((r = learn_top(u, e)) < 0)
                return r;
        r = copy_rename(e->path, u->top, u->options->name, &path);
        if (r == -EBADMSG)
                return error_set(u->error, ERROR_CORRUPT,
                                 "the archive has an entry that was not asked for: %s", e->path);
        if (r < 0)
                return error_set_errno(u->error, r, "cannot unpack %s", e->path);
        /* The target folder itself. */
        return *path ? make_entry(u, e, path) : 0;
}

int local_unpack(int directory_fd, int tar_fd, const UnpackOptions *options, Error *error) {
        _cleanup_(tar_reader_freep) TarReader *reader = NULL;
        _cleanup_(fd_source_done) FdSource input = {};
        Unpack u = { .root = directory_fd, .options = options, .error = error };
        TarEntry entry;

        int r = fd_source_init(&input, tar_fd, -EBADF, "the archive");
        const Source tar = fd_source(&input);
        if (r < 0 || (r = tar_reader_new(&tar, NULL, &reader)) < 0)
                return error_set_errno(error, r, "cannot unpack");
        u.reader = reader;
        while ((r = tar_reader_next(reader, &entry, error)) > 0)
                if ((r = unpack_entry(&u, &entry)) < 0)
                        break;
        free(u.top);
        return r;
}
