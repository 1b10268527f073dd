/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "fd-util.h"
#include "pack-internal.h"
#include "string-util.h"
#include "tree.h"
#include "xattr-list.h"

#define EXTENTS_MAX 100000

int pack_failed(Error *error, int r, const char *path) {
        return error_set_errno(error, r, "can't read \"%.200s\"", path);
}

static int out_of_memory(Error *error) {
        return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
}

/* ---- hard links ---- */

void link_table_done(LinkTable *table) {
        for (size_t i = 0; i < table->allocated; i++)
                free(table->items[i].path);
        free(table->items);
        *table = (LinkTable){};
}

/* The place of the file, or a free one. */
static struct LinkItem *link_table_place(const LinkTable *table, dev_t device, ino_t inode) {
        size_t i = (inode * UINT64_C(0x9e3779b97f4a7c15) ^ device) & (table->allocated - 1);

        while (table->items[i].path && (table->items[i].inode != inode || table->items[i].device != device))
                i = (i + 1) & (table->allocated - 1);
        return &table->items[i];
}

static int link_table_grow(LinkTable *table) {
        LinkTable grown = { .n = table->n, .allocated = MAX(table->allocated * 2, (size_t) 64) };

        if (table->n * 2 < table->allocated)
                return 0;
        grown.items = new0(struct LinkItem, grown.allocated);
        if (!grown.items)
                return -ENOMEM;
        for (size_t i = 0; i < table->allocated; i++)
                if (table->items[i].path)
                        *link_table_place(&grown, table->items[i].device, table->items[i].inode) =
                                table->items[i];
        free(table->items);
        *table = grown;
        return 0;
}

/* The path of the same file earlier in the archive, or NULL, and then it is remembered under this one. */
static int find_link(LinkTable *table, const struct stat *st, const char *path, const char **ret) {
        *ret = NULL;
        if (st->st_nlink < 2 || S_ISDIR(st->st_mode))
                return 0;
        int r = link_table_grow(table);
        if (r < 0)
                return r;
        struct LinkItem *item = link_table_place(table, st->st_dev, st->st_ino);
        if (item->path) {
                *ret = item->path;
                return 0;
        }
        *item = (struct LinkItem){ .device = st->st_dev, .inode = st->st_ino, .path = strdup(path) };
        if (!item->path)
                return -ENOMEM;
        table->n++;
        return 0;
}

/* ---- content ---- */

typedef struct ExtentList {
        TarExtent *items;
        size_t n, allocated;
} ExtentList;

/* Where the file has data. Returns 1 when there are holes worth telling. */
static int find_extents(int fd, const struct stat *st, ExtentList *list) {
        uint64_t size = st->st_size, at = 0;

        if ((uint64_t) st->st_blocks * 512 >= size)
                return 0;
        while (at < size && list->n < EXTENTS_MAX) {
                off_t start = lseek(fd, at, SEEK_DATA);
                if (start < 0 && errno == ENXIO)
                        break;
                off_t end = start < 0 ? -1 : lseek(fd, start, SEEK_HOLE);
                if (start < 0 || end < 0)
                        return errno == EINVAL || errno == EOPNOTSUPP ? 0 : negative_errno();
                if (array_reserve(&list->items, &list->allocated, list->n + 1, sizeof(TarExtent)) < 0)
                        return -ENOMEM;
                /* The file may be growing under our hands; the archive has its size by now. */
                at = MIN((uint64_t) end, size);
                if ((uint64_t) start >= size)
                        break;
                list->items[list->n++] = (TarExtent){ .offset = start, .size = at - start };
        }
        if (list->n >= EXTENTS_MAX) { /* full of tiny holes: then as if there were none */
                list->n = 0;
                return 0;
        }
        return list->n != 1 || list->items[0].size != size;
}

/* Exactly so many bytes: zeros for what has been cut off meanwhile. */
static int write_range(Packing *p, int fd, uint64_t offset, uint64_t size, const char *path, Error *error) {
        while (size > 0) {
                if (p->options->cancelled && p->options->cancelled())
                        return error_set(error, ERROR_CANCELLED, "cancelled");
                ssize_t n = pread(fd, p->buffer, MIN(size, (uint64_t) PACK_BUFFER_SIZE), offset);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return pack_failed(error, negative_errno(), path);
                if (n == 0)
                        return tar_writer_zeros(p->writer, size, error);
                int r = tar_writer_data(p->writer, p->buffer, n, error);
                if (r < 0)
                        return r;
                offset += n;
                size -= n;
        }
        return 0;
}

