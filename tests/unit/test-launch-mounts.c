/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "launch-mounts.h"
#include "string-util.h"
#include "test.h"

#define S(s) ((char *) (s))

static void test_types(void) {
        static char *lower[] = { (char *) "/l/a", (char *) "/l/b", NULL };
        const struct {
                MountSpec wanted;
                LaunchMountType type;
                const char *source, *id_map;
                bool id_mapped;
        } cases[] = {
                { { MOUNT_BIND, S("/a"), S("/t") }, LAUNCH_BIND, "/a", NULL, true },
                { { MOUNT_BIND, S("/a"), S("/t"), .id_map = S("none") }, LAUNCH_BIND, "/a", NULL, false },
                { { MOUNT_BIND, S("/a"), S("/t"), .id_map = S("1:2:3") }, LAUNCH_BIND, "/a", "1:2:3", true },
                { { MOUNT_VOLUME, S("data"), S("/t") },
                  LAUNCH_BIND,
                  STATE_DIRECTORY "/volumes/data/data",
                  NULL,
                  true },
                { { MOUNT_IMAGE, S("busybox"), S("/t") }, LAUNCH_IMAGE, NULL, NULL, true },
                { { MOUNT_TMPFS, NULL, S("/t") }, LAUNCH_TMPFS, NULL, NULL, false },
                { { MOUNT_DEVPTS, NULL, S("/t") }, LAUNCH_DEVPTS, NULL, NULL, false },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                LaunchMount m = {};
                char **layers = cases[i].type == LAUNCH_IMAGE ? lower : NULL;
                CHECK(launch_mount_make(&cases[i].wanted, layers, &m, NULL) == 0);
                CHECK(m.type == (int) cases[i].type && m.id_mapped == cases[i].id_mapped && m.of_spec);
                CHECK(streq_ptr(m.source, cases[i].source) && streq_ptr(m.id_map, cases[i].id_map));
                CHECK(!layers == !m.lower);
                object_done(&launch_mount_type, &m);
        }
}

static void test_options(void) {
        const MountSpec wanted = {
                .type = MOUNT_BIND,
                .source = S("/a"),
                .target = S("//t/./x/"),
                .read_only = true,
                .recursive = RECURSION_READ_ONLY,
                .subpath = S("in"),
                .options = S("rslave"),
        };
        LaunchMount m = {};

        CHECK(launch_mount_make(&wanted, NULL, &m, NULL) == 0);
        CHECK(m.read_only && m.recursive == RECURSION_READ_ONLY && !m.chown);
        CHECK_STRING(m.target, "/t/x");
        CHECK_STRING(m.subpath, "in");
        CHECK_STRING(m.options, "rslave");
        object_done(&launch_mount_type, &m);
}

static void test_nameless_volume(void) {
        const MountSpec wanted = { .type = MOUNT_VOLUME, .target = S("/t") };
        _cleanup_error_ Error error = {};
        LaunchMount m = {};

        CHECK(launch_mount_make(&wanted, NULL, &m, &error) < 0);
        CHECK(error.kind == ERROR_CORRUPT);
        object_done(&launch_mount_type, &m);
}

int main(void) {
        test_types();
        test_options();
        test_nameless_volume();
        return TEST_RESULT();
}
