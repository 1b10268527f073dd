/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <archive.h>
#include <archive_entry.h>
#include <string.h>

#include "string-util.h"
#include "tar-reader.h"

struct TarReader {
        Source input;
        TarLimits limits;
        struct archive *archive;
        bool opened, failed_input;
        Error input_error; /* what the input said: deeper than what libarchive makes of it */
        uint64_t entries, content;
        char *path, *link;
        struct {
                const char *name;
                const void *value;
                size_t size;
        } * xattrs;
        size_t n_xattrs, xattrs_allocated;

        /* tar_reader_source */
        const uint8_t *piece;
        size_t piece_size;
        uint64_t piece_offset, position, size;
};

const TarLimits tar_limits_default = {
        .path = 4095,
        .depth = 1024,
        .entries = 10 * 1000 * 1000,
        .xattrs = 256 * KIB,
        .content = 8 * 1024 * GIB,
};

int tar_reader_new(const Source *input, const TarLimits *limits, TarReader **ret) {
        _cleanup_(tar_reader_freep) TarReader *reader = new0(TarReader, 1);

        if (!reader)
                return -ENOMEM;
        reader->input = *input;
        reader->limits = limits ? *limits : tar_limits_default;
        reader->archive = archive_read_new();
        if (!reader->archive || archive_read_support_filter_none(reader->archive) != ARCHIVE_OK ||
            archive_read_support_format_tar(reader->archive) != ARCHIVE_OK ||
            archive_read_support_format_empty(reader->archive) != ARCHIVE_OK)
                return -ENOMEM;
        *ret = TAKE_PTR(reader);
        return 0;
}

TarReader *tar_reader_free(TarReader *reader) {
        if (!reader)
                return NULL;
        if (reader->archive)
                (void) archive_read_free(reader->archive);
        error_done(&reader->input_error);
        free(reader->path);
        free(reader->link);
        free(reader->xattrs);
        free(reader);
        return NULL;
}

static la_ssize_t pull(struct archive *archive, void *userdata, const void **ret) {
        TarReader *reader = userdata;
        ssize_t n = source_next(&reader->input, ret, &reader->input_error);

        if (n < 0) {
                reader->failed_input = true;
                archive_set_error(archive, -n, "can't read");
                return ARCHIVE_FATAL;
        }
        return n;
}

static int reader_error(TarReader *reader, Error *error) {
        if (reader->failed_input) {
                int r = -error_kind_to_errno(reader->input_error.kind);
                error_move(error, &reader->input_error);
                return r;
        }
        if (archive_errno(reader->archive) == ENOMEM)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        return error_set(error, ERROR_CORRUPT, "the tar archive is corrupt: %s",
                         archive_error_string(reader->archive) ?: "unknown format");
}

/* Long and strange names are shown cut and without control characters. */
static const char *show_path(const char *path, char buffer[static 84]) {
        size_t n = strlen(path), shown = MIN(n, (size_t) 80);

        for (size_t i = 0; i < shown; i++)
                buffer[i] = (unsigned char) path[i] < ' ' || path[i] == 127 ? '?' : path[i];
        strcpy(buffer + shown, n > shown ? "…" : "");
        return buffer;
}

/* Takes the components apart in place: `path` becomes relative and plain. Returns -ERANGE when it leads out of the
 * root and -E2BIG when it has too many components. */
static int simplify_path(char *path, unsigned depth_max) {
        char *out = path;
        unsigned depth = 0, components = 0;

        for (char *in = path; *in;) {
                size_t n = strcspn(in, "/");
                char *next = in + n + (in[n] == '/');

                if (n > 0 && ++components > depth_max)
                        return -E2BIG;
                if (n == 2 && in[0] == '.' && in[1] == '.') {
                        if (depth == 0)
                                return -ERANGE;
                        depth--;
                        while (out > path && *--out != '/')
                                ;
                } else if (n > 0 && !(n == 1 && in[0] == '.')) {
                        if (out > path)
                                *out++ = '/';
                        memmove(out, in, n);
                        out += n;
                        depth++;
                }
                in = next;
        }
        *out = 0;
        return 0;
}

