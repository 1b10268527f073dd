/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <locale.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "compress.h"
#include "content-store.h"
#include "digest.h"
#include "extract.h"
#include "fd-util.h"
#include "file-util.h"
#include "overlay.h"
#include "pack.h"
#include "string-util.h"
#include "tar-writer.h"
#include "test.h"

/* Unpacking into a folder, as any user: owners and device nodes are left to the integration tests. */

static char scratch[] = "/var/tmp/test-unpack-XXXXXX";

static int buffer_write(void *userdata, const void *data, size_t size, Error *error) {
        return string_buffer_append(userdata, data, size);
}

/* "d path", "f path content", "l path target", "h path target", "w path" (an empty file); a mode of 0 is 0755. */
typedef struct Item {
        char type;
        const char *path, *value;
        mode_t mode;
} Item;

static void make_tar(const Item *items, size_t n, StringBuffer *ret) {
        Sink sink = { .write = buffer_write, .userdata = ret };
        _cleanup_(tar_writer_freep) TarWriter *tar = NULL;

        CHECK(tar_writer_new(&sink, &tar) == 0);
        for (size_t i = 0; i < n; i++) {
                const Item *item = &items[i];
                TarEntry entry = {
                        .type = item->type == 'd'   ? TAR_DIRECTORY
                                : item->type == 'l' ? TAR_SYMLINK
                                : item->type == 'h' ? TAR_HARDLINK
                                : item->type == 'p' ? TAR_FIFO
                                                    : TAR_FILE,
                        .path = item->path,
                        .link = item->value,
                        .mode = item->mode ?: 0755,
                        .modified = { 1000 + i },
                };
                if (item->type == 'f')
                        entry.size = strlen(item->value);
                CHECK(tar_writer_entry(tar, &entry, NULL, 0, NULL, 0, NULL) == 0);
                if (item->type == 'f')
                        CHECK(tar_writer_data(tar, item->value, entry.size, NULL) == 0);
        }
        CHECK(tar_writer_finish(tar, NULL) == 0);
}

static int fresh_folder(void) {
        static unsigned number;
        char path[100];

        snprintf(path, sizeof(path), "%s/%u", scratch, number++);
        int fd = mkdir_open_at(AT_FDCWD, path, 0755);
        CHECK(fd >= 0);
        return fd;
}

static const ExtractOptions as_layer = { .layer = true, .keep_owner = true, .no_privileges = true };
static const ExtractOptions as_archive = { .no_privileges = true };

static ErrorKind extract(int fd, const char *prefix, const Item *items, size_t n,
                         const ExtractOptions *options) {
        _cleanup_(string_buffer_done) StringBuffer tar = {};
        _cleanup_(tar_reader_freep) TarReader *reader = NULL;
        _cleanup_(tree_done) Tree tree = { .parent_fd = -EBADF };
        _cleanup_error_ Error error = {};

        make_tar(items, n, &tar);
        MemorySource memory = { .data = tar.data, .size = tar.size };
        Source source = memory_source(&memory);
        CHECK(tar_reader_new(&source, NULL, &reader) == 0);
        CHECK(tree_init(&tree, fd, prefix, options->layer) == 0);
        tree.uid = geteuid();
        tree.gid = getegid();
        (void) extract_archive(&tree, reader, options, NULL, &error);
        return error.kind;
}
#define EXTRACT(fd, options, ...) \
        extract((fd), "", (Item[]){ __VA_ARGS__ }, ELEMENTSOF(((Item[]){ __VA_ARGS__ })), (options))

static void check_file(int fd, const char *path, const char *content) {
        _cleanup_free_ char *text = NULL;

        int r = read_file_at(fd, path, 1000, &text, NULL);
        if (content)
                CHECK_STRING(text, content);
        else
                CHECK(r == -ENOENT);
}

