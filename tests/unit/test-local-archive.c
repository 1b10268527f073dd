/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive-module.h"
#include "fd-util.h"
#include "file-util.h"
#include "string-util.h"
#include "tar-writer.h"
#include "test.h"

/* A scratch folder with a target in it, and something outside of the target that must stay as it is. */
typedef struct Scratch {
        char path[64];
        int fd, target;
} Scratch;

static void scratch_init(Scratch *s) {
        strcpy(s->path, "/tmp/test-local-archive-XXXXXX");
        CHECK(mkdtemp(s->path));
        s->fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CHECK(mkdirat(s->fd, "target", 0700) == 0 && mkdirat(s->fd, "outside", 0700) == 0);
        CHECK(write_file_atomic_at(s->fd, "outside/file", "old", 3, 0600, 0) == 0);
        s->target = openat(s->fd, "target", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void scratch_done(Scratch *s) {
        char *text = NULL;
        struct stat st;

        CHECK(read_file_at(s->fd, "outside/file", 100, &text, NULL) == 0);
        CHECK_STRING(text, "old");
        CHECK(fstatat(s->fd, "outside/new", &st, 0) < 0);
        free(text);
        safe_close(s->target);
        safe_close(s->fd);
        CHECK(remove_tree_at(AT_FDCWD, s->path) == 0);
}

/* An archive of these entries; each file contains "new". */
static int make_tar(const TarEntry *entries) {
        _cleanup_(tar_writer_freep) TarWriter *writer = NULL;
        _cleanup_(fd_sink_done) FdSink output = {};
        int fd = memfd_create("tar", MFD_CLOEXEC);

        CHECK(fd >= 0 && fd_sink_init(&output, fd, -EBADF, "tar") == 0);
        const Sink sink = fd_sink(&output);
        CHECK(tar_writer_new(&sink, &writer) == 0);
        for (const TarEntry *e = entries; e->path; e++) {
                CHECK(tar_writer_entry(writer, e, NULL, 0, NULL, 0, NULL) == 0);
                if (e->type == TAR_FILE)
                        CHECK(tar_writer_data(writer, "new", 3, NULL) == 0);
        }
        CHECK(tar_writer_finish(writer, NULL) == 0 && fd_sink_flush(&output, NULL) == 0);
        CHECK(lseek(fd, 0, SEEK_SET) == 0);
        return fd;
}

static int unpack(Scratch *s, const TarEntry *entries, const char *name, Error *error) {
        const UnpackOptions options = { .name = name };
        _cleanup_close_ int tar = make_tar(entries);

        return local_unpack(s->target, tar, &options, error);
}

#define FOLDER(p) \
        { .type = TAR_DIRECTORY, .path = (p), .mode = 0755 }
#define NEW_FILE(p) \
        { .type = TAR_FILE, .path = (p), .mode = 0644, .size = 3 }
#define LINK(p, l) \
        { .type = TAR_SYMLINK, .path = (p), .link = (l), .mode = 0777 }
#define HARD(p, l) \
        { .type = TAR_HARDLINK, .path = (p), .link = (l), .mode = 0644 }

static void test_renaming(void) {
        static const TarEntry entries[] = { FOLDER("top"),
                                            FOLDER("top/sub"),
                                            NEW_FILE("top/sub/file"),
                                            HARD("top/hard", "top/sub/file"),
                                            LINK("top/link", "sub/file"),
                                            {} };
        struct stat a, b;
        Scratch s;

        scratch_init(&s);
        CHECK(unpack(&s, entries, "other", NULL) == 0);
        CHECK(fstatat(s.target, "other/sub/file", &a, 0) == 0 &&
              fstatat(s.target, "other/hard", &b, 0) == 0);
        CHECK(a.st_ino == b.st_ino && a.st_size == 3 && (a.st_mode & 07777) == 0644);
        /* Once more over itself, and the content alone. */
        CHECK(unpack(&s, entries, "other", NULL) == 0);
        CHECK(unpack(&s, entries, "", NULL) == 0);
        CHECK(fstatat(s.target, "sub/file", &a, 0) == 0 && fstatat(s.target, "link", &b, 0) == 0);
        scratch_done(&s);
}

static void test_links_lead_nowhere(void) {
        static const TarEntry relative[] = {
                FOLDER("top"), LINK("top/x", "../../outside"), NEW_FILE("top/x/file"), {}
        };
        static const TarEntry absolute[] = {
                FOLDER("top"), LINK("top/x", "/tmp"), NEW_FILE("top/x/new"), {}
        };
        static const TarEntry deep[] = {
                FOLDER("top"), LINK("top/x", "../.."), LINK("top/y", "x/outside"), NEW_FILE("top/y/new"), {}
        };
        static const TarEntry over[] = {
                FOLDER("top"), LINK("top/x", "../../outside/file"), NEW_FILE("top/x"), {}
        };
        static const TarEntry hard[] = {
                FOLDER("top"), LINK("top/x", "../../outside"), HARD("top/h", "top/x/file"), {}
        };
        static const TarEntry *const cases[] = { relative, absolute, deep, hard };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_error_ Error error = {};
                Scratch s;
                scratch_init(&s);
                CHECK(unpack(&s, cases[i], "top", &error) < 0);
                CHECK(error.kind == ERROR_CORRUPT && strstr(error.message, "leads out of the target"));
                scratch_done(&s);
        }
        /* A file where a link was replaces the link, and is not written through it. */
        struct stat st;
        Scratch s;
        scratch_init(&s);
        CHECK(unpack(&s, over, "top", NULL) == 0);
        CHECK(fstatat(s.target, "top/x", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode));
        scratch_done(&s);
}

static void test_links_that_were_there(void) {
        static const TarEntry entries[] = { FOLDER("top"), FOLDER("top/x"), NEW_FILE("top/x/new"), {} };
        Scratch s;

        scratch_init(&s);
        CHECK(mkdirat(s.target, "top", 0700) == 0 && symlinkat("../../outside", s.target, "top/x") == 0);
        CHECK(unpack(&s, entries, "top", NULL) < 0);
        scratch_done(&s);
}

static void test_kinds_do_not_replace_each_other(void) {
        static const TarEntry folder[] = { FOLDER("x"), {} };
        static const TarEntry file[] = { NEW_FILE("x"), {} };
        Scratch s;

        scratch_init(&s);
        CHECK(unpack(&s, folder, "x", NULL) == 0 && unpack(&s, file, "x", NULL) == -EINVAL);
        CHECK(unpack(&s, file, "y", NULL) == 0 && unpack(&s, folder, "y", NULL) == -EINVAL);
        scratch_done(&s);
}

static void test_set_id_bits(void) {
        static const TarEntry entries[] = { { .type = TAR_FILE, .path = "x", .mode = 06755, .size = 3 },
                                            {} };
        struct stat st;
        Scratch s;

        scratch_init(&s);
        CHECK(unpack(&s, entries, "x", NULL) == 0);
        CHECK(fstatat(s.target, "x", &st, 0) == 0 && (st.st_mode & 07777) == 0755);
        scratch_done(&s);
}

/* What is packed comes out of the archive as it was. */
static void test_round_trip(void) {
        const PackOptions pack = { .name = "packed" };
        const UnpackOptions options = { .name = "again" };
        _cleanup_free_ char *path = NULL, *text = NULL;
        char target[16] = {};
        Scratch s;

        scratch_init(&s);
        CHECK(mkdirat(s.fd, "source", 0750) == 0 && mkdirat(s.fd, "source/sub", 0700) == 0);
        CHECK(write_file_atomic_at(s.fd, "source/sub/file", "text", 4, 0640, 0) == 0);
        CHECK(write_file_atomic_at(s.fd, "source/empty", "", 0, 0600, 0) == 0);
        CHECK(symlinkat("nowhere", s.fd, "source/link") == 0);
        path = string_join(s.path, "/source");
        _cleanup_close_ int fd = memfd_create("tar", MFD_CLOEXEC);
        CHECK(local_pack(path, fd, &pack, NULL) == 0 && lseek(fd, 0, SEEK_SET) == 0);
        CHECK(local_unpack(s.target, fd, &options, NULL) == 0);
        CHECK(read_file_at(s.target, "again/sub/file", 100, &text, NULL) == 0);
        CHECK_STRING(text, "text");
        CHECK(readlinkat(s.target, "again/link", target, sizeof(target) - 1) == 7);
        CHECK_STRING(target, "nowhere");
        scratch_done(&s);
}

int main(void) {
        test_renaming();
        test_links_lead_nowhere();
        test_links_that_were_there();
        test_kinds_do_not_replace_each_other();
        test_set_id_bits();
        test_round_trip();
        return TEST_RESULT();
}
