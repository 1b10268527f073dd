/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container-name.h"
#include "launch.h"
#include "string-util.h"
#include "strv.h"
#include "test.h"

static ContainerSpec spec;
static EffectiveConfig effective;

static int make(LaunchSpec *ret, Error *error) {
        static char *lower[] = { (char *) "/layers/top/fs", (char *) "/layers/bottom/fs", NULL };

        return launch_make(
                &(LaunchInputs){
                        .spec = &spec,
                        .effective = &effective,
                        .unit = "berth-web.scope",
                        .lower = lower,
                        .directory = "/state/containers/id",
                        .run_directory = "/run/berth/containers/id",
                        .rows = 24,
                        .columns = 80,
                },
                ret, error);
}

static void begin(void) {
        object_init(&container_spec_type, &spec);
        spec.id = strdup("0123456789abcdef");
        spec.name = strdup("web");
        spec.image = strdup("debian");
        spec.uid_base = 524288;
        spec.uid_count = 65536;
        CHECK(strv_extend(&spec.command, "sh") == 0);
        CHECK(effective_config_make(&spec, &(ImageConfig){}, NULL, &effective) == 0);
}

static void end(void) {
        object_done(&container_spec_type, &spec);
        effective_config_done(&effective);
}

static void add_mount(MountType type, const char *source, const char *target) {
        MountSpec *m = list_append(&spec.mounts, &mount_spec_type);

        m->type = type;
        m->source = source ? strdup(source) : NULL;
        m->target = strdup(target);
}

static void test_plain(void) {
        LaunchSpec l;

        begin();
        CHECK(make(&l, NULL) == 0);
        CHECK_STRING(l.upper, "/state/containers/id/upper");
        CHECK_STRING(l.lower[0], "/layers/top/fs");
        CHECK_STRING(l.arguments[0], "sh");
        CHECK(l.uid_base == 524288 && l.uid_count == 65536 && l.rows == 24);
        CHECK(l.mounts.n == 3 && l.network.mode == LAUNCH_PRIVATE);
        CHECK(strv_contains(l.masked_paths, "/proc/kcore") && strv_contains(l.read_only_paths, "/proc/sys"));
        CHECK_STRING(strv_map_get(l.sysctls, "net.ipv4.ping_group_range"), "0 65535");
        CHECK(strv_length(l.capabilities) == 14);
        object_done(&launch_spec_type, &l);
        end();
}

static void test_privileged_on_the_hosts_network(void) {
        LaunchSpec l;

        begin();
        spec.privileged = true;
        spec.network = NETWORK_HOST;
        CHECK(make(&l, NULL) == 0);
        CHECK(!l.masked_paths && !l.read_only_paths && !l.sysctls && l.network.mode == LAUNCH_HOST);
        CHECK(strv_length(l.capabilities) == 41);
        object_done(&launch_spec_type, &l);
        end();
}

/* Parents come before what is mounted in them, and a file of the user's own replaces berth's. */
static void test_mounts(void) {
        static const char *const expected[] = { "/data",   "/etc/hosts", "/etc/hostname", "/etc/resolv.conf",
                                                "/data/a", "/data/a/b" };
        LaunchSpec l;

        begin();
        add_mount(MOUNT_BIND, "/x", "/data/a/b/");
        add_mount(MOUNT_TMPFS, NULL, "/data/./a");
        add_mount(MOUNT_BIND, "/y", "//data");
        add_mount(MOUNT_BIND, "/z", "/etc/hosts");
        CHECK(make(&l, NULL) == 0);
        CHECK(l.mounts.n == ELEMENTSOF(expected));
        for (size_t i = 0; i < l.mounts.n; i++) {
                bool found = false;
                for (size_t k = 0; k < ELEMENTSOF(expected); k++)
                        found |= streq(LIST_ITEM(&l.mounts, LaunchMount, i)->target, expected[k]);
                CHECK(found);
        }
        CHECK_STRING(LIST_ITEM(&l.mounts, LaunchMount, 0)->target, "/data");
        CHECK_STRING(LIST_ITEM(&l.mounts, LaunchMount, 5)->target, "/data/a/b");
        CHECK(LIST_ITEM(&l.mounts, LaunchMount, 0)->id_mapped);
        object_done(&launch_spec_type, &l);
        end();
}

static void check_refused(ErrorKind kind) {
        _cleanup_error_ Error error = {};
        LaunchSpec l;

        CHECK(make(&l, &error) < 0);
        CHECK(error.kind == kind);
        end();
}

static void test_refused(void) {
        begin();
        add_mount(MOUNT_BIND, "/x", "/data");
        add_mount(MOUNT_BIND, "/y", "/data/");
        check_refused(ERROR_INVALID);

        begin();
        effective.arguments = strv_free(effective.arguments);
        check_refused(ERROR_INVALID);

        begin();
        CHECK(strv_extend(&spec.cap_add, "FLY") == 0);
        check_refused(ERROR_INVALID);
}

static void test_names(void) {
        for (int i = 0; i < 1000; i++) {
                _cleanup_free_ char *id = NULL, *name = NULL;
                CHECK(container_id_make(&id) == 0 && strlen(id) == CONTAINER_ID_LENGTH);
                CHECK(string_in_charset(id, "0123456789abcdef"));
                CHECK(strspn(id, "0123456789") < CONTAINER_ID_SHORT);
                CHECK(container_name_make_random(&name) == 0 && container_name_is_valid(name));
        }
        _cleanup_free_ char *unit = container_unit_name("web", "0123456789abcdef", false);
        _cleanup_free_ char *other = container_unit_name("web", "0123456789abcdef", true);
        CHECK_STRING(unit, "berth-web.scope");
        CHECK_STRING(other, "berth-web-0123456789ab.scope");
}

int main(void) {
        test_plain();
        test_privileged_on_the_hosts_network();
        test_mounts();
        test_refused();
        test_names();
        return TEST_RESULT();
}
