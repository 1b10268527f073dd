/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/mount.h>

#include "mount-options.h"
#include "mount-target.h"
#include "string-util.h"
#include "test.h"

static const struct {
        MountType type;
        const char *options;
        uint64_t attributes, propagation;
        const char *data;
} good[] = {
        { MOUNT_BIND, NULL, 0, MS_PRIVATE, NULL },
        { MOUNT_BIND, "ro,noexec,rslave", MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC, MS_SLAVE, NULL },
        { MOUNT_BIND, "ro,rw,rshared,z", 0, MS_SHARED, NULL },
        { MOUNT_VOLUME, "nosuid", MOUNT_ATTR_NOSUID, MS_PRIVATE, NULL },
        { MOUNT_TMPFS, "exec,size=64m,mode=1777", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, MS_PRIVATE,
          "size=67108864,mode=1777" },
        { MOUNT_TMPFS, "size=50%,uid=1000,noswap", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
          MS_PRIVATE, "size=50%,uid=1000,noswap" },
        { MOUNT_IMAGE, "rw", MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV, MS_PRIVATE, NULL },
        { MOUNT_DEVPTS, "max=7,mode=620", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, MS_PRIVATE,
          "max=7,mode=620" },
};

static const struct {
        MountType type;
        const char *options, *named;
} bad[] = {
        { MOUNT_BIND, "size=1m", "size" },       { MOUNT_BIND, "rprivat", "rprivat" },
        { MOUNT_TMPFS, "rslave", "rslave" },     { MOUNT_TMPFS, "size", "value" },
        { MOUNT_TMPFS, "size=", "value" },       { MOUNT_TMPFS, "size=huge", "size (" },
        { MOUNT_TMPFS, "mode=rwx", "octal" },    { MOUNT_TMPFS, "uid=root", "number" },
        { MOUNT_TMPFS, "noswap=1", "no value" }, { MOUNT_TMPFS, "sizes=1m", "there are size" },
        { MOUNT_DEVPTS, "size=1m", "devpts" },   { MOUNT_IMAGE, "rslave", "image" },
};

static void test_options(void) {
        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                MountOptions o;
                CHECK(mount_options_parse(good[i].type, good[i].options, &o, NULL) == 0);
                CHECK(o.attributes == good[i].attributes && o.propagation == good[i].propagation);
                CHECK(streq_ptr(o.data, good[i].data));
                mount_options_done(&o);
        }
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                Error error = {};
                MountOptions o;
                CHECK(mount_options_parse(bad[i].type, bad[i].options, &o, &error) < 0);
                CHECK(error.kind == ERROR_INVALID && strstr(error.message, bad[i].named));
                error_done(&error);
        }
}

static void test_id_maps(void) {
        static const char *const wrong[] = { "",        "0:0",       "0:0:0",          "a:0:1",
                                             "0:0:1:2", "0:65536:1", "4294967295:0:1", "0:0:1;x",
                                             "-1:0:1",  "0:1:65536", "4294967290:0:9" };
        _cleanup_free_ char *lines = NULL;

        CHECK(id_map_parse("0:0:65536", 100000, 65536, &lines, NULL) == 0);
        CHECK_STRING(lines, "0 100000 65536\n");
        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                Error error = {};
                char *none;
                CHECK(id_map_parse(wrong[i], 100000, 65536, &none, &error) < 0);
                CHECK(error.kind == ERROR_INVALID);
                error_done(&error);
        }
}

#define S(s) ((char *) (s))
static void test_whole(void) {
        const MountSpec fine[] = {
                { MOUNT_BIND, S("/a"), S("/b"), .recursive = RECURSION_DISABLED },
                { MOUNT_BIND, S("/a"), S("/b"), .recursive = RECURSION_READ_ONLY, .read_only = true },
                { MOUNT_VOLUME, NULL, S("/b"), .no_copy = true },
                { MOUNT_VOLUME, S("v"), S("/b"), .subpath = S("x/y..z"), .chown = true },
                { MOUNT_IMAGE, S("i"), S("/b"), .id_map = S("none") },
                { MOUNT_DEVPTS, NULL, S("/b") },
        };
        const struct {
                MountSpec mount;
                const char *named;
        } wrong[] = {
                { { MOUNT_TMPFS, S("/a"), S("/b") }, "source" },
                { { MOUNT_TMPFS, NULL, S("/b"), .subpath = S("x") }, "Subpath" },
                { { MOUNT_BIND, S("/a"), S("/b"), .no_copy = true }, "NoCopy" },
                { { MOUNT_VOLUME, S("a"), S("/b"), .recursive = RECURSION_DISABLED }, "Recursive" },
                { { MOUNT_BIND, S("/a"), S("/b"), .recursive = RECURSION_WRITABLE }, "read-only" },
                { { MOUNT_BIND, S("/a"), S("/b"), .read_only = true, .chown = true }, "owner" },
                { { MOUNT_IMAGE, NULL, S("/b") }, "image" },
                { { MOUNT_IMAGE, S("i"), S("/b"), .chown = true }, "Chown" },
                { { MOUNT_VOLUME, S("v"), S("/b"), .subpath = S("/etc") }, "relative" },
                { { MOUNT_VOLUME, S("v"), S("/b"), .subpath = S("a/../../b") }, ".." },
                { { MOUNT_VOLUME, S("v"), S("/b"), .id_map = S("nobody") }, "FILE" },
                { { MOUNT_BIND, S("/a"), S("/proc/sys"), .read_only = true }, "/proc" },
                { { MOUNT_BIND, S("/a"), S("/proc") }, "/proc" },
        };

        for (size_t i = 0; i < ELEMENTSOF(fine); i++)
                CHECK(mount_spec_check(&fine[i], NULL) == 0);
        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                Error error = {};
                CHECK(mount_spec_check(&wrong[i].mount, &error) < 0);
                CHECK(error.kind == ERROR_INVALID && strstr(error.message, wrong[i].named));
                error_done(&error);
        }
}

static void test_targets(void) {
        CHECK(mount_target_check("/procedures", NULL) == 0);
        CHECK(mount_target_check("/proc/meminfo", NULL) == 0);
        CHECK(mount_target_check("/sys/fs/x", NULL) == 0);
        CHECK(mount_target_check("/", NULL) < 0);
        CHECK(mount_target_check("/proc", NULL) < 0);
        CHECK(mount_target_check("/proc/self/attr", NULL) < 0);
}

int main(void) {
        test_options();
        test_id_maps();
        test_whole();
        test_targets();
        return TEST_RESULT();
}
