/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd-util.h"
#include "file-util.h"
#include "root-path.h"
#include "test.h"

static int root, outside;

/* What was opened is the thing at `actual` below the root. */
static void check(const char *path, TargetType type, const char *actual) {
        struct stat a, b;
        _cleanup_close_ int fd = root_open_target(root, path, type);

        if (fd < 0)
                fprintf(stderr, "%s: %s\n", path, strerror(-fd));
        CHECK(fd >= 0 && fstat(fd, &a) == 0);
        if (fd < 0)
                return;
        CHECK(fstatat(root, actual, &b, AT_SYMLINK_NOFOLLOW) == 0);
        CHECK(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
        CHECK(type == TARGET_DIRECTORY ? S_ISDIR(a.st_mode) : S_ISREG(a.st_mode));
}

static void test_outside_is_untouched(void) {
        DIR *dir = opendir_at(outside, ".");

        CHECK(dir);
        CHECK(readdir_no_dot(dir) == NULL);
        (void) closedir(dir);
}

int main(void) {
        char top[] = "/tmp/test-root-path-XXXXXX", link[128];

        CHECK(mkdtemp(top));
        _cleanup_close_ int fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CHECK(mkdirat(fd, "root", 0755) == 0 && mkdirat(fd, "outside", 0755) == 0);
        root = openat(fd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
        outside = openat(fd, "outside", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        check("/a/b/c", TARGET_DIRECTORY, "a/b/c");
        check("/a/b/c", TARGET_DIRECTORY, "a/b/c");
        check("a//b/./d", TARGET_FILE, "a/b/d");
        check("/a/b/../e", TARGET_DIRECTORY, "a/e");
        check("/../../f", TARGET_FILE, "f");
        check("/a/b/c/", TARGET_DIRECTORY, "a/b/c");

        /* Symlinks stay inside, absolute ones too, and their missing targets are made there. */
        CHECK(symlinkat("/run", root, "var-run") == 0);
        check("/var-run/x", TARGET_FILE, "run/x");
        CHECK(symlinkat("../run/systemd/resolve/stub", root, "a/resolv.conf") == 0);
        check("/a/resolv.conf", TARGET_FILE, "run/systemd/resolve/stub");
        CHECK(symlinkat("../../../../outside/bad", root, "escape") == 0);
        check("/escape", TARGET_FILE, "outside/bad");
        (void) snprintf(link, sizeof(link), "%s/outside", top);
        CHECK(symlinkat(link, root, "absolute") == 0);
        check("/absolute/", TARGET_DIRECTORY, link + 1);
        check("/absolute/x", TARGET_DIRECTORY, strcat(link, "/x") + 1);

        CHECK(symlinkat("loop-b", root, "loop-a") == 0 && symlinkat("loop-a", root, "loop-b") == 0);
        CHECK(root_open_target(root, "/loop-a/x", TARGET_FILE) == -ELOOP);
        CHECK(root_open_target(root, "/f", TARGET_DIRECTORY) == -ENOTDIR);
        CHECK(root_open_target(root, "/a", TARGET_FILE) == -EISDIR);
        CHECK(root_open_target(root, "/f/x", TARGET_FILE) == -ENOTDIR);

        const char *name;
        _cleanup_close_ int parent = root_open_parent(root, "/new/link", &name);
        CHECK(parent >= 0);
        CHECK_STRING(name, "link");
        CHECK(root_open_parent(root, "/new/..", &name) == -EINVAL);
        CHECK(root_open_parent(root, "/new/", &name) == -EINVAL);

        test_outside_is_untouched();
        CHECK(remove_tree_at(AT_FDCWD, top) == 0);
        close(root);
        close(outside);
        return TEST_RESULT();
}