static int take_path(TarReader *reader, const char *raw, const char *what, char **ret, Error *error) {
        char shown[84];

        if (!raw)
                return error_set(error, ERROR_CORRUPT, "the tar archive is corrupt: an entry has no %s",
                                 what);
        size_t n = strlen(raw);
        if (n > reader->limits.path)
                return error_set(error, ERROR_LIMIT, "%s \"%s\" is %zu bytes long, and %zu is the maximum%s",
                                 what, show_path(raw, shown), n, reader->limits.path,
                                 strempty(reader->limits.path_hint));
        if (!free_and_replace(*ret, strdup(raw)))
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        int r = simplify_path(*ret, reader->limits.depth);
        if (r == -E2BIG)
                return error_set(error, ERROR_LIMIT, "%s \"%s\" has more than %u components", what,
                                 show_path(raw, shown), reader->limits.depth);
        if (r < 0)
                return error_set(error, ERROR_CORRUPT, "%s \"%s\" leads out of the archive", what,
                                 show_path(raw, shown));
        return 0;
}

static int take_symlink(TarReader *reader, const char *target, Error *error) {
        char shown[84];

        if (isempty(target))
                return error_set(error, ERROR_CORRUPT, "symbolic link \"%s\" has no target",
                                 show_path(reader->path, shown));
        if (strlen(target) > reader->limits.path)
                return error_set(error, ERROR_LIMIT, "the target of symbolic link \"%s\" is too long%s",
                                 show_path(reader->path, shown), strempty(reader->limits.path_hint));
        return free_and_replace(reader->link, strdup(target))
                       ? 0
                       : error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
}

static int take_xattrs(TarReader *reader, struct archive_entry *entry, Error *error) {
        int count = archive_entry_xattr_reset(entry);
        size_t bytes = 0;
        char shown[84];

        reader->n_xattrs = 0;
        if (count <= 0)
                return 0;
        int r = array_reserve(&reader->xattrs, &reader->xattrs_allocated, count, sizeof(reader->xattrs[0]));
        if (r < 0)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        for (int i = 0; i < count; i++) {
                const char *name;
                const void *value;
                size_t size;
                if (archive_entry_xattr_next(entry, &name, &value, &size) != ARCHIVE_OK || !name)
                        continue;
                bytes += strlen(name) + size;
                if (bytes > reader->limits.xattrs)
                        return error_set(error, ERROR_LIMIT,
                                         "the extended attributes of \"%s\" are larger than %zu bytes",
                                         show_path(reader->path, shown), reader->limits.xattrs);
                reader->xattrs[reader->n_xattrs].name = name;
                reader->xattrs[reader->n_xattrs].value = value;
                reader->xattrs[reader->n_xattrs++].size = size;
        }
        return 0;
}

static TarType entry_type(struct archive_entry *entry) {
        if (archive_entry_hardlink(entry))
                return TAR_HARDLINK;
        switch (archive_entry_filetype(entry)) {
        case AE_IFREG:
                return TAR_FILE;
        case AE_IFDIR:
                return TAR_DIRECTORY;
        case AE_IFLNK:
                return TAR_SYMLINK;
        case AE_IFCHR:
                return TAR_CHARACTER_DEVICE;
        case AE_IFBLK:
                return TAR_BLOCK_DEVICE;
        case AE_IFIFO:
                return TAR_FIFO;
        default:
                return TAR_OTHER;
        }
}

static int take_content_size(TarReader *reader, const TarEntry *entry, Error *error) {
        char shown[84];

        if (entry->size > reader->limits.content - reader->content)
                return error_set(error, ERROR_LIMIT,
                                 "with \"%s\" the files are larger than %llu bytes together%s",
                                 show_path(reader->path, shown), (unsigned long long) reader->limits.content,
                                 strempty(reader->limits.content_hint));
        reader->content += entry->size;
        return 0;
}

