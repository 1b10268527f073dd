/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "extract-internal.h"
#include "fd-util.h"
#include "overlay.h"
#include "string-util.h"

static int out_of_memory(Error *error) {
        return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
}

static int pwrite_full(int fd, const uint8_t *data, size_t size, uint64_t offset) {
        while (size > 0) {
                ssize_t n = pwrite(fd, data, size, offset);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return negative_errno();
                data += n;
                size -= n;
                offset += n;
        }
        return 0;
}

static int write_content(Extraction *x, int fd, const TarEntry *entry, Error *error) {
        uint64_t end = 0, offset;
        const void *data;
        ssize_t n;

        while ((n = tar_reader_data(x->reader, &data, &offset, error)) > 0) {
                int r = pwrite_full(fd, data, n, offset);
                if (r < 0)
                        return extract_failed(error, r, entry->path);
                end = offset + n;
        }
        if (n < 0)
                return n;
        if (end < entry->size && ftruncate(fd, entry->size) < 0)
                return extract_failed(error, negative_errno(), entry->path);
        return 0;
}

/* What can't be stored here (a file system without ACLs, a user.* attribute on a symbolic link) is left out, as Docker
 * does; anything else is an error. */
static bool xattr_error_is_harmless(int error_number) {
        return error_number == EOPNOTSUPP || error_number == EPERM;
}

/* fd, or the entry `name` of dir_fd when there is no fd (it could be a device or a link). */
static int set_xattrs(Extraction *x, const TarEntry *entry, int fd, int dir_fd, const char *name,
                      Error *error) {
        char directory[FD_PATH_MAX], path[FD_PATH_MAX + NAME_MAX + 2];

        if (entry->n_xattrs == 0)
                return 0;
        if (fd < 0)
                snprintf(path, sizeof(path), "%s/%s", fd_path(dir_fd, directory), name);
        for (size_t i = 0; i < entry->n_xattrs; i++) {
                const char *key;
                const void *value;
                size_t size;

                tar_reader_xattr(x->reader, i, &key, &value, &size);
                if (xattr_is_private(key))
                        continue;
                int r = fd >= 0 ? fsetxattr(fd, key, value, size, 0) : lsetxattr(path, key, value, size, 0);
                if (r < 0 && !xattr_error_is_harmless(errno))
                        return error_set_errno(error, negative_errno(),
                                               "can't set attribute %.80s of \"%.200s\"", key, entry->path);
        }
        return 0;
}

typedef struct Owner {
        uid_t uid;
        gid_t gid;
        bool change; /* it is not what a new file gets by itself */
} Owner;

static int entry_owner(Extraction *x, const TarEntry *entry, Owner *ret, Error *error) {
        *ret = (Owner){ .uid = x->tree->uid, .gid = x->tree->gid };
        if (x->options.no_privileges)
                return 0;
        if (x->options.keep_owner) {
                if (entry->uid >= UINT32_MAX || entry->gid >= UINT32_MAX)
                        return error_set(error, ERROR_CORRUPT,
                                         "\"%.200s\" has an owner that can't be: %llu:%llu", entry->path,
                                         (unsigned long long) entry->uid, (unsigned long long) entry->gid);
                *ret = (Owner){ .uid = entry->uid, .gid = entry->gid };
        }
        ret->change = ret->uid != geteuid() || ret->gid != getegid() || x->tree->parent_set_gid;
        return 0;
}

/* Owner, mode, attributes and time of something that is open. created_mode: what it has now. The order matters: a new
 * owner clears set-id bits and file capabilities. */
static int finish_fd(Extraction *x, const TarEntry *entry, int fd, mode_t created_mode, Error *error) {
        const struct timespec times[] = { { .tv_nsec = UTIME_OMIT }, entry->modified };
        Owner owner;
        int r = entry_owner(x, entry, &owner, error);

        if (r < 0)
                return r;
        if (owner.change && fchown(fd, owner.uid, owner.gid) < 0)
                return extract_failed(error, negative_errno(), entry->path);
        if (entry->mode != created_mode && fchmod(fd, entry->mode) < 0)
                return extract_failed(error, negative_errno(), entry->path);
        r = set_xattrs(x, entry, fd, -EBADF, NULL, error);
        if (r < 0 || entry->type == TAR_DIRECTORY)
                return r;
        return futimens(fd, times) < 0 ? extract_failed(error, negative_errno(), entry->path) : 0;
}

/* The same for something that must not be opened: a link, a device, a pipe. */
static int finish_at(Extraction *x, const TarEntry *entry, int dir_fd, const char *name, Error *error) {
        const struct timespec times[] = { { .tv_nsec = UTIME_OMIT }, entry->modified };
        Owner owner;
        int r = entry_owner(x, entry, &owner, error);

        if (r < 0)
                return r;
        if (owner.change && fchownat(dir_fd, name, owner.uid, owner.gid, AT_SYMLINK_NOFOLLOW) < 0)
                return extract_failed(error, negative_errno(), entry->path);
        /* mknod() has applied the mode (the umask is 0); set-id bits mean nothing on these. */
        r = set_xattrs(x, entry, -EBADF, dir_fd, name, error);
        if (r < 0)
                return r;
        if (utimensat(dir_fd, name, times, AT_SYMLINK_NOFOLLOW) < 0)
                return extract_failed(error, negative_errno(), entry->path);
        return 0;
}

/* Never with set-id bits at first: until it has its owner it belongs to us. */
static int create_file(Extraction *x, const TarEntry *entry, int dir_fd, const char *name) {
        int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                        entry->mode & 0777);

        return fd < 0 ? negative_errno() : fd;
}

