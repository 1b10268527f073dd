/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <locale.h>

#include "string-util.h"
#include "tar-writer.h"
#include "test.h"

static int buffer_write(void *userdata, const void *data, size_t size, Error *error) {
        return string_buffer_append(userdata, data, size);
}

#define LONG                                                                                           \
        "a-directory-with-a-rather-long-name/another-one-that-makes-it-longer-than-one-hundred-bytes/" \
        "and-more/"

static const TarXattr xattrs[] = { { "user.binary", "\0\1\xff=\n", 5 },
                                   { "security.capability", "\1\0\0\2", 4 } };

static const struct {
        TarEntry entry;
        const char *content;
        bool with_xattrs;
} samples[] = {
        { { TAR_DIRECTORY, "dir", .mode = 01777, .modified = { 1000000000 } } },
        { { TAR_FILE, "dir/file", .mode = 04755, .uid = 65534, .gid = 4000000000, .size = 5 }, "hello" },
        { { TAR_FILE, "dir/empty", .mode = 0 } },
        { { TAR_SYMLINK, "link", "/etc/../../passwd", .mode = 0777 } },
        { { TAR_HARDLINK, "dir/hard", "dir/file", .mode = 04755 } },
        { { TAR_CHARACTER_DEVICE, "null", .mode = 0666, .device = 0x103 } },
        { { TAR_BLOCK_DEVICE, "sda", .mode = 0660, .device = 0x800 } },
        { { TAR_FIFO, "fifo", .mode = 0600 } },
        { { TAR_FILE, "attributes", .mode = 0644, .size = 1 }, "x", true },
        { { TAR_FILE, "caf\xe9", .mode = 0644 } },                  /* Latin-1 */
        { { TAR_FILE, "caf\xc3\xa9 \xe2\x82\xac", .mode = 0644 } }, /* UTF-8 */
        { { TAR_SYMLINK, "old", "caf\xe9/\xff", .mode = 0777 } },
        { { TAR_FILE, LONG LONG LONG "\xe9", .mode = 0644, .size = 2, .modified = { -5 } }, "ab" },
        { { TAR_SYMLINK, LONG LONG "l", LONG LONG "target", .mode = 0777 } },
        { { TAR_HARDLINK, LONG LONG "h", LONG LONG LONG "\xe9", .mode = 0644 } },
};

static void write_samples(StringBuffer *ret) {
        Sink sink = { .write = buffer_write, .userdata = ret };
        _cleanup_(tar_writer_freep) TarWriter *tar = NULL;

        CHECK(tar_writer_new(&sink, &tar) == 0);
        for (size_t i = 0; i < ELEMENTSOF(samples); i++) {
                CHECK(tar_writer_entry(tar, &samples[i].entry, xattrs, samples[i].with_xattrs ? 2 : 0, NULL,
                                       0, NULL) == 0);
                if (samples[i].content)
                        CHECK(tar_writer_data(tar, samples[i].content, samples[i].entry.size, NULL) == 0);
        }
        CHECK(tar_writer_finish(tar, NULL) == 0);
}

static TarReader *open_tar(MemorySource *memory, const void *data, size_t size, const TarLimits *limits) {
        TarReader *reader = NULL;

        *memory = (MemorySource){ .data = data, .size = size, .block = 1000 };
        Source source = memory_source(memory);
        CHECK(tar_reader_new(&source, limits, &reader) == 0);
        return reader;
}

static void check_xattrs(TarReader *reader, const TarEntry *entry, bool expected) {
        CHECK(entry->n_xattrs == (expected ? 2 : 0));
        for (size_t i = 0; i < entry->n_xattrs; i++) {
                const char *name;
                const void *value;
                size_t size;
                tar_reader_xattr(reader, i, &name, &value, &size);
                const TarXattr *x = streq(name, xattrs[0].name) ? &xattrs[0] : &xattrs[1];
                CHECK_STRING(name, x->name);
                CHECK(size == x->size && memcmp(value, x->value, size) == 0);
        }
}

