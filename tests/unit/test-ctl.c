/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cp-plan.h"
#include "create-options.h"
#include "detach-keys.h"
#include "env-file.h"
#include "string-util.h"
#include "strv.h"
#include "test.h"
#include "time-util.h"

/* ---- detach keys ---- */

static void check_filter(const char *keys, const char *const *inputs, const char *expected, bool detaches) {
        _cleanup_(string_buffer_done) StringBuffer out = {};
        DetachKeys k;
        int r = 0;

        CHECK(detach_keys_parse(keys, &k, NULL) == 0);
        for (; *inputs && r == 0; inputs++)
                r = detach_keys_filter(&k, (const uint8_t *) *inputs, strlen(*inputs), &out);
        CHECK(r == (detaches ? 1 : 0));
        CHECK_STRING(strempty(out.data), expected);
}

#define INPUTS(...)               \
        (const char *const[]) {   \
                __VA_ARGS__, NULL \
        }

static void test_detach_keys(void) {
        DetachKeys k;

        check_filter("ctrl-p,ctrl-q", INPUTS("ab\x10\x11"), "ab", true);
        check_filter("ctrl-p,ctrl-q", INPUTS("ab\x10", "\x11zzz"), "ab", true);
        check_filter("ctrl-p,ctrl-q", INPUTS("a\x10", "b"),
                     "a\x10"
                     "b",
                     false);
        check_filter("ctrl-p,ctrl-q", INPUTS("\x10\x10\x11"), "\x10", true);
        check_filter("a,a,b", INPUTS("aaab"), "a", true);
        check_filter("a,b,a,c", INPUTS("ababac"), "ab", true);
        check_filter("", INPUTS("\x10\x11"), "\x10\x11", false);
        check_filter("ctrl-],d",
                     INPUTS("x\x1d"
                            "d"),
                     "x", true);
        CHECK(detach_keys_parse("ctrl-@,ctrl-_,ctrl-^", &k, NULL) == 0 && k.n == 3 && k.keys[0] == 0);
        CHECK(detach_keys_parse("ctrl-1", &k, NULL) == -EINVAL &&
              detach_keys_parse("ab", &k, NULL) == -EINVAL);
}

/* ---- environment files ---- */

static const char *lookup(const char *name) {
        return streq(name, "HERE") ? "value" : NULL;
}

static void test_env_files(void) {
        _cleanup_strv_free_ char **map = NULL, **labels = NULL;
        _cleanup_error_ Error error = {};

        CHECK(env_file_parse("\xEF\xBB\xBF# comment\n\nA=1\r\n  B=two words "
                             "\nC=\"quoted\"\nHERE\nNOTHERE\nA=2\nD=x=y\n#E=1",
                             "f", lookup, &map, NULL) == 0);
        _cleanup_free_ char *text = strv_join(map, "|");
        CHECK_STRING(text, "A=2|B=two words |C=\"quoted\"|HERE=value|D=x=y");
        CHECK(env_file_parse("ok=1\nbad name=2\n", "f", lookup, &map, &error) == -EINVAL);
        CHECK_STRING(error.message, "f, line 2: the name \"bad name\" has white space in it");
        CHECK(env_file_parse("=x\n", "f", lookup, &map, NULL) == -EINVAL);
        CHECK(env_file_parse("a=\xff\n", "f", lookup, &map, NULL) == -EINVAL);
        CHECK(env_put("label", NULL, &labels, NULL) == 0);
        CHECK_STRING(labels[0], "label=");
}

/* ---- create ---- */

static int finish(CreateOptions *o, Error *error) {
        char *arguments[] = { (char *) "image", (char *) "ls", (char *) "-l", NULL };

        return create_options_finish(o, arguments, error);
}

static void test_create(void) {
        CreateOptions o = {};

        create_options_init(&o);
        o.restart = "on-failure:3";
        o.network = "host";
        o.resources.memory = "512m";
        o.resources.memory_swap = "1g";
        o.resources.cpus = "1.5";
        o.resources.cpu_shares = "1024";
        o.resources.pids_limit = "-1";
        o.entrypoint = "";
        CHECK(finish(&o, NULL) == 0);
        CHECK(o.spec.restart.name == RESTART_ON_FAILURE && o.spec.restart.maximum_retry_count == 3);
        CHECK(o.spec.network == NETWORK_HOST && o.spec.reset_entrypoint && strv_length(o.spec.command) == 2);
        CHECK_STRING(strv_map_get(o.spec.properties, "MemoryMax"), "536870912");
        CHECK_STRING(strv_map_get(o.spec.properties, "MemorySwapMax"), "536870912");
        CHECK_STRING(strv_map_get(o.spec.properties, "CPUQuota"), "150%");
        CHECK_STRING(strv_map_get(o.spec.properties, "CPUWeight"), "100");
        CHECK_STRING(strv_map_get(o.spec.properties, "TasksMax"), "infinity");
        CHECK(o.spec.stop_timeout == 10 * USEC_PER_SEC);
        create_options_done(&o);
}