static int take_entry(TarReader *reader, struct archive_entry *entry, TarEntry *ret, Error *error) {
        int r = take_path(reader, archive_entry_pathname(entry), "path", &reader->path, error);

        if (r < 0)
                return r;
        *ret = (TarEntry){
                .type = entry_type(entry),
                .path = reader->path,
                .mode = archive_entry_perm(entry) & 07777,
                .uid = archive_entry_uid(entry),
                .gid = archive_entry_gid(entry),
                .modified = { archive_entry_mtime(entry), archive_entry_mtime_nsec(entry) },
        };
        switch (ret->type) {
        case TAR_HARDLINK:
                r = take_path(reader, archive_entry_hardlink(entry), "hard link target", &reader->link,
                              error);
                ret->link = reader->link;
                break;
        case TAR_SYMLINK:
                r = take_symlink(reader, archive_entry_symlink(entry), error);
                ret->link = reader->link;
                break;
        case TAR_FILE:
                ret->size = MAX(archive_entry_size(entry), (la_int64_t) 0);
                r = take_content_size(reader, ret, error);
                break;
        case TAR_CHARACTER_DEVICE:
        case TAR_BLOCK_DEVICE:
                ret->device = archive_entry_rdev(entry);
                break;
        default:
                break;
        }
        if (r >= 0)
                r = take_xattrs(reader, entry, error);
        ret->n_xattrs = reader->n_xattrs;
        reader->size = ret->size;
        return r;
}

int tar_reader_next(TarReader *reader, TarEntry *ret, Error *error) {
        struct archive_entry *entry;

        if (!reader->opened) {
                if (archive_read_open2(reader->archive, reader, NULL, pull, NULL, NULL) != ARCHIVE_OK)
                        return reader_error(reader, error);
                reader->opened = true;
        }
        int r = archive_read_next_header(reader->archive, &entry);
        if (r == ARCHIVE_EOF)
                return 0;
        /* A warning is about names that are no UTF-8, which are bytes for us. */
        if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
                return reader_error(reader, error);
        if (++reader->entries > reader->limits.entries)
                return error_set(error, ERROR_LIMIT, "the archive has more than %llu entries%s",
                                 (unsigned long long) reader->limits.entries,
                                 strempty(reader->limits.entries_hint));
        reader->piece_size = 0;
        reader->position = 0;
        r = take_entry(reader, entry, ret, error);
        return r < 0 ? r : 1;
}

ssize_t tar_reader_data(TarReader *reader, const void **ret, uint64_t *ret_offset, Error *error) {
        for (;;) {
                size_t size;
                la_int64_t offset;
                int r = archive_read_data_block(reader->archive, ret, &size, &offset);

                if (r == ARCHIVE_EOF)
                        return 0;
                if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
                        return reader_error(reader, error);
                if (size == 0)
                        continue;
                *ret_offset = offset;
                return size;
        }
}

static ssize_t reader_source_next(void *userdata, const void **ret, Error *error) {
        static const uint8_t zeros[64 * 1024];
        TarReader *reader = userdata;

        if (reader->piece_size == 0) {
                const void *data;
                ssize_t n = tar_reader_data(reader, &data, &reader->piece_offset, error);
                if (n < 0)
                        return n;
                if (n == 0)
                        reader->piece_offset = reader->size;
                reader->piece = data;
                reader->piece_size = n;
        }
        if (reader->position < reader->piece_offset) {
                size_t n = MIN((uint64_t) sizeof(zeros), reader->piece_offset - reader->position);
                reader->position += n;
                *ret = zeros;
                return n;
        }
        size_t n = reader->piece_size;
        *ret = reader->piece;
        reader->position += n;
        reader->piece_size = 0;
        return n;
}

Source tar_reader_source(TarReader *reader) {
        return (Source){ .next = reader_source_next, .userdata = reader };
}

void tar_reader_xattr(TarReader *reader, size_t i, const char **ret_name, const void **ret_value,
                      size_t *ret_size) {
        *ret_name = reader->xattrs[i].name;
        *ret_value = reader->xattrs[i].value;
        *ret_size = reader->xattrs[i].size;
}
