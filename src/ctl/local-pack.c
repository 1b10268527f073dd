/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive-module.h"
#include "fd-util.h"
#include "file-util.h"
#include "string-util.h"
#include "strv.h"
#include "tar-writer.h"

/* One open folder a level. */
#define DEPTH_MAX 400
#define BUFFER_SIZE (128 * 1024)

typedef struct Pack {
        TarWriter *writer;
        char *buffer;
        Error *error;
} Pack;

static int pack_at(Pack *p, int parent, const char *name, const char *path, bool follow, unsigned depth);

static int fail(Pack *p, int r, const char *path) {
        return error_set_errno(p->error, r, "cannot read %s", path);
}

/* Exactly the size that was announced, whatever happens to the file meanwhile. */
static int pack_content(Pack *p, int fd, uint64_t size, const char *path) {
        while (size > 0) {
                ssize_t n = read(fd, p->buffer, MIN(size, (uint64_t) BUFFER_SIZE));
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return fail(p, negative_errno(), path);
                int r = n == 0 ? tar_writer_zeros(p->writer, size, p->error)
                               : tar_writer_data(p->writer, p->buffer, (size_t) n, p->error);
                if (r < 0 || n == 0)
                        return r;
                size -= (uint64_t) n;
        }
        return 0;
}

static int pack_children(Pack *p, int fd, const char *path, unsigned depth) {
        _cleanup_closedir_ DIR *dir = opendir_at(fd, ".");
        _cleanup_strv_free_ char **names = NULL;
        struct dirent *entry;
        int r;

        if (!dir)
                return fail(p, negative_errno(), path);
        if (depth == 0)
                return error_set(p->error, ERROR_LIMIT, "%s: folders are nested more than %d deep", path,
                                 DEPTH_MAX);
        while ((entry = readdir_no_dot(dir)))
                if ((r = strv_extend(&names, entry->d_name)) < 0)
                        return fail(p, r, path);
        strv_sort(names);
        STRV_FOREACH(name, names) {
                _cleanup_free_ char *below = *path ? string_join(path, "/", *name) : strdup(*name);
                if (!below)
                        return fail(p, -ENOMEM, path);
                if ((r = pack_at(p, fd, *name, below, false, depth - 1)) < 0)
                        return r;
        }
        return 0;
}

static void fill_entry(const struct stat *st, const char *path, TarEntry *ret) {
        static const struct {
                mode_t format;
                TarType type;
        } types[] = {
                { S_IFREG, TAR_FILE }, { S_IFDIR, TAR_DIRECTORY },        { S_IFLNK, TAR_SYMLINK },
                { S_IFIFO, TAR_FIFO }, { S_IFCHR, TAR_CHARACTER_DEVICE }, { S_IFBLK, TAR_BLOCK_DEVICE }
        };

        *ret = (TarEntry){ .type = TAR_OTHER,
                           .path = path,
                           .mode = st->st_mode & 07777,
                           .uid = st->st_uid,
                           .gid = st->st_gid,
                           .modified = st->st_mtim,
                           .device = st->st_rdev };
        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                if ((st->st_mode & S_IFMT) == types[i].format)
                        ret->type = types[i].type;
        if (ret->type == TAR_FILE)
                ret->size = (uint64_t) st->st_size;
}

static int write_entry(Pack *p, const TarEntry *entry) {
        return tar_writer_entry(p->writer, entry, NULL, 0, NULL, 0, p->error);
}

static int pack_symlink(Pack *p, int parent, const char *name, TarEntry *entry) {
        char target[4096];
        ssize_t n = readlinkat(parent, name, target, sizeof(target) - 1);

        if (n < 0)
                return fail(p, negative_errno(), entry->path);
        target[n] = 0;
        entry->link = target;
        return write_entry(p, entry);
}

static int pack_at(Pack *p, int parent, const char *name, const char *path, bool follow, unsigned depth) {
        struct stat st;
        TarEntry entry;
        int r;

        if (fstatat(parent, name, &st, follow ? 0 : AT_SYMLINK_NOFOLLOW) < 0)
                return fail(p, negative_errno(), path);
        fill_entry(&st, path, &entry);
        if (entry.type == TAR_OTHER)
                return 0; /* a socket means nothing elsewhere */
        if (entry.type == TAR_SYMLINK)
                return pack_symlink(p, parent, name, &entry);
        if (entry.type != TAR_FILE && entry.type != TAR_DIRECTORY)
                return write_entry(p, &entry);
        int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | (follow ? 0 : O_NOFOLLOW);
        _cleanup_close_ int fd =
                openat(parent, name, flags | (entry.type == TAR_DIRECTORY ? O_DIRECTORY : 0));
        if (fd < 0)
                return fail(p, negative_errno(), path);
        /* The archive's root has no entry of its own. */
        if (*path && (r = write_entry(p, &entry)) < 0)
                return r;
        return entry.type == TAR_FILE ? pack_content(p, fd, entry.size, path)
                                      : pack_children(p, fd, path, depth);
}

int local_pack(const char *path, int tar_fd, const PackOptions *options, Error *error) {
        _cleanup_(tar_writer_freep) TarWriter *writer = NULL;
        _cleanup_(fd_sink_done) FdSink output = {};
        _cleanup_free_ char *buffer = malloc(BUFFER_SIZE);
        Pack p = { .buffer = buffer, .error = error };

        int r = buffer ? fd_sink_init(&output, tar_fd, -EBADF, "the archive") : -ENOMEM;
        const Sink tar = fd_sink(&output);
        if (r < 0 || (r = tar_writer_new(&tar, &writer)) < 0)
                return error_set_errno(error, r, "cannot pack %s", path);
        p.writer = writer;
        if ((r = pack_at(&p, AT_FDCWD, path, options->name, options->follow_link, DEPTH_MAX)) < 0 ||
            (r = tar_writer_finish(writer, error)) < 0)
                return r;
        return fd_sink_flush(&output, error);
}