static void test_round_trip(void) {
        _cleanup_(string_buffer_done) StringBuffer tar = {}, again = {};
        _cleanup_error_ Error error = {};
        MemorySource memory;
        TarEntry entry;

        write_samples(&tar);
        write_samples(&again);
        CHECK(tar.size == again.size && memcmp(tar.data, again.data, tar.size) == 0);

        _cleanup_(tar_reader_freep) TarReader *reader = open_tar(&memory, tar.data, tar.size, NULL);
        for (size_t i = 0; i < ELEMENTSOF(samples); i++) {
                const TarEntry *e = &samples[i].entry;
                if (tar_reader_next(reader, &entry, &error) != 1) {
                        fprintf(stderr, "%s\n", error.message);
                        CHECK(!"an entry is missing");
                        return;
                }
                CHECK_STRING(entry.path, e->path);
                CHECK(entry.type == e->type);
                CHECK(e->link ? streq(entry.link, e->link) : entry.link == NULL);
                CHECK(entry.mode == e->mode);
                CHECK(entry.uid == e->uid && entry.gid == e->gid);
                CHECK(entry.modified.tv_sec == e->modified.tv_sec);
                CHECK(entry.size == e->size);
                CHECK(entry.device == e->device);
                check_xattrs(reader, &entry, samples[i].with_xattrs);
                if (samples[i].content) {
                        const void *data;
                        uint64_t offset;
                        ssize_t n = tar_reader_data(reader, &data, &offset, NULL);
                        CHECK(n == (ssize_t) e->size && offset == 0 &&
                              memcmp(data, samples[i].content, n) == 0);
                }
        }
        CHECK(tar_reader_next(reader, &entry, NULL) == 0);
}

static void test_sparse(void) {
        static const TarExtent extents[] = { { 4096, 3 }, { 1000000, 4 } };
        TarEntry entry = { TAR_FILE, "sparse", .mode = 0644, .size = 2000000 };
        _cleanup_(string_buffer_done) StringBuffer tar = {}, content = {};
        Sink sink = { .write = buffer_write, .userdata = &tar };
        _cleanup_(tar_writer_freep) TarWriter *writer = NULL;
        MemorySource memory;

        CHECK(tar_writer_new(&sink, &writer) == 0);
        CHECK(tar_writer_entry(writer, &entry, NULL, 0, extents, 2, NULL) == 0);
        CHECK(tar_writer_zeros(writer, 4096, NULL) == 0);
        CHECK(tar_writer_data(writer, "abc", 3, NULL) == 0);
        CHECK(tar_writer_zeros(writer, 1000000 - 4099, NULL) == 0);
        CHECK(tar_writer_data(writer, "wxyz", 4, NULL) == 0);
        CHECK(tar_writer_zeros(writer, 2000000 - 1000004, NULL) == 0);
        entry.path = "hole";
        CHECK(tar_writer_entry(writer, &entry, NULL, 0, extents, 0, NULL) == 0);
        CHECK(tar_writer_zeros(writer, entry.size, NULL) == 0);
        CHECK(tar_writer_finish(writer, NULL) == 0);
        CHECK(tar.size < 20000);

        _cleanup_(tar_reader_freep) TarReader *reader = open_tar(&memory, tar.data, tar.size, NULL);
        CHECK(tar_reader_next(reader, &entry, NULL) == 1);
        CHECK_STRING(entry.path, "sparse");
        CHECK(entry.size == 2000000);
        Source source = tar_reader_source(reader);
        sink = (Sink){ .write = buffer_write, .userdata = &content };
        CHECK(source_copy(&source, &sink, NULL, NULL) == 0);
        CHECK(content.size == 2000000);
        CHECK(memcmp(content.data + 4096, "abc", 4) == 0 && memcmp(content.data + 1000000, "wxyz", 5) == 0);
        CHECK(content.data[4095] == 0 && content.data[1999999] == 0);
        CHECK(tar_reader_next(reader, &entry, NULL) == 1);
        CHECK_STRING(entry.path, "hole");
        CHECK(entry.size == 2000000);
        const void *data;
        uint64_t offset;
        CHECK(tar_reader_data(reader, &data, &offset, NULL) == 0);
}

/* What the first entry of an archive with this one path, or link, is read as. */
static ErrorKind read_path(const char *path, TarType type, const char *link, const TarLimits *limits,
                           char **ret) {
        TarEntry entry = { .type = type, .path = path, .link = link, .mode = 0644 };
        _cleanup_(string_buffer_done) StringBuffer tar = {};
        Sink sink = { .write = buffer_write, .userdata = &tar };
        _cleanup_(tar_writer_freep) TarWriter *writer = NULL;
        _cleanup_error_ Error error = {};
        MemorySource memory;

        CHECK(tar_writer_new(&sink, &writer) == 0);
        CHECK(tar_writer_entry(writer, &entry, NULL, 0, NULL, 0, NULL) == 0);
        CHECK(tar_writer_finish(writer, NULL) == 0);
        _cleanup_(tar_reader_freep) TarReader *reader = open_tar(&memory, tar.data, tar.size, limits);
        if (tar_reader_next(reader, &entry, &error) == 1 && ret)
                *ret = strdup(type == TAR_HARDLINK ? entry.link : entry.path);
        return error.kind;
}

