/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/mount.h>

#include "plan.h"
#include "string-util.h"
#include "strv.h"
#include "test.h"

static LaunchSpec minimal(void) {
        static char *lower[] = { (char *) "/l/top", (char *) "/l/base", NULL };
        static char *arguments[] = { (char *) "true", NULL };

        return (LaunchSpec){
                .id = (char *) "id",
                .name = (char *) "web",
                .lower = lower,
                .upper = (char *) "/c/id/upper",
                .work = (char *) "/c/id/work",
                .arguments = arguments,
                .uid_base = 524288,
                .uid_count = 65536,
        };
}

/* The index of the operation of the type on the target (NULL: any), or -1. */
static int find(const Plan *plan, OpType type, const char *target) {
        for (size_t i = 0; i < plan->n_ops; i++)
                if (plan->ops[i].type == type && (!target || streq_ptr(plan->ops[i].target, target)))
                        return i;
        return -1;
}

static const Op *get(const Plan *plan, OpType type, const char *target) {
        static const Op none = { _OP_TYPE_MAX };
        int i = find(plan, type, target);

        return i < 0 ? &none : &plan->ops[i];
}

static void test_root(void) {
        _cleanup_(plan_done) Plan plan = {};
        LaunchSpec spec = minimal();

        spec.volatile_upper = true;
        CHECK(plan_build(&spec, &plan, NULL) == 0);
        CHECK(plan.ops[0].type == OP_STAGING);
        CHECK_STRING(get(&plan, OP_LAYER, "0")->source, "/l/top");
        CHECK_STRING(get(&plan, OP_LAYER, "1")->source, "/l/base");
        CHECK_STRING(get(&plan, OP_LAYER, "upper")->source, "/c/id");
        CHECK(get(&plan, OP_LAYER, "0")->id_mapped && get(&plan, OP_LAYER, "upper")->id_mapped);
        CHECK_STRING(get(&plan, OP_OVERLAY, NULL)->data,
                     "lowerdir=0:1,upperdir=upper/upper,workdir=upper/work,userxattr,volatile");
        CHECK(find(&plan, OP_OVERLAY, NULL) > find(&plan, OP_LAYER, "upper"));
}

static void test_host_user_namespace(void) {
        _cleanup_(plan_done) Plan plan = {};
        LaunchSpec spec = minimal();

        spec.uid_base = spec.uid_count = 0;
        CHECK(plan_build(&spec, &plan, NULL) == 0);
        CHECK(!get(&plan, OP_LAYER, "0")->id_mapped && !get(&plan, OP_LAYER, "upper")->id_mapped);
        CHECK(strstr(get(&plan, OP_OVERLAY, NULL)->data, ",userxattr"));
        CHECK(!strstr(get(&plan, OP_OVERLAY, NULL)->data, "volatile"));
}

static void test_bad_root(void) {
        Error error = {};
        Plan plan = {};
        LaunchSpec spec = minimal();

        spec.work = (char *) "/elsewhere/work";
        CHECK(plan_build(&spec, &plan, &error) < 0);
        CHECK(error.kind == ERROR_INVALID);
        error_done(&error);
        spec = minimal();
        spec.upper = (char *) "/c/id/up,per";
        CHECK(plan_build(&spec, &plan, &error) < 0);
        error_done(&error);
        spec = minimal();
        spec.lower = NULL;
        CHECK(plan_build(&spec, &plan, &error) < 0);
        CHECK(error.kind == ERROR_LIMIT);
        error_done(&error);
}

/* The kernel's 500 layers fit into the page of options; one more is refused with a reason. */
static void test_many_layers(void) {
        _cleanup_(plan_done) Plan plan = {};
        _cleanup_strv_free_ char **lower = NULL;
        LaunchSpec spec = minimal();
        Error error = {};

        for (int i = 0; i < 500; i++)
                CHECK(strv_extendf(&lower, "/var/lib/berth/layers/%064d/fs", i) >= 0);
        spec.lower = lower;
        spec.volatile_upper = true;
        CHECK(plan_build(&spec, &plan, NULL) == 0);
        CHECK(strlen(get(&plan, OP_OVERLAY, NULL)->data) < 4096);
        CHECK(strv_extend(&lower, "/one/more") >= 0);
        spec.lower = lower;
        Plan none = {};
        CHECK(plan_build(&spec, &none, &error) < 0);
        CHECK(error.kind == ERROR_LIMIT);
        error_done(&error);
}