static bool is_whiteout(int fd, const char *path) {
        struct stat st;

        return fstatat(fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && overlay_stat_is_whiteout(&st);
}

static bool is_opaque(int fd, const char *path) {
        _cleanup_close_ int dir = openat(fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return dir >= 0 && overlay_is_opaque(dir) == 1;
}

static void test_plain(void) {
        _cleanup_close_ int fd = fresh_folder();
        struct stat a, b;
        char target[100] = "";

        CHECK(EXTRACT(fd, &as_layer, { 'd', "./", .mode = 0711 }, { 'd', "d", .mode = 01770 },
                      { 'f', "d/f", "text", 0640 }, { 'h', "h", "d/f" }, { 'l', "abs", "/etc/passwd" },
                      { 'f', "deep/er/x", "made", 0600 }, { 'p', "fifo" },
                      { 'f', "empty", "" }) == ERROR_NONE);
        check_file(fd, "d/f", "text");
        check_file(fd, "deep/er/x", "made");
        CHECK(readlinkat(fd, "abs", target, sizeof(target)) > 0);
        CHECK_STRING(target, "/etc/passwd");
        CHECK(fstatat(fd, "d/f", &a, 0) == 0 && fstatat(fd, "h", &b, 0) == 0 && a.st_ino == b.st_ino);
        CHECK(a.st_mode == (S_IFREG | 0640) && a.st_mtime == 1002);
        CHECK(fstatat(fd, "d", &a, 0) == 0 && a.st_mode == (S_IFDIR | 01770) && a.st_mtime == 1001);
        CHECK(fstat(fd, &a) == 0 && (a.st_mode & 07777) == 0711 && a.st_mtime == 1000);
        CHECK(fstatat(fd, "fifo", &a, 0) == 0 && S_ISFIFO(a.st_mode));
        CHECK(fstatat(fd, "abs", &a, AT_SYMLINK_NOFOLLOW) == 0 && a.st_mtime == 1004);
}

static void test_replacing(void) {
        _cleanup_close_ int fd = fresh_folder();

        CHECK(EXTRACT(fd, &as_layer, { 'f', "x", "one" }, { 'f', "x", "two" }, { 'd', "y" },
                      { 'f', "y/z", "gone" }, { 'f', "y", "file now" }, { 'f', "w", "file" }, { 'd', "w" },
                      { 'f', "w/in", "dir now" }, { 'l', "l", "y" }, { 'f', "l", "no link now" },
                      { 'd', "m" }, { 'f', "m/a", "1" }, { 'd', "m" }, { 'f', "m/b", "2" },
                      { 'f', "s", "self" }, { 'h', "s", "s" }) == ERROR_NONE);
        check_file(fd, "x", "two");
        check_file(fd, "y", "file now");
        check_file(fd, "w/in", "dir now");
        check_file(fd, "l", "no link now");
        check_file(fd, "m/a", "1");
        check_file(fd, "m/b", "2");
        check_file(fd, "s", "self");
}

/* Whatever the archive says, nothing appears beside the folder. */
static void test_escapes(void) {
        _cleanup_close_ int outer = fresh_folder();
        _cleanup_close_ int fd = mkdir_open_at(outer, "inner", 0755);
        _cleanup_free_ char *outside = format_string("%s/outside", scratch);

        CHECK(write_file_atomic_at(outer, "victim", "old", 3, 0644, 0) == 0);
        CHECK(mkdir_parents_at(AT_FDCWD, outside, 0755) == 0);
        CHECK(EXTRACT(fd, &as_layer, { 'f', "../victim", "new" }) == ERROR_CORRUPT);
        CHECK(EXTRACT(fd, &as_layer, { 'f', "a/../../victim", "new" }) == ERROR_CORRUPT);
        CHECK(EXTRACT(fd, &as_layer, { 'h', "mine", "../victim" }) == ERROR_CORRUPT);
        /* Links are followed on the way to a parent, but only inside. */
        CHECK(EXTRACT(fd, &as_layer, { 'l', "up", ".." }, { 'f', "up/victim", "new" }) == ERROR_NONE);
        check_file(fd, "victim", "new");
        CHECK(EXTRACT(fd, &as_layer, { 'l', "abs", "/" }, { 'f', "abs/etc-file", "in" }) == ERROR_NONE);
        check_file(fd, "etc-file", "in");
        CHECK(EXTRACT(fd, &as_layer, { 'l', "out", outside }, { 'f', "out/f", "new" }) == ERROR_CORRUPT);
        CHECK(EXTRACT(fd, &as_layer, { 'l', "far", "../../../../../../../../etc" }, { 'd', "etc" },
                      { 'f', "far/passwd", "mine" }) == ERROR_NONE);
        check_file(fd, "etc/passwd", "mine");
        /* The last component is never followed. */
        CHECK(EXTRACT(fd, &as_layer, { 'l', "link", "../victim" }, { 'f', "link", "file" }) == ERROR_NONE);
        check_file(fd, "link", "file");
        CHECK(EXTRACT(fd, &as_layer, { 'l', "dlink", ".." }, { 'd', "dlink" },
                      { 'f', "dlink/victim", "x" }) == ERROR_NONE);
        check_file(fd, "dlink/victim", "x");
        CHECK(EXTRACT(fd, &as_layer, { 'l', "hl", "/etc/passwd" }, { 'h', "hard", "hl" }) == ERROR_NONE);
        struct stat st;
        CHECK(fstatat(fd, "hard", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode));
        CHECK(EXTRACT(fd, &as_layer, { 'h', "none", "missing" }) == ERROR_CORRUPT);
        CHECK(EXTRACT(fd, &as_layer, { 'd', "dir" }, { 'h', "hd", "dir" }) == ERROR_CORRUPT);
        CHECK(EXTRACT(fd, &as_layer, { 'f', "file", "x" }, { 'f', "file/below", "y" }) == ERROR_CORRUPT);
        CHECK(EXTRACT(fd, &as_layer, { 'l', "loop", "loop" }, { 'f', "loop/x", "y" }) == ERROR_CORRUPT);
        check_file(outer, "victim", "old");
        _cleanup_free_ char *f = string_join(outside, "/f");
        check_file(AT_FDCWD, f, NULL);
}

static void test_whiteouts(void) {
        _cleanup_close_ int fd = fresh_folder();

        CHECK(EXTRACT(fd, &as_layer, { 'f', ".wh.gone", "" }, { 'f', "d/.wh.gone", "" },
                      /* the same name in the same layer: the whiteout is about the layers below */
                      { 'f', ".wh.before", "" }, { 'f', "before", "new" }, { 'f', "after", "new" },
                      { 'f', ".wh.after", "" }, { 'f', ".wh.dirbefore", "" }, { 'd', "dirbefore" },
                      { 'f', "dirbefore/x", "new" }, { 'd', "dirafter" }, { 'f', "dirafter/x", "new" },
                      { 'f', ".wh.dirafter", "" }, { 'f', ".wh.implied", "" }, { 'f', "implied/x", "new" },
                      /* opaque before and after what is in it */
                      { 'd', "o1" }, { 'f', "o1/.wh..wh..opq", "" }, { 'f', "o1/x", "new" },
                      { 'f', "o1/.wh.y", "" }, { 'f', "o2/.wh.y", "" }, { 'f', "o2/x", "new" },
                      { 'f', "o2/.wh..wh..opq", "" }, { 'd', "o2" },
                      { 'f', ".wh..wh.plnk", "" }) == ERROR_NONE);
        CHECK(is_whiteout(fd, "gone") && is_whiteout(fd, "d/gone"));
        check_file(fd, "before", "new");
        check_file(fd, "after", "new");
        check_file(fd, "dirbefore/x", "new");
        check_file(fd, "dirafter/x", "new");
        check_file(fd, "implied/x", "new");
        CHECK(is_opaque(fd, "dirbefore") && is_opaque(fd, "dirafter") && is_opaque(fd, "implied"));
        CHECK(is_opaque(fd, "o1") && is_opaque(fd, "o2") && !is_opaque(fd, "d"));
        check_file(fd, "o1/x", "new");
        check_file(fd, "o2/x", "new");
        CHECK(faccessat(fd, "o1/y", F_OK, AT_SYMLINK_NOFOLLOW) < 0 &&
              faccessat(fd, "o2/y", F_OK, AT_SYMLINK_NOFOLLOW) < 0);
        CHECK(faccessat(fd, ".wh..wh.plnk", F_OK, 0) < 0);
        CHECK(EXTRACT(fd, &as_layer, { 'f', ".wh.", "" }) == ERROR_CORRUPT);
        CHECK(EXTRACT(fd, &as_layer, { 'f', "d/.wh..", "" }) == ERROR_CORRUPT);
        CHECK(EXTRACT(fd, &as_layer, { 'f', "d/.wh...", "" }) == ERROR_CORRUPT);
        /* In an archive for a container they are files like others. */
        CHECK(EXTRACT(fd, &as_archive, { 'f', ".wh.x", "text" }) == ERROR_NONE);
        check_file(fd, ".wh.x", "text");
}

static void test_archive_into_container(void) {
        static const ExtractOptions careful = { .no_privileges = true, .no_overwrite_dir_non_dir = true };
        _cleanup_close_ int fd = fresh_folder();

        CHECK(EXTRACT(fd, &as_archive, { 'd', "data" }, { 'd', "dir" }, { 'f', "file", "old" },
                      { 'l', "data/abs", "/dir" }) == ERROR_NONE);
        CHECK(EXTRACT(fd, &careful, { 'f', "dir", "x" }) == ERROR_INVALID);
        CHECK(EXTRACT(fd, &careful, { 'd', "file" }) == ERROR_INVALID);
        CHECK(EXTRACT(fd, &careful, { 'f', "file", "new" }, { 'd', "dir" }) == ERROR_NONE);
        check_file(fd, "file", "new");
        /* Absolute links mean the container's root, also below a prefix. */
        CHECK(extract(fd, "/data", (Item[]){ { 'f', "abs/x", "via" } }, 1, &as_archive) == ERROR_NONE);
        check_file(fd, "dir/x", "via");
        CHECK(extract(fd, "/data/", (Item[]){ { 'f', "y", "y" } }, 1, &as_archive) == ERROR_NONE);
        check_file(fd, "data/y", "y");
}

/* A tree, packed as an upper directory, and unpacked again, is the same. */
static void test_pack_round_trip(void) {
        _cleanup_close_ int fd = fresh_folder(), again = fresh_folder();
        _cleanup_(string_buffer_done) StringBuffer one = {}, two = {};
        PackOptions options = { .prefix = "", .upper = true };

        CHECK(EXTRACT(fd, &as_layer, { 'd', "a" }, { 'f', "a/f", "text", 0604 }, { 'h', "b", "a/f" },
                      { 'l', "l", "x" }, { 'f', ".wh.gone", "" }, { 'd', "o" },
                      { 'f', "o/.wh..wh..opq", "" }, { 'f', "o/z", "z" }, { 'd', "./" }) == ERROR_NONE);
        for (unsigned i = 0; i < 2; i++) {
                StringBuffer *out = i == 0 ? &one : &two;
                Sink sink = { .write = buffer_write, .userdata = out };
                _cleanup_(tar_writer_freep) TarWriter *tar = NULL;
                CHECK(tar_writer_new(&sink, &tar) == 0);
                CHECK(pack_tree(i == 0 ? fd : again, &options, tar, NULL) == 0);
                CHECK(tar_writer_finish(tar, NULL) == 0);
                if (i > 0)
                        break;
                MemorySource memory = { .data = one.data, .size = one.size };
                Source source = memory_source(&memory);
                _cleanup_(tar_reader_freep) TarReader *reader = NULL;
                _cleanup_(tree_done) Tree tree = { .parent_fd = -EBADF };
                CHECK(tar_reader_new(&source, NULL, &reader) == 0 && tree_init(&tree, again, "", true) == 0);
                CHECK(extract_archive(&tree, reader, &as_layer, NULL, NULL) == 0);
        }
        CHECK(one.size == two.size && memcmp(one.data, two.data, one.size) == 0);
        CHECK(is_whiteout(again, "gone") && is_opaque(again, "o"));
        CHECK(EXTRACT(fd, &as_archive, { 'f', ".wh.real", "x" }) == ERROR_NONE);
        Sink sink = { .write = buffer_write, .userdata = &two };
        _cleanup_(tar_writer_freep) TarWriter *tar = NULL;
        CHECK(tar_writer_new(&sink, &tar) == 0);
        CHECK(pack_tree(fd, &options, tar, NULL) == -EOPNOTSUPP);
}

static void test_sparse(void) {
        static const TarExtent extents[] = { { 50 * MIB, 3 } };
        TarEntry entry = { TAR_FILE, "sparse", .mode = 0644, .size = 100 * MIB };
        _cleanup_close_ int fd = fresh_folder();
        _cleanup_(string_buffer_done) StringBuffer tar = {}, packed = {};
        Sink sink = { .write = buffer_write, .userdata = &tar };
        _cleanup_(tar_writer_freep) TarWriter *writer = NULL, *packer = NULL;
        _cleanup_(tar_reader_freep) TarReader *reader = NULL;
        _cleanup_(tree_done) Tree tree = { .parent_fd = -EBADF };
        struct stat st;

        CHECK(tar_writer_new(&sink, &writer) == 0);
        CHECK(tar_writer_entry(writer, &entry, NULL, 0, extents, 1, NULL) == 0);
        CHECK(tar_writer_zeros(writer, 50 * MIB, NULL) == 0 &&
              tar_writer_data(writer, "abc", 3, NULL) == 0 &&
              tar_writer_zeros(writer, 50 * MIB - 3, NULL) == 0 && tar_writer_finish(writer, NULL) == 0);
        MemorySource memory = { .data = tar.data, .size = tar.size };
        Source source = memory_source(&memory);
        CHECK(tar_reader_new(&source, NULL, &reader) == 0 && tree_init(&tree, fd, "", true) == 0);
        CHECK(extract_archive(&tree, reader, &as_layer, NULL, NULL) == 0);
        CHECK(fstatat(fd, "sparse", &st, 0) == 0 && st.st_size == (off_t) (100 * MIB) &&
              st.st_blocks < 1000);
        PackOptions options = { .prefix = "name", .skip_root = true };
        sink.userdata = &packed;
        CHECK(tar_writer_new(&sink, &packer) == 0 && pack_tree(fd, &options, packer, NULL) == 0 &&
              tar_writer_finish(packer, NULL) == 0);
        CHECK(packed.size < 100000);
}

/* ---- the store ---- */

static void compress_gzip(const StringBuffer *data, StringBuffer *ret) {
        Sink sink = { .write = buffer_write, .userdata = ret };
        _cleanup_(compressor_freep) Compressor *c = NULL;

        CHECK(compressor_new(COMPRESSION_GZIP, &sink, &c) == 0);
        CHECK(compressor_write(c, data->data, data->size, NULL) == 0 && compressor_finish(c, NULL) == 0);
}

typedef struct Blob {
        StringBuffer data;
        char digest[DIGEST_TEXT_SIZE], diff_id[DIGEST_TEXT_SIZE];
} Blob;

static void make_blob(Blob *ret) {
        _cleanup_(string_buffer_done) StringBuffer tar = {};
        Item items[] = { { 'd', "d" }, { 'f', "d/f", "in the layer" } };

        *ret = (Blob){};
        make_tar(items, 2, &tar);
        digest_of(tar.data, tar.size, ret->diff_id);
        compress_gzip(&tar, &ret->data);
        digest_of(ret->data.data, ret->data.size, ret->digest);
}

/* Sends the first n bytes, unpacking behind. Returns the error of the whole. */
static ErrorKind transfer(ContentStore *content, const Blob *blob, size_t n, const char *digest,
                          const char *diff_id, bool resume) {
        ImageLayer layer = { .digest = (char *) digest,
                             .diff_id = (char *) diff_id,
                             .size = blob->data.size };
        _cleanup_(blob_writer_freep) BlobWriter *writer = NULL;
        _cleanup_error_ Error error = {};
        LayerUnpack *unpack;

        CHECK(blob_writer_open(content, digest, blob->data.size, resume, &writer, NULL) == 0);
        CHECK(unpack_start(content, &layer, writer, "layer", &unpack, NULL) == 0);
        for (size_t at = blob_writer_size(writer); at < n; at += 7)
                CHECK(blob_writer_append(writer, blob->data.data + at, MIN((size_t) 7, n - at), NULL) == 0);
        int r = 0;
        if (n == blob->data.size)
                r = blob_writer_commit(writer, &error);
        else
                blob_writer_abort(writer, resume,
                                  &(Error){ .kind = ERROR_REGISTRY, .message = (char *) "cut" });
        Error unpack_error = {};
        if (unpack_wait(unpack, NULL, NULL, &unpack_error) < 0 && r >= 0)
                error_move(&error, &unpack_error);
        error_done(&unpack_error);
        return error.kind;
}

static unsigned count_entries(const char *format, const char *state) {
        _cleanup_free_ char *path = string_join(state, format);
        _cleanup_closedir_ DIR *dir = opendir_at(AT_FDCWD, path);
        unsigned n = 0;

        while (dir && readdir_no_dot(dir))
                n++;
        return n;
}

static void test_store(void) {
        _cleanup_free_ char *state = format_string("%s/state", scratch);
        _cleanup_(content_closep) ContentStore *content = NULL;
        char wrong[] = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
        uint64_t size;
        Blob blob;

        make_blob(&blob);
        CHECK(content_open(state, NULL, &content, NULL) == 0);
        /* wrong in either digest, cut off: nothing is left */
        CHECK(transfer(content, &blob, blob.data.size, wrong, blob.diff_id, false) == ERROR_CORRUPT);
        CHECK(transfer(content, &blob, blob.data.size / 2, blob.digest, blob.diff_id, false) ==
              ERROR_REGISTRY);
        CHECK(count_entries("/blobs/sha256", state) == 0 && count_entries("/layers", state) == 0);
        CHECK(transfer(content, &blob, blob.data.size, blob.digest, wrong, false) == ERROR_CORRUPT);
        CHECK(count_entries("/layers", state) == 0 && content_has_blob(content, blob.digest, NULL));
        _cleanup_free_ char *path = format_string("%s/blobs/sha256/%s", state, digest_hex(blob.digest));
        CHECK(unlink(path) == 0);
        /* what can be resumed is kept, and resumed */
        CHECK(transfer(content, &blob, blob.data.size / 2, blob.digest, blob.diff_id, true) ==
              ERROR_REGISTRY);
        CHECK(count_entries("/blobs/sha256", state) == 1 && count_entries("/layers", state) == 0);
        CHECK(transfer(content, &blob, blob.data.size, blob.digest, blob.diff_id, true) == ERROR_NONE);
        CHECK(content_has_layer(content, blob.diff_id, &size) && size == strlen("in the layer"));
        CHECK(count_entries("/blobs/sha256", state) == 1 && count_entries("/layers", state) == 1);
        /* a second time nothing changes */
        CHECK(transfer(content, &blob, blob.data.size, blob.digest, blob.diff_id, false) == ERROR_NONE);
        CHECK(count_entries("/blobs/sha256", state) == 1 && count_entries("/layers", state) == 1);
        _cleanup_free_ char *file = format_string("%s/layers/%s/fs/d/f", state, digest_hex(blob.diff_id));
        check_file(AT_FDCWD, file, "in the layer");
        string_buffer_done(&blob.data);
}

static void test_small_blobs(void) {
        _cleanup_free_ char *state = format_string("%s/state2", scratch), *digest = NULL, *text = NULL;
        _cleanup_(content_closep) ContentStore *content = NULL;
        _cleanup_error_ Error error = {};
        size_t size;

        CHECK(content_open(state, NULL, &content, NULL) == 0);
        CHECK(content_add_blob(content, "hello", 5, &digest, NULL) == 0);
        CHECK(content_read_blob(content, digest, 100, &text, &size, NULL) == 0);
        CHECK(size == 5 && streq(text, "hello"));
        CHECK(content_read_blob(content, digest, 4, &text, &size, NULL) == -E2BIG);
        _cleanup_free_ char *path = format_string("%s/blobs/sha256/%s", state, digest_hex(digest));
        CHECK(write_file_atomic_at(AT_FDCWD, path, "HELLO", 5, 0600, 0) == 0);
        char *damaged;
        CHECK(content_read_blob(content, digest, 100, &damaged, &size, &error) < 0 &&
              error.kind == ERROR_CORRUPT);
}

int main(void) {
        (void) setlocale(LC_CTYPE, "C.UTF-8");
        umask(0);
        if (!mkdtemp(scratch))
                return 77;
        test_plain();
        test_replacing();
        test_escapes();
        test_whiteouts();
        test_archive_into_container();
        test_pack_round_trip();
        test_sparse();
        test_store();
        test_small_blobs();
        CHECK(remove_tree_at(AT_FDCWD, scratch) == 0);
        return TEST_RESULT();
}