static void test_paths(void) {
        static const struct {
                const char *given, *read; /* NULL: leads out */
        } paths[] = {
                { "a/b", "a/b" },
                { "/a/b", "a/b" },
                { "./a//b/./c", "a/b/c" },
                { "a/../b", "b" },
                { "./", "" },
                { ".", "" },
                { "a/b/../../c", "c" },
                { "a/..", "" },
                { "../a", NULL },
                { "a/../../b", NULL },
                { "/../etc", NULL },
                { "..", NULL },
                { "a/b/../../..", NULL },
                { "..a/b..", "..a/b.." },
                { ".../x", ".../x" },
        };

        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                _cleanup_free_ char *path = NULL, *link = NULL;
                ErrorKind expected = paths[i].read ? ERROR_NONE : ERROR_CORRUPT;
                CHECK(read_path(paths[i].given, TAR_FILE, NULL, NULL, &path) == expected);
                CHECK(read_path("x", TAR_HARDLINK, paths[i].given, NULL, &link) == expected);
                if (paths[i].read) {
                        CHECK_STRING(path, paths[i].read);
                        CHECK_STRING(link, paths[i].read);
                }
        }
}

static void test_limits(void) {
        TarLimits limits = { .path = 20, .depth = 3, .entries = 2, .xattrs = 10, .content = 100 };
        _cleanup_(string_buffer_done) StringBuffer deep = {}, tar = {};
        MemorySource memory;
        TarEntry entry;

        CHECK(read_path("a/b/c", TAR_FILE, NULL, &limits, NULL) == ERROR_NONE);
        CHECK(read_path("a/b/c/d", TAR_FILE, NULL, &limits, NULL) == ERROR_LIMIT);
        CHECK(read_path("012345678901234567890", TAR_FILE, NULL, &limits, NULL) == ERROR_LIMIT);
        CHECK(read_path("x", TAR_SYMLINK, "012345678901234567890", &limits, NULL) == ERROR_LIMIT);
        for (size_t i = 0; i < 10000; i++)
                (void) string_buffer_append_string(&deep, "d/");
        CHECK(read_path(deep.data, TAR_DIRECTORY, NULL, NULL, NULL) == ERROR_LIMIT);
        deep.data[4000] = 0;
        CHECK(read_path(deep.data, TAR_DIRECTORY, NULL, NULL, NULL) == ERROR_LIMIT);

        write_samples(&tar);
        limits.path = 4095;
        _cleanup_(tar_reader_freep) TarReader *reader = open_tar(&memory, tar.data, tar.size, &limits);
        CHECK(tar_reader_next(reader, &entry, NULL) == 1);
        CHECK(tar_reader_next(reader, &entry, NULL) == 1);
        _cleanup_error_ Error error = {};
        CHECK(tar_reader_next(reader, &entry, &error) < 0);
        CHECK(error.kind == ERROR_LIMIT);

        limits = (TarLimits){ .path = 4095, .depth = 100, .entries = 100, .xattrs = 10, .content = 100 };
        MemorySource memory2;
        _cleanup_(tar_reader_freep) TarReader *reader2 = open_tar(&memory2, tar.data, tar.size, &limits);
        int r;
        while ((r = tar_reader_next(reader2, &entry, NULL)) > 0)
                ;
        CHECK(r == -E2BIG);
}

static void test_damage(void) {
        _cleanup_(string_buffer_done) StringBuffer tar = {};
        _cleanup_error_ Error error = {};
        MemorySource memory;
        TarEntry entry;
        int r;

        write_samples(&tar);
        tar.data[3] ^= 1; /* the header's check sum */
        _cleanup_(tar_reader_freep) TarReader *reader = open_tar(&memory, tar.data, tar.size, NULL);
        CHECK(tar_reader_next(reader, &entry, &error) < 0);
        CHECK(error.kind == ERROR_CORRUPT);
        tar.data[3] ^= 1;

        MemorySource cut;
        _cleanup_error_ Error error2 = {};
        _cleanup_(tar_reader_freep) TarReader *reader2 = open_tar(&cut, tar.data, 1024 + 512 + 2, NULL);
        while ((r = tar_reader_next(reader2, &entry, &error2)) > 0) {
                const void *data;
                uint64_t offset;
                while ((r = tar_reader_data(reader2, &data, &offset, &error2)) > 0)
                        ;
                if (r < 0)
                        break;
        }
        CHECK(r < 0 && error2.kind == ERROR_CORRUPT);

        MemorySource empty;
        _cleanup_(tar_reader_freep) TarReader *reader3 = open_tar(&empty, "", 0, NULL);
        CHECK(tar_reader_next(reader3, &entry, NULL) == 0);
        MemorySource text;
        _cleanup_(tar_reader_freep) TarReader *reader4 = open_tar(&text, "this is no tar at all", 21, NULL);
        CHECK(tar_reader_next(reader4, &entry, NULL) < 0);
}

int main(void) {
        (void) setlocale(LC_CTYPE, "C.UTF-8");
        test_round_trip();
        test_sparse();
        test_paths();
        test_limits();
        test_damage();
        return TEST_RESULT();
}
