/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon-conf.h"
#include "file-util.h"
#include "object-conf.h"
#include "string-util.h"
#include "strv.h"
#include "test.h"

/* What was read, as "[section argument] key=value" words. */
static int take(const ConfLine *line, void *userdata, Error *error) {
        char ***lines = userdata;

        if (streq(strempty(line->value), "bad"))
                return error_set(error, ERROR_INVALID, "\"bad\" is bad");
        return strv_extendf(lines, "%s/%s %s=%s", line->section, strempty(line->argument),
                            strempty(line->key), strempty(line->value));
}

static char *parse(const char *text, ConfFlags flags, Error *error) {
        _cleanup_strv_free_ char **lines = NULL;

        if (conf_parse("x.conf", text, strlen(text), take, &lines, flags, error) < 0)
                return NULL;
        return strv_join(lines, "|") ?: strdup("");
}

static void test_syntax(void) {
        static const struct {
                const char *text, *lines, *error;
        } cases[] = {
                { "", "" },
                { "# c\n; d\n\n  \t\n", "" },
                { "[A]\nb = c d \n", "A/ =|A/ b=c d" },
                { "[A]\r\nb=c\r\n", "A/ =|A/ b=c" },
                { "[Registry  docker.io ]\nx=\n", "Registry/docker.io =|Registry/docker.io x=" },
                { "[A]\nb=c \\\n d\\\n e\nf=g", "A/ =|A/ b=c    d   e|A/ f=g" },
                { "b==c=", "/ b==c=" },
                { "[A", NULL, "x.conf:1: a section is written [Name] or [Name argument]" },
                { "[]", NULL, "x.conf:1: a section is written [Name] or [Name argument]" },
                { "\n[A] x", NULL, "x.conf:2: a section is written [Name] or [Name argument]" },
                { "[A]\nb\n", NULL, "x.conf:2: \"b\" is neither a section nor Key=value" },
                { "[A]\n=b\n", NULL, "x.conf:2: \"=b\" is neither a section nor Key=value" },
                { "a=\\\n\nb=bad\n", NULL, "x.conf:3: \"bad\" is bad" },
                { "a=\xff", NULL, "x.conf: it is not a text in UTF-8" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_error_ Error error = {};
                _cleanup_free_ char *lines = parse(cases[i].text, 0, &error);
                if (cases[i].lines)
                        CHECK_STRING(lines, cases[i].lines);
                else {
                        CHECK(!lines);
                        CHECK_STRING(error.message, cases[i].error);
                }
        }
        _cleanup_error_ Error error = {};
        _cleanup_free_ char *lines = parse("[A\na=bad\nb=c\n", CONF_LENIENT, &error);
        CHECK_STRING(lines, "/ b=c");
}

static void write_at(const char *root, const char *path, const char *text) {
        _cleanup_free_ char *full = string_join(root, path), *folder = strdup(full);

        *strrchr(folder, '/') = 0;
        CHECK(mkdir_parents_at(AT_FDCWD, folder, 0700) == 0);
        CHECK(write_file_atomic_at(AT_FDCWD, full, text, strlen(text), 0600, 0) == 0);
}

static void test_folders(void) {
        char root[] = "/tmp/test-object-conf.XXXXXX";
        _cleanup_strv_free_ char **lines = NULL;
        _cleanup_error_ Error error = {};

        CHECK(mkdtemp(root) != NULL);
        CHECK(conf_read(root, "t.conf", take, &lines, 0, &error) == 0 && !lines);

        write_at(root, "/usr/lib/berth/t.conf", "a=vendor");
        write_at(root, CONFIG_DIRECTORY "/t.conf", "a=admin");
        write_at(root, "/usr/lib/berth/t.conf.d/20-x.conf", "b=vendor");
        write_at(root, "/usr/lib/berth/t.conf.d/10-y.conf", "c=vendor");
        write_at(root, RUNTIME_DIRECTORY "/t.conf.d/20-x.conf", "b=runtime");
        write_at(root, CONFIG_DIRECTORY "/t.conf.d/30-z.conf", "d=admin");
        write_at(root, "/usr/lib/berth/t.conf.d/30-z.conf", "d=vendor");
        write_at(root, "/usr/lib/berth/t.conf.d/40-masked.conf", "e=vendor");
        write_at(root, CONFIG_DIRECTORY "/t.conf.d/40-masked.conf", "");
        write_at(root, CONFIG_DIRECTORY "/t.conf.d/50-other.conf~", "f=editor");
        CHECK(conf_read(root, "t.conf", take, &lines, 0, &error) == 0);
        _cleanup_free_ char *all = strv_join(lines, "|");
        CHECK_STRING(all, "/ a=admin|/ c=vendor|/ b=runtime|/ d=admin");

        write_at(root, CONFIG_DIRECTORY "/t.conf.d/30-z.conf", "d");
        CHECK(conf_read(root, "t.conf", take, &lines, 0, &error) < 0);
        CHECK(strstr(strempty(error.message), CONFIG_DIRECTORY "/t.conf.d/30-z.conf:1: "));
        CHECK(remove_tree_at(AT_FDCWD, root) == 0);
}

static void test_values(void) {
        static const struct {
                const char *key, *value;
                bool good;
        } cases[] = {
                { "KeepSize", "10G", true },     { "KeepSize", "infinity", true },
                { "KeepSize", "much", false },   { "KeepSize", "-1", false },
                { "KeepAge", "90d", true },      { "KeepAge", "", false },
                { "HighWatermark", "80", true }, { "HighWatermark", "80%", false },
                { "KeepSise", "10G", false },    { "Limits", "10G", false },
        };
        _cleanup_error_ Error error = {};
        DaemonConf conf;

        object_init(&daemon_conf_type, &conf);
        CHECK(conf.keep_size == UINT64_MAX && conf.limits.layers == 500);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_error_ Error own = {};
                int r = object_assign(&daemon_conf_type, &conf, "Images", cases[i].key, cases[i].value,
                                      &own);
                CHECK((r >= 0) == cases[i].good);
                CHECK((own.kind == ERROR_INVALID) == !cases[i].good);
        }
        CHECK(conf.keep_size == UINT64_MAX && conf.keep_age == UINT64_C(90) * 86400 * 1000000);
        CHECK(object_assign(&image_limits_type, &conf.limits, "Limits", "ManifestSize", "2M", &error) == 0);
        CHECK(conf.limits.manifest_size == 2 * MIB);
}

int main(void) {
        test_syntax();
        test_folders();
        test_values();
        return TEST_RESULT();
}
