/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <archive.h>
#include <archive_entry.h>
#include <string.h>

#include "string-util.h"
#include "tar-writer.h"

struct TarWriter {
        Sink output;
        struct archive *archive;
        struct archive_entry *entry;
        bool opened, abandoned;
        Error output_error;
};

int tar_writer_new(const Sink *output, TarWriter **ret) {
        _cleanup_(tar_writer_freep) TarWriter *writer = new0(TarWriter, 1);

        if (!writer)
                return -ENOMEM;
        writer->output = *output;
        writer->archive = archive_write_new();
        writer->entry = archive_entry_new();
        if (!writer->archive || !writer->entry ||
            archive_write_set_format_pax_restricted(writer->archive) != ARCHIVE_OK)
                return -ENOMEM;
        /* One form of extended attributes instead of two. */
        if (archive_write_set_format_option(writer->archive, NULL, "xattrheader", "SCHILY") != ARCHIVE_OK)
                return -EOPNOTSUPP;
        (void) archive_write_set_bytes_per_block(writer->archive, 0);
        *ret = TAKE_PTR(writer);
        return 0;
}

TarWriter *tar_writer_free(TarWriter *writer) {
        if (!writer)
                return NULL;
        /* An archive that was not finished is completed by this, for nobody. */
        writer->abandoned = true;
        if (writer->archive)
                (void) archive_write_free(writer->archive);
        archive_entry_free(writer->entry);
        error_done(&writer->output_error);
        free(writer);
        return NULL;
}

static la_ssize_t push(struct archive *archive, void *userdata, const void *data, size_t size) {
        TarWriter *writer = userdata;
        int r = writer->abandoned ? 0 : sink_write(&writer->output, data, size, &writer->output_error);

        if (r < 0) {
                archive_set_error(archive, -r, "can't write");
                return -1;
        }
        return size;
}

static int writer_error(TarWriter *writer, Error *error) {
        if (writer->output_error.kind != ERROR_NONE) {
                int r = -error_kind_to_errno(writer->output_error.kind);
                error_move(error, &writer->output_error);
                return r;
        }
        return error_set(error, ERROR_FAILED, "can't write the tar archive: %s",
                         archive_error_string(writer->archive) ?: "out of memory");
}

static const mode_t type_modes[] = {
        [TAR_FILE] = AE_IFREG,     [TAR_DIRECTORY] = AE_IFDIR,        [TAR_SYMLINK] = AE_IFLNK,
        [TAR_HARDLINK] = AE_IFREG, [TAR_CHARACTER_DEVICE] = AE_IFCHR, [TAR_BLOCK_DEVICE] = AE_IFBLK,
        [TAR_FIFO] = AE_IFIFO,     [TAR_OTHER] = AE_IFSOCK,
};

static void fill_entry(struct archive_entry *e, const TarEntry *entry) {
        archive_entry_clear(e);
        archive_entry_copy_pathname(e, entry->path);
        archive_entry_set_filetype(e, type_modes[entry->type]);
        archive_entry_set_perm(e, entry->mode);
        archive_entry_set_uid(e, entry->uid);
        archive_entry_set_gid(e, entry->gid);
        archive_entry_set_mtime(e, entry->modified.tv_sec, 0);
        if (entry->type == TAR_FILE)
                archive_entry_set_size(e, entry->size);
        if (entry->type == TAR_SYMLINK)
                archive_entry_copy_symlink(e, entry->link);
        if (entry->type == TAR_HARDLINK)
                archive_entry_copy_hardlink(e, entry->link);
        if (entry->type == TAR_CHARACTER_DEVICE || entry->type == TAR_BLOCK_DEVICE)
                archive_entry_set_rdev(e, entry->device);
}

int tar_writer_entry(TarWriter *writer, const TarEntry *entry, const TarXattr *xattrs, size_t n_xattrs,
                     const TarExtent *extents, size_t n_extents, Error *error) {
        struct archive_entry *e = writer->entry;

        if (!writer->opened) {
                if (archive_write_open2(writer->archive, writer, NULL, push, NULL, NULL) != ARCHIVE_OK)
                        return writer_error(writer, error);
                writer->opened = true;
        }
        fill_entry(e, entry);
        for (size_t i = 0; i < n_xattrs; i++)
                archive_entry_xattr_add_entry(e, xattrs[i].name, xattrs[i].value, xattrs[i].size);
        for (size_t i = 0; extents && i < n_extents; i++)
                archive_entry_sparse_add_entry(e, extents[i].offset, extents[i].size);
        if (extents && n_extents == 0 && entry->size > 0)
                archive_entry_sparse_add_entry(e, entry->size, 0); /* nothing but a hole */
        int r = archive_write_header(writer->archive, e);
        return r == ARCHIVE_OK || r == ARCHIVE_WARN ? 0 : writer_error(writer, error);
}

int tar_writer_data(TarWriter *writer, const void *data, size_t size, Error *error) {
        const uint8_t *p = data;

        while (size > 0) {
                la_ssize_t n = archive_write_data(writer->archive, p, size);
                if (n < 0)
                        return writer_error(writer, error);
                if (n == 0)
                        return error_set(error, ERROR_FAILED,
                                         "can't write the tar archive: a file is longer than announced");
                p += n;
                size -= n;
        }
        return 0;
}

int tar_writer_zeros(TarWriter *writer, uint64_t size, Error *error) {
        static const uint8_t zeros[64 * 1024];

        while (size > 0) {
                size_t n = MIN((uint64_t) sizeof(zeros), size);
                int r = tar_writer_data(writer, zeros, n, error);
                if (r < 0)
                        return r;
                size -= n;
        }
        return 0;
}

int tar_writer_finish(TarWriter *writer, Error *error) {
        static const uint8_t end[1024];

        if (!writer->opened) /* without any entry libarchive would write nothing at all */
                return sink_write(&writer->output, end, sizeof(end), error);
        return archive_write_close(writer->archive) == ARCHIVE_OK ? 0 : writer_error(writer, error);
}