static int create_other(Extraction *x, const TarEntry *entry, int dir_fd, const char *name) {
        static const mode_t types[] = {
                [TAR_CHARACTER_DEVICE] = S_IFCHR,
                [TAR_BLOCK_DEVICE] = S_IFBLK,
                [TAR_FIFO] = S_IFIFO,
        };
        int r = entry->type == TAR_SYMLINK
                        ? symlinkat(entry->link, dir_fd, name)
                        : mknodat(dir_fd, name, types[entry->type] | (entry->mode & 0777), entry->device);

        return r < 0 ? negative_errno() : 0;
}

static int create_hard_link(Extraction *x, const TarEntry *entry, int dir_fd, const char *name) {
        const char *source_name;

        if (isempty(entry->link))
                return -EPERM;
        _cleanup_close_ int source_fd = tree_open_parent(x->tree, entry->link, false, &source_name, NULL);
        if (source_fd < 0)
                return -ENOENT;
        return linkat(source_fd, source_name, dir_fd, name, 0) < 0 ? negative_errno() : 0;
}

typedef int (*CreateFunction)(Extraction *x, const TarEntry *entry, int dir_fd, const char *name);

/* Creates; when something is in the way, clears it first. */
static int create(Extraction *x, const TarEntry *entry, int dir_fd, const char *name,
                  CreateFunction function, Error *error) {
        int r = function(x, entry, dir_fd, name);

        if (r == -EEXIST) {
                /* A link onto itself must not lose the file. */
                if (entry->type == TAR_HARDLINK && streq(entry->link, entry->path))
                        return 0;
                r = extract_make_room(x, dir_fd, name, false, error);
                if (r < 0)
                        return r;
                r = function(x, entry, dir_fd, name);
        }
        if (entry->type == TAR_HARDLINK && (r == -ENOENT || r == -EPERM))
                return error_set(error, ERROR_CORRUPT, "\"%.200s\" is a hard link to \"%.200s\", which %s",
                                 entry->path, entry->link,
                                 r == -ENOENT ? "is not in the archive" : "can't have one");
        return r < 0 ? extract_failed(error, r, entry->path) : r;
}

static int extract_file(Extraction *x, const TarEntry *entry, int dir_fd, const char *name, Error *error) {
        _cleanup_close_ int fd = create(x, entry, dir_fd, name, create_file, error);

        if (fd < 0)
                return fd;
        int r = write_content(x, fd, entry, error);
        return r < 0 ? r : finish_fd(x, entry, fd, entry->mode & 0777, error);
}

static int remember_time(Extraction *x, const TarEntry *entry, Error *error) {
        int r = array_reserve(&x->times, &x->times_allocated, x->n_times + 1, sizeof(DirectoryTime));
        char *path = strdup(entry->path);

        if (r < 0 || !path) {
                free(path);
                return out_of_memory(error);
        }
        x->times[x->n_times++] = (DirectoryTime){ .path = path, .modified = entry->modified };
        return 0;
}

static int extract_directory(Extraction *x, const TarEntry *entry, int dir_fd, const char *name,
                             Error *error) {
        bool opaque = false;

        if (mkdirat(dir_fd, name, 0700) < 0) {
                int r = errno == EEXIST ? extract_make_room(x, dir_fd, name, true, error)
                                        : extract_failed(error, negative_errno(), entry->path);
                if (r < 0)
                        return r;
                if (r != EXTRACT_MERGE && mkdirat(dir_fd, name, 0700) < 0)
                        return extract_failed(error, negative_errno(), entry->path);
                opaque = r == EXTRACT_OPAQUE;
        }
        _cleanup_close_ int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int r = fd < 0 ? negative_errno() : opaque ? overlay_set_opaque(fd) : 0;
        if (r < 0)
                return extract_failed(error, r, entry->path);
        r = finish_fd(x, entry, fd, 010000 /* none: always set */, error);
        return r < 0 ? r : remember_time(x, entry, error);
}

static int extract_root(Extraction *x, const TarEntry *entry, Error *error) {
        if (entry->type != TAR_DIRECTORY)
                return error_set(error, ERROR_CORRUPT, "the root of the archive is not a directory");
        _cleanup_close_ int fd = tree_open_root(x->tree, error);
        if (fd < 0)
                return fd;
        int r = finish_fd(x, entry, fd, 010000, error);
        return r < 0 ? r : remember_time(x, entry, error);
}

int extract_entry(Extraction *x, const TarEntry *entry, Error *error) {
        const char *name;
        int r;

        if (isempty(entry->path))
                return extract_root(x, entry, error);
        if (entry->type == TAR_OTHER)
                return 0; /* sockets: nobody listens on one out of an archive */
        if (x->options.no_privileges &&
            (entry->type == TAR_CHARACTER_DEVICE || entry->type == TAR_BLOCK_DEVICE))
                return 0;
        int dir_fd = tree_parent(x->tree, entry->path, true, &name, error);
        if (dir_fd < 0)
                return dir_fd;
        switch (entry->type) {
        case TAR_FILE:
                return extract_file(x, entry, dir_fd, name, error);
        case TAR_DIRECTORY:
                return extract_directory(x, entry, dir_fd, name, error);
        case TAR_HARDLINK:
                return create(x, entry, dir_fd, name, create_hard_link, error);
        default:
                r = create(x, entry, dir_fd, name, create_other, error);
                return r < 0 ? r : finish_at(x, entry, dir_fd, name, error);
        }
}