static void test_order(void) {
        _cleanup_(plan_done) Plan plan = {};
        static char *sysctls[] = { (char *) "net.ipv4.conf.eth0/1.forwarding=1", NULL };
        static char *read_only[] = { (char *) "/proc/sys", NULL };
        static char *masked[] = { (char *) "/proc/kcore", NULL };
        LaunchSpec spec = minimal();

        spec.read_only_paths = read_only;
        spec.masked_paths = masked;
        spec.read_only = true;
        spec.working_directory = (char *) "/srv";
        CHECK(plan_build(&spec, &plan, NULL) == 0);
        int pivot = find(&plan, OP_PIVOT, NULL), go = find(&plan, OP_WAIT, NULL);
        CHECK(find(&plan, OP_FILESYSTEM, "/proc") < pivot);
        CHECK(find(&plan, OP_FILESYSTEM, "/sys") < pivot);
        CHECK(find(&plan, OP_DEVICE, "/dev/null") < pivot);
        CHECK(find(&plan, OP_MASK, "/proc/kcore") < go);
        CHECK(find(&plan, OP_READ_ONLY, "/proc/sys") < go);
        CHECK(find(&plan, OP_DIRECTORY, "/srv") < find(&plan, OP_ROOT_READ_ONLY, NULL));
        CHECK(find(&plan, OP_DIRECTORY, "/srv") > pivot);
        CHECK(find(&plan, OP_CGROUP, "/sys/fs/cgroup") > go);
        CHECK(find(&plan, OP_NETWORK, NULL) > go);
        plan_done(&plan);

        spec.sysctls = sysctls;
        CHECK(plan_build(&spec, &plan, NULL) == 0);
        CHECK_STRING(get(&plan, OP_SYSCTL, NULL)->source, "net/ipv4/conf/eth0.1/forwarding");
        CHECK_STRING(get(&plan, OP_SYSCTL, NULL)->data, "1");
        CHECK(find(&plan, OP_SYSCTL, NULL) > find(&plan, OP_NETWORK, NULL));
        CHECK(find(&plan, OP_READ_ONLY, "/proc/sys") > find(&plan, OP_SYSCTL, NULL));
        plan_done(&plan);

        /* One that is nobody's in particular need not wait, nor hold anything else up. */
        sysctls[0] = (char *) "net.ipv4.conf.all.forwarding=1";
        CHECK(plan_build(&spec, &plan, NULL) == 0);
        go = find(&plan, OP_WAIT, NULL);
        CHECK(find(&plan, OP_SYSCTL, NULL) < find(&plan, OP_READ_ONLY, "/proc/sys"));
        CHECK(find(&plan, OP_READ_ONLY, "/proc/sys") < go);
}

static void test_host_network(void) {
        _cleanup_(plan_done) Plan plan = {};
        LaunchSpec spec = minimal();

        spec.network.mode = LAUNCH_HOST;
        CHECK(plan_build(&spec, &plan, NULL) == 0);
        CHECK(find(&plan, OP_NETWORK, NULL) < 0);
        CHECK(get(&plan, OP_BIND, "/sys")->attributes & MOUNT_ATTR_RDONLY);
        CHECK(!get(&plan, OP_BIND, "/sys")->id_mapped);
        plan_done(&plan);
        spec.uid_base = spec.uid_count = 0;
        CHECK(plan_build(&spec, &plan, NULL) == 0);
        CHECK(find(&plan, OP_FILESYSTEM, "/sys") >= 0);
}

static void test_mounts(void) {
        _cleanup_(plan_done) Plan plan = {};
        LaunchMount mounts[] = {
                { LAUNCH_BIND, (char *) "/data", .target = (char *) "/srv", .read_only = true,
                  .id_mapped = true },
                { LAUNCH_BIND, (char *) "/x", .target = (char *) "/y", .options = (char *) "rslave,noexec" },
                { LAUNCH_TMPFS, .target = (char *) "/t", .options = (char *) "size=1m,exec,mode=700" },
        };
        LaunchSpec spec = minimal();

        spec.mounts = (List){ mounts, ELEMENTSOF(mounts) };
        CHECK(plan_build(&spec, &plan, NULL) == 0);
        const Op *data = get(&plan, OP_BIND, "/srv"), *x = get(&plan, OP_BIND, "/y"),
                 *t = get(&plan, OP_FILESYSTEM, "/t");
        CHECK(data->id_mapped && data->attributes == MOUNT_ATTR_RDONLY && data->propagation == MS_PRIVATE);
        CHECK(!x->id_mapped && x->attributes == MOUNT_ATTR_NOEXEC && x->propagation == MS_SLAVE);
        CHECK_STRING(t->data, "size=1048576,mode=700");
        CHECK(t->attributes == (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV));
        CHECK(data < x && x < t);
        plan_done(&plan);

        Error error = {};
        mounts[1].options = (char *) "rslave,fancy";
        CHECK(plan_build(&spec, &plan, &error) < 0);
        CHECK(error.kind == ERROR_INVALID && strstr(error.message, "fancy"));
        error_done(&error);
        mounts[1].options = NULL;
        mounts[1].source = (char *) "relative";
        CHECK(plan_build(&spec, &plan, &error) < 0);
        error_done(&error);
}

/* An image is an overlay of its own, whose layers have names that those of the root don't have; with a single layer it is
 * that. */