static int write_content(Packing *p, int fd, uint64_t size, const ExtentList *extents, bool sparse,
                         const char *path, Error *error) {
        uint64_t at = 0;

        if (!sparse)
                return write_range(p, fd, 0, size, path, error);
        for (size_t i = 0; i < extents->n; i++) {
                const TarExtent *extent = &extents->items[i];
                int r = tar_writer_zeros(p->writer, extent->offset - at, error);
                if (r >= 0)
                        r = write_range(p, fd, extent->offset, extent->size, path, error);
                if (r < 0)
                        return r;
                at = extent->offset + extent->size;
        }
        return tar_writer_zeros(p->writer, size - at, error);
}

static int pack_regular(Packing *p, int fd, const struct stat *st, TarEntry *entry, const XattrList *xattrs,
                        Error *error) {
        char path[FD_PATH_MAX];
        ExtentList extents = {};

        /* What we hold is known to be a regular file, so opening it has no side effects. */
        _cleanup_close_ int content_fd = open(fd_path(fd, path), O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (content_fd < 0)
                return pack_failed(error, negative_errno(), entry->path);
        entry->size = st->st_size;
        int sparse = find_extents(content_fd, st, &extents), r = sparse;
        if (r < 0)
                r = pack_failed(error, r, entry->path);
        else {
                static const TarExtent none;
                const TarExtent *items = extents.n > 0 ? extents.items : &none;
                r = tar_writer_entry(p->writer, entry, xattrs->items, xattrs->n, sparse ? items : NULL,
                                     sparse ? extents.n : 0, error);
                if (r >= 0)
                        r = write_content(p, content_fd, entry->size, &extents, sparse, entry->path, error);
        }
        free(extents.items);
        return r;
}

/* ---- one entry ---- */

static int entry_type(mode_t mode) {
        switch (mode & S_IFMT) {
        case S_IFREG:
                return TAR_FILE;
        case S_IFDIR:
                return TAR_DIRECTORY;
        case S_IFLNK:
                return TAR_SYMLINK;
        case S_IFCHR:
                return TAR_CHARACTER_DEVICE;
        case S_IFBLK:
                return TAR_BLOCK_DEVICE;
        case S_IFIFO:
                return TAR_FIFO;
        default:
                return TAR_OTHER;
        }
}

static int write_entry(Packing *p, int fd, const struct stat *st, TarEntry *entry, Error *error) {
        _cleanup_(xattr_list_done) XattrList xattrs = {};
        char target[PATH_MAX];

        int r = xattr_list_read(fd, &xattrs);
        if (r < 0)
                return pack_failed(error, r, entry->path);
        if (entry->type == TAR_FILE)
                return pack_regular(p, fd, st, entry, &xattrs, error);
        if (entry->type == TAR_SYMLINK) {
                ssize_t n = readlinkat(fd, "", target, sizeof(target) - 1);
                if (n < 0)
                        return pack_failed(error, negative_errno(), entry->path);
                target[n] = 0;
                entry->link = target;
        }
        return tar_writer_entry(p->writer, entry, xattrs.items, xattrs.n, NULL, 0, error);
}

int pack_entry(Packing *p, int fd, const struct stat *st, const char *path, Error *error) {
        TarEntry entry = {
                .type = entry_type(st->st_mode),
                .path = path,
                .mode = st->st_mode & 07777,
                .uid = st->st_uid,
                .gid = st->st_gid,
                .modified = st->st_mtim,
                .device = st->st_rdev,
        };

        if (entry.type == TAR_OTHER)
                return 0;
        if (find_link(&p->links, st, path, &entry.link) < 0)
                return out_of_memory(error);
        if (entry.link) {
                entry.type = TAR_HARDLINK;
                return tar_writer_entry(p->writer, &entry, NULL, 0, NULL, 0, error);
        }
        return write_entry(p, fd, st, &entry, error);
}

int pack_marker(Packing *p, const char *path, Error *error) {
        TarEntry entry = { .type = TAR_FILE, .path = path };

        return tar_writer_entry(p->writer, &entry, NULL, 0, NULL, 0, error);
}
