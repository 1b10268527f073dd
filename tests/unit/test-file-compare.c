/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "fd-util.h"
#include "file-compare.h"
#include "file-util.h"
#include "test.h"

#define ALL                                                                                 \
        (FILE_DIFFERS_TYPE | FILE_DIFFERS_MODE | FILE_DIFFERS_OWNER | FILE_DIFFERS_XATTRS | \
         FILE_DIFFERS_CONTENT)

static int folder = -EBADF;

static int compare(const char *a, const char *b, FileDifference wanted, bool (*cancelled)(void)) {
        _cleanup_close_ int fd_a = openat(folder, a, O_PATH | O_NOFOLLOW | O_CLOEXEC),
                            fd_b = openat(folder, b, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        struct stat st_a, st_b;

        CHECK(fd_a >= 0 && fd_b >= 0 && fstat(fd_a, &st_a) >= 0 && fstat(fd_b, &st_b) >= 0);
        int r = file_compare(fd_a, &st_a, fd_b, &st_b, wanted, cancelled);
        CHECK(file_compare(fd_b, &st_b, fd_a, &st_a, wanted, cancelled) == r);
        return r;
}

static void write_file(const char *name, const char *content, size_t size, mode_t mode) {
        CHECK(write_file_atomic_at(folder, name, content, size, mode, 0) >= 0);
}

static void test_files(void) {
        static char big[300 * 1024];

        write_file("a", "same", 4, 0644);
        write_file("b", "same", 4, 0644);
        CHECK(compare("a", "a", ALL, NULL) == 0 && compare("a", "b", ALL, NULL) == 0);
        write_file("b", "sane", 4, 0644);
        CHECK(compare("a", "b", ALL, NULL) == FILE_DIFFERS_CONTENT);
        CHECK(compare("a", "b", FILE_DIFFERS_MODE, NULL) == 0);
        write_file("b", "same!", 5, 0644);
        CHECK(compare("a", "b", ALL, NULL) == FILE_DIFFERS_CONTENT);
        write_file("b", "same", 4, 0600);
        CHECK(compare("a", "b", ALL, NULL) == FILE_DIFFERS_MODE);

        /* In the last byte of several blocks. */
        write_file("a", big, sizeof(big), 0644);
        write_file("b", big, sizeof(big), 0644);
        CHECK(compare("a", "b", ALL, NULL) == 0);
        big[sizeof(big) - 1] = 1;
        write_file("b", big, sizeof(big), 0644);
        CHECK(compare("a", "b", ALL, NULL) == FILE_DIFFERS_CONTENT);
}

static void test_links(void) {
        CHECK(symlinkat("one", folder, "l1") >= 0 && symlinkat("one", folder, "l2") >= 0 &&
              symlinkat("onf", folder, "l3") >= 0 && symlinkat("one/", folder, "l4") >= 0);
        CHECK(compare("l1", "l2", ALL, NULL) == 0);
        CHECK(compare("l1", "l3", ALL, NULL) == FILE_DIFFERS_CONTENT);
        CHECK(compare("l1", "l4", ALL, NULL) == FILE_DIFFERS_CONTENT);
        CHECK(compare("l1", "a", ALL, NULL) == FILE_DIFFERS_TYPE);
}

static void test_times(void) {
        const struct timespec old[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };

        write_file("a", "x", 1, 0644);
        write_file("b", "x", 1, 0644);
        CHECK(utimensat(folder, "b", old, 0) >= 0);
        CHECK(compare("a", "b", ALL, NULL) == 0);
        CHECK(compare("a", "b", ALL | FILE_DIFFERS_TIME, NULL) == FILE_DIFFERS_TIME);
}

static void test_attributes(void) {
        write_file("a", "x", 1, 0644);
        write_file("b", "x", 1, 0644);
        _cleanup_close_ int fd = openat(folder, "b", O_RDONLY | O_CLOEXEC);
        if (fsetxattr(fd, "user.overlay.opaque", "y", 1, 0) < 0)
                return;                           /* a file system without them */
        CHECK(compare("a", "b", ALL, NULL) == 0); /* that is no property of the file */
        CHECK(fsetxattr(fd, "user.color", "red", 3, 0) >= 0);
        CHECK(compare("a", "b", ALL, NULL) == FILE_DIFFERS_XATTRS);
}

static bool cancelled(void) {
        return true;
}

static void test_cancelling(void) {
        write_file("a", "x", 1, 0644);
        write_file("b", "x", 1, 0644);
        CHECK(compare("a", "b", ALL, cancelled) == -ECANCELED);
}

int main(void) {
        char path[] = "/var/tmp/test-file-compare-XXXXXX";

        CHECK(mkdtemp(path));
        folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        test_files();
        test_links();
        test_times();
        test_attributes();
        test_cancelling();
        safe_close(folder);
        CHECK(remove_tree_at(AT_FDCWD, path) >= 0);
        return TEST_RESULT();
}
