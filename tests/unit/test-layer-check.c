/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "fd-util.h"
#include "file-util.h"
#include "layer-check.h"
#include "overlay.h"
#include "test.h"

static char directory[] = "/var/tmp/test-layer-check-XXXXXX";
static int good_fd, fd;
static bool stopped;

static void put(int dir_fd, const char *path, const char *text) {
        const struct timespec times[2] = { { 1000, 0 }, { 1000, 0 } };

        CHECK(write_file_atomic_at(dir_fd, path, text, strlen(text), 0644, 0) == 0);
        CHECK(utimensat(dir_fd, path, times, 0) == 0);
}

/* What both trees have. */
static void make(int dir_fd) {
        CHECK(mkdirat(dir_fd, "etc", 0755) == 0 && mkdirat(dir_fd, "srv", 0755) == 0);
        put(dir_fd, "etc/a", "hello");
        put(dir_fd, "etc/b", "world");
        put(dir_fd, "etc/linked", "twice");
        CHECK(linkat(dir_fd, "etc/linked", dir_fd, "srv/linked", 0) == 0);
        CHECK(symlinkat("etc", dir_fd, "link") == 0);
        const struct timespec times[2] = { { 1000, 0 }, { 1000, 0 } };
        CHECK(utimensat(dir_fd, "link", times, AT_SYMLINK_NOFOLLOW) == 0);
}

static const char *compare(uint64_t *ret_n) {
        static LayerDifference difference;

        layer_difference_done(&difference);
        CHECK(layer_compare(good_fd, fd, NULL, &difference) == 0);
        if (ret_n)
                *ret_n = difference.n;
        return difference.first ? difference.first : "";
}

static void set_time(const char *path, time_t seconds) {
        const struct timespec times[2] = { { seconds, 0 }, { seconds, 0 } };
        CHECK(utimensat(fd, path, times, AT_SYMLINK_NOFOLLOW) == 0);
}

static void test_equal(void) {
        CHECK_STRING(compare(NULL), "");
        /* which the archive need not say */
        set_time("etc", 5);
        CHECK_STRING(compare(NULL), "");
}

static void test_files(void) {
        put(fd, "etc/a", "hellO");
        CHECK_STRING(compare(NULL), "\"etc/a\" has another content");
        put(fd, "etc/a", "hello");
        CHECK_STRING(compare(NULL), "");
        set_time("etc/a", 2000);
        CHECK_STRING(compare(NULL), "\"etc/a\" has another time");
        set_time("etc/a", 1000);
        CHECK(fchmodat(fd, "etc/a", 04755, 0) == 0);
        CHECK_STRING(compare(NULL), "\"etc/a\" has another mode");
        CHECK(fchmodat(fd, "etc/a", 0644, 0) == 0);
        CHECK(fchmodat(fd, "srv", 0700, 0) == 0);
        CHECK_STRING(compare(NULL), "\"srv\" has another mode");
        CHECK(fchmodat(fd, "srv", 0755, 0) == 0);
        CHECK(fchmod(fd, 0700) == 0);
        CHECK_STRING(compare(NULL), "\"/\" has another mode");
        CHECK(fchmod(fd, 0755) == 0);
        CHECK_STRING(compare(NULL), "");
}

static void test_names(void) {
        uint64_t n;

        put(fd, "etc/zz", "more");
        CHECK_STRING(compare(NULL), "\"etc/zz\" does not belong there");
        CHECK(unlinkat(fd, "etc/zz", 0) == 0);
        CHECK(unlinkat(fd, "etc/a", 0) == 0 && unlinkat(fd, "link", 0) == 0);
        CHECK_STRING(compare(&n), "\"etc/a\" is missing");
        CHECK(n == 2);
        put(fd, "etc/a", "hello");
        CHECK(symlinkat("srv", fd, "link") == 0);
        set_time("link", 1000);
        CHECK_STRING(compare(NULL), "\"link\" has another content");
        CHECK(unlinkat(fd, "link", 0) == 0);
        put(fd, "link", "etc");
        CHECK_STRING(compare(NULL), "\"link\" is another kind of file");
        CHECK(unlinkat(fd, "link", 0) == 0 && symlinkat("etc", fd, "link") == 0);
        set_time("link", 1000);
        CHECK(unlinkat(fd, "srv/linked", 0) == 0);
        put(fd, "srv/linked", "twice");
        CHECK_STRING(compare(&n), "\"etc/linked\" has other hard links");
        CHECK(n == 2);
        CHECK(unlinkat(fd, "srv/linked", 0) == 0 && linkat(fd, "etc/linked", fd, "srv/linked", 0) == 0);
        CHECK_STRING(compare(NULL), "");
}

static void test_attributes(void) {
        _cleanup_close_ int file = openat(fd, "etc/b", O_RDWR | O_CLOEXEC);

        if (fsetxattr(file, "user.x", "y", 1, 0) < 0)
                return; /* this file system has none */
        CHECK_STRING(compare(NULL), "\"etc/b\" has other extended attributes");
        CHECK(fremovexattr(file, "user.x") == 0);
        CHECK(overlay_set_opaque_at(fd, "srv") == 0);
        CHECK_STRING(compare(NULL), "\"srv\" hides other files of the layers below");
}

static bool is_stopped(void) {
        return stopped;
}

static void test_cancelling(void) {
        LayerDifference difference;

        stopped = true;
        CHECK(layer_compare(good_fd, fd, is_stopped, &difference) == -ECANCELED);
}

int main(void) {
        if (!mkdtemp(directory))
                return 77;
        umask(022);
        _cleanup_close_ int top = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        good_fd = mkdir_open_at(top, "good", 0755);
        fd = mkdir_open_at(top, "there", 0755);
        make(good_fd);
        make(fd);
        test_equal();
        test_files();
        test_names();
        test_attributes();
        test_cancelling();
        safe_close(good_fd);
        safe_close(fd);
        CHECK(remove_tree_at(AT_FDCWD, directory) == 0);
        return TEST_RESULT();
}