static void test_image_mounts(void) {
        _cleanup_(plan_done) Plan plan = {};
        static char *two[] = { (char *) "/l/a", (char *) "/l/b", NULL };
        static char *one[] = { (char *) "/l/c", NULL };
        LaunchMount mounts[] = {
                { LAUNCH_IMAGE, .target = (char *) "/two", .lower = two, .id_mapped = true,
                  .subpath = (char *) "etc" },
                { LAUNCH_IMAGE, .target = (char *) "/one", .lower = one, .id_mapped = true },
        };
        LaunchSpec spec = minimal();

        spec.mounts = (List){ mounts, ELEMENTSOF(mounts) };
        CHECK(plan_build(&spec, &plan, NULL) == 0);
        const Op *image = get(&plan, OP_IMAGE, "/two"), *single = get(&plan, OP_BIND, "/one");
        CHECK(image->attributes & MOUNT_ATTR_RDONLY && single->attributes & MOUNT_ATTR_RDONLY);
        CHECK_STRING(image->subpath, "etc");
        CHECK(!image->id_mapped && single->id_mapped);
        CHECK_STRING(single->source, "/l/c");
        int layer = image - plan.ops - 2;
        CHECK(plan.ops[layer].type == OP_LAYER && plan.ops[layer].id_mapped);
        CHECK_STRING(plan.ops[layer].source, "/l/a");
        CHECK(strstr(image->data, plan.ops[layer].target) &&
              strstr(image->data, plan.ops[layer + 1].target));
        CHECK(!streq(plan.ops[layer].target, "0"));
        plan_done(&plan);

        mounts[0].lower = NULL;
        CHECK(plan_build(&spec, &plan, NULL) < 0);
}

static void test_id_mapped_mounts(void) {
        _cleanup_(plan_done) Plan plan = {};
        LaunchMount mounts[] = {
                { LAUNCH_BIND, (char *) "/a", .target = (char *) "/a", .id_mapped = true,
                  .id_map = (char *) "1000:0:1;5:6:7" },
                { LAUNCH_BIND, (char *) "/b", .target = (char *) "/b" },
        };
        LaunchSpec spec = minimal();
        Error error = {};

        spec.mounts = (List){ mounts, ELEMENTSOF(mounts) };
        CHECK(plan_build(&spec, &plan, NULL) == 0);
        CHECK_STRING(get(&plan, OP_BIND, "/a")->id_map, "1000 524288 1\n5 524294 7\n");
        CHECK(!get(&plan, OP_BIND, "/b")->id_mapped);
        plan_done(&plan);

        /* Without a namespace there is nothing to map by, but what is asked for. */
        spec.uid_base = spec.uid_count = 0;
        mounts[1].id_mapped = true;
        CHECK(plan_build(&spec, &plan, NULL) == 0);
        CHECK_STRING(get(&plan, OP_BIND, "/a")->id_map, "1000 0 1\n5 6 7\n");
        CHECK(!get(&plan, OP_BIND, "/b")->id_mapped);
        plan_done(&plan);

        spec = minimal();
        spec.mounts = (List){ mounts, ELEMENTSOF(mounts) };
        mounts[0].id_map = (char *) "0:65530:10";
        CHECK(plan_build(&spec, &plan, &error) < 0);
        CHECK(error.kind == ERROR_INVALID && strstr(error.message, "65535"));
        error_done(&error);
}

/* Whose the files become stands in the container's own /etc/passwd, which is the root's only after the pivot. */
static void test_chown(void) {
        _cleanup_(plan_done) Plan plan = {};
        LaunchMount mounts[] = { { LAUNCH_BIND, (char *) "/a", .target = (char *) "/a", .chown = true } };
        LaunchSpec spec = minimal();

        spec.user = (char *) "www-data";
        spec.mounts = (List){ mounts, ELEMENTSOF(mounts) };
        CHECK(plan_build(&spec, &plan, NULL) == 0);
        CHECK_STRING(get(&plan, OP_CHOWN, "/a")->data, "www-data");
        CHECK(find(&plan, OP_CHOWN, NULL) > find(&plan, OP_PIVOT, NULL));
        CHECK(find(&plan, OP_CHOWN, NULL) < find(&plan, OP_WAIT, NULL));
}

/* What the shim sends and what init waits for is the same list. */
static void test_received_mounts(void) {
        _cleanup_(plan_done) Plan plan = {};
        LaunchMount mounts[] = { { LAUNCH_BIND, (char *) "/data", .target = (char *) "/srv" } };
        LaunchSpec spec = minimal();
        size_t n = 0;

        spec.mounts = (List){ mounts, ELEMENTSOF(mounts) };
        CHECK(plan_build(&spec, &plan, NULL) == 0);
        for (size_t i = 0; i < plan.n_ops; i++)
                if (op_needs_mount(&plan.ops[i])) {
                        n++;
                        CHECK(plan.ops[i].source && plan.ops[i].source[0] == '/');
                }
        CHECK(n == 4);
}

int main(void) {
        test_root();
        test_host_user_namespace();
        test_bad_root();
        test_many_layers();
        test_order();
        test_host_network();
        test_mounts();
        test_image_mounts();
        test_id_mapped_mounts();
        test_chown();
        test_received_mounts();
        return TEST_RESULT();
}