static void test_bad_create(void) {
        static const struct {
                CreateOptions options;
                const char *message;
        } cases[] = {
                { { .restart = "sometimes" },
                  "--restart: \"sometimes\" is not one of no, always, unless-stopped, "
                  "on-failure[:COUNT]" },
                { { .name = "-x" }, NULL },
                { { .resources.memory = "1k" }, "--memory: at least 6M are needed" },
                { { .resources.memory_swap = "1g" }, NULL },
                { { .resources.cpus = "none" }, NULL },
                { { .network = "host", .ipv4 = "1.2.3.4" },
                  "addresses and aliases make no sense with --network host" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_error_ Error error = {};
                CreateOptions o = cases[i].options;
                object_init(&container_spec_type, &o.spec);
                CHECK(finish(&o, &error) < 0);
                if (cases[i].message)
                        CHECK_STRING(error.message, cases[i].message);
                create_options_done(&o);
        }
}

/* ---- cp ---- */

static void check_plan(const char *source, bool folder, const char *target, char kind, const char *directory,
                       const char *name) {
        const CopySource from = { source, folder };
        const CopyTarget to = { target, kind != '-', kind == 'd' };
        _cleanup_(copy_plan_done) CopyPlan plan = {};

        int r = copy_plan_make(&from, &to, &plan, NULL);
        if (!directory) {
                CHECK(r < 0);
                return;
        }
        CHECK(r == 0);
        CHECK_STRING(plan.directory, directory);
        CHECK_STRING(plan.name, name);
}

/* Docker's rules, case by case. kind: d folder, f file, - nothing. */
static void test_copy_plans(void) {
        check_plan("/a/f", false, "/b", 'd', "/b", "f");
        check_plan("/a/f", false, "/b/", 'd', "/b", "f");
        check_plan("/a/f", false, "/b/g", 'f', "/b", "g");
        check_plan("/a/f", false, "/b/g", '-', "/b", "g");
        check_plan("/a/f", false, "/g", '-', "/", "g");
        check_plan("/a/f", false, "/b/g/", '-', NULL, NULL);
        check_plan("/a/f", false, "/b/g/", 'f', NULL, NULL);
        check_plan("/a/f/", false, "/b", 'd', NULL, NULL);
        check_plan("/a/d", true, "/b", 'd', "/b", "d");
        check_plan("/a/d/", true, "/b/", 'd', "/b", "d");
        check_plan("/a/d/.", true, "/b", 'd', "/b", "");
        check_plan("/", true, "/b", 'd', "/b", "");
        check_plan("/a/d", true, "/b/new", '-', "/b", "new");
        check_plan("/a/d/.", true, "/b/new", '-', "/b", "new");
        check_plan("/a/d", true, "/b/new/", '-', "/b", "new");
        check_plan("/a/d", true, "/b/g", 'f', NULL, NULL);
}

static void check_rename(const char *entry, const char *top, const char *name, const char *expected) {
        _cleanup_free_ char *renamed = NULL;

        int r = copy_rename(entry, top, name, &renamed);
        CHECK(r == (expected ? 0 : -EBADMSG));
        if (expected)
                CHECK_STRING(renamed, expected);
}

static void test_copy_names(void) {
        _cleanup_free_ char *container = NULL;
        const char *path = NULL;

        check_rename("etc", "etc", "copy", "copy");
        check_rename("etc/passwd", "etc", "copy", "copy/passwd");
        check_rename("etc", "etc", "", "");
        check_rename("etc/passwd", "etc", "", "passwd");
        check_rename("etcetera", "etc", "x", NULL);
        check_rename("usr/bin", "", "", "usr/bin");
        check_rename("usr/bin", "", "root", "root/usr/bin");
        CHECK(copy_split("web:/etc", &container, &path) == 1);
        CHECK_STRING(container, "web");
        CHECK_STRING(path, "/etc");
        free_and_replace(container, NULL);
        CHECK(copy_split("./a:b", &container, &path) == 0 && copy_split("/a:b", &container, &path) == 0 &&
              copy_split("plain", &container, &path) == 0);
}

int main(void) {
        test_detach_keys();
        test_env_files();
        test_create();
        test_bad_create();
        test_copy_plans();
        test_copy_names();
        return TEST_RESULT();
}
