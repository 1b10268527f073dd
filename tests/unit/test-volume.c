/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd-util.h"
#include "file-util.h"
#include "string-util.h"
#include "strv.h"
#include "test.h"
#include "volume-driver.h"
#include "volume-store.h"

static VolumeSpec make(const char *driver, const char *const *options, uint64_t size) {
        VolumeSpec spec;

        object_init(&volume_spec_type, &spec);
        spec.name = strdup("v");
        spec.driver = strdup(driver);
        spec.size = size;
        for (; options && *options; options++)
                CHECK(strv_extend(&spec.options, *options) >= 0);
        return spec;
}

#define OPTIONS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void test_check(void) {
        static const struct {
                const char *driver;
                const char *options[4];
                uint64_t size;
                bool good, mounted;
        } cases[] = {
                { "local", {}, 0, true, false },
                { "", {}, 0, true, false },
                { "local", { "size=10M" }, 0, true, false },
                { "local", { "size=ten" }, 0, false, false },
                { "local", { "size=10M" }, 5, false, false },
                { "local", { "type=tmpfs", "device=tmpfs", "o=size=1m" }, 0, true, true },
                { "local", { "type=tmpfs", "device=tmpfs" }, 1 << 20, true, true },
                { "local", { "type=tmpfs" }, 0, false, false },
                { "local", { "device=/x" }, 0, false, true },
                { "local", { "type=none", "device=/x", "o=bind" }, 0, true, true },
                { "local", { "device=x", "o=bind" }, 0, false, true },
                { "local", { "device=/x", "o=bind" }, 1 << 20, false, true },
                { "local", { "type=nfs", "device=:/x", "o=addr=host" }, 0, true, true },
                { "local", { "type=nfs", "device=:/x" }, 0, false, true },
                { "local", { "colour=red" }, 0, false, false },
                { "loop", {}, 0, false, true },
                { "loop", {}, 1 << 20, false, true },
                { "loop", {}, 8 << 20, true, true },
                { "loop", { "type=ext4" }, 8 << 20, false, true },
                { "other", {}, 0, false, false },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                VolumeSpec spec = make(cases[i].driver, cases[i].options, cases[i].size);
                _cleanup_error_ Error error = {};
                CHECK((volume_driver_check(&spec, &error) >= 0) == cases[i].good);
                CHECK((error.kind == ERROR_NONE) == cases[i].good);
                CHECK(volume_needs_mount(&spec) == cases[i].mounted);
                object_done(&volume_spec_type, &spec);
        }
}

static void test_size_moves(void) {
        VolumeSpec spec = make("local", OPTIONS("size=10M"), 0);

        CHECK(volume_driver_check(&spec, NULL) >= 0);
        CHECK(spec.size == 10 << 20 && strv_isempty(spec.options));
        object_done(&volume_spec_type, &spec);
}

static void test_plan(void) {
        _cleanup_(volume_mount_done) VolumeMount mount = {};
        VolumeSpec spec =
                make("local", OPTIONS("type=tmpfs", "device=tmpfs", "o=ro,noexec,uid=7,dev"), 1 << 20);

        CHECK(volume_mount_plan(&spec, &mount, NULL) >= 0);
        CHECK(mount.flags == (MS_RDONLY | MS_NOEXEC));
        CHECK(streq(mount.data, "uid=7,size=1048576"));
        CHECK(!mount.address);
        object_done(&volume_spec_type, &spec);
}

static void test_address(void) {
        _cleanup_(volume_mount_done) VolumeMount mount = {};
        VolumeSpec spec = make("local", OPTIONS("type=nfs4", "device=:/x", "o=addr=host,rw,vers=4.2"), 0);

        CHECK(volume_mount_plan(&spec, &mount, NULL) >= 0);
        CHECK(streq(mount.address, "host") && streq(mount.data, "vers=4.2"));
        CHECK(mount.flags == MS_NODEV);
        object_done(&volume_spec_type, &spec);
}

/* ---- the store ---- */

static void put(int fd, const char *name, const char *definition) {
        _cleanup_free_ char *data = string_join(name, "/data"), *path = string_join(name, "/volume.json");

        CHECK(mkdirat(fd, name, 0700) >= 0 && mkdirat(fd, data, 0755) >= 0);
        if (definition)
                CHECK(write_file_atomic_at(fd, path, definition, strlen(definition), 0600, 0) >= 0);
}

static void test_store(void) {
        char folder[] = "/tmp/berth-test-volume-XXXXXX";
        _cleanup_strv_free_ char **leftovers = NULL;
        _cleanup_(volumes_closep) Volumes *volumes = NULL;
        _cleanup_free_ char *hidden = NULL;
        Volume *a, *b;

        CHECK(mkdtemp(folder));
        _cleanup_close_ int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CHECK(fd >= 0 && mkdirat(fd, "volumes", 0700) >= 0);
        _cleanup_close_ int volumes_fd = openat(fd, "volumes", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        put(volumes_fd, "a", "{\"Name\": \"a\", \"Driver\": \"local\"}");
        put(volumes_fd, "b", "{\"Name\": \"other\", \"Size\": 5}");
        put(volumes_fd, "broken", "{");
        put(volumes_fd, ".tmp-x", NULL);
        CHECK(mkdirat(volumes_fd, "a/data.new", 0700) >= 0 && mkdirat(volumes_fd, "b/data/x", 0700) >= 0);
        CHECK(write_file_atomic_at(volumes_fd, "b/unclaimed", "", 0, 0600, 0) >= 0);

        CHECK(volumes_open(fd, &volumes, &leftovers, NULL) >= 0);
        CHECK(volumes_count(volumes) == 2);
        CHECK(strv_length(leftovers) == 2 && strv_contains(leftovers, ".tmp-x") &&
              strv_contains(leftovers, "a/data.new"));
        CHECK(faccessat(volumes_fd, "broken/volume.json.corrupt", F_OK, 0) >= 0);
        CHECK((a = volumes_find(volumes, "a")));
        CHECK((b = volumes_find(volumes, "b")));
        CHECK(!a->unclaimed && b->unclaimed && b->spec.size == 5);
        CHECK(volume_is_empty(volumes, a) == 1 && volume_is_empty(volumes, b) == 0);

        volumes_claim(volumes, b);
        CHECK(!b->unclaimed && faccessat(volumes_fd, "b/unclaimed", F_OK, 0) < 0);
        _cleanup_error_ Error error = {};
        CHECK(volumes_rename(volumes, a, "b", &error) < 0 && volumes_find(volumes, "a") == a);
        CHECK(volumes_rename(volumes, a, "c", NULL) >= 0);
        CHECK(!volumes_find(volumes, "a") && volumes_find(volumes, "c") == a);
        CHECK(volumes_remove(volumes, b, &hidden, NULL) >= 0 && startswith(hidden, ".tmp-"));
        CHECK(!volumes_find(volumes, "b") && faccessat(volumes_fd, "b", F_OK, 0) < 0);
        CHECK(remove_tree_at(AT_FDCWD, folder) >= 0);
}

int main(void) {
        test_check();
        test_size_moves();
        test_plan();
        test_address();
        test_store();
        return TEST_RESULT();
}
