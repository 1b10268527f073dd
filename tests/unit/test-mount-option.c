/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mount-option.h"
#include "string-util.h"
#include "strv.h"
#include "test.h"

/* What it comes to, in a form that a table can hold. */
static char *describe(const MountSpec *m) {
        StringBuffer out = {};
        const struct {
                const char *name, *value;
        } texts[] = { { "options", m->options },
                      { "subpath", m->subpath },
                      { "idmap", m->id_map },
                      { "driver", m->driver } };
        const struct {
                const char *name;
                bool set;
        } flags[] = { { "ro", m->read_only },
                      { "create", m->create_source },
                      { "U", m->chown },
                      { "nocopy", m->no_copy } };

        CHECK(string_buffer_appendf(&out, "%s %s %s", mount_type_words[m->type], m->source ?: "-",
                                    m->target) >= 0);
        for (size_t i = 0; i < ELEMENTSOF(flags); i++)
                if (flags[i].set)
                        CHECK(string_buffer_appendf(&out, " %s", flags[i].name) >= 0);
        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                if (texts[i].value)
                        CHECK(string_buffer_appendf(&out, " %s=%s", texts[i].name, texts[i].value) >= 0);
        if (m->recursive != RECURSION_ENABLED)
                CHECK(string_buffer_appendf(&out, " %s", bind_recursion_words[m->recursive]) >= 0);
        STRV_FOREACH(option, m->driver_options)
                CHECK(string_buffer_appendf(&out, " opt:%s", *option) >= 0);
        STRV_FOREACH(label, m->volume_labels)
                CHECK(string_buffer_appendf(&out, " label:%s", *label) >= 0);
        return out.data;
}

typedef int (*Parser)(const char *s, const char *directory, List *mounts, Error *error);

typedef struct Case {
        const char *text, *result; /* or a part of the error */
} Case;

static void try_good(Parser parse, const Case *cases, size_t n) {
        for (size_t i = 0; i < n; i++) {
                _cleanup_error_ Error error = {};
                List mounts = {};
                CHECK(parse(cases[i].text, "/home/u", &mounts, &error) == 0);
                CHECK(mounts.n == 1);
                _cleanup_free_ char *described = describe(mounts.items);
                CHECK_STRING(described, cases[i].result);
                list_done(&mounts, &mount_spec_type);
        }
}

static void try_bad(Parser parse, const Case *cases, size_t n) {
        for (size_t i = 0; i < n; i++) {
                _cleanup_error_ Error error = {};
                List mounts = {};
                CHECK(parse(cases[i].text, "/home/u", &mounts, &error) < 0);
                CHECK(error.kind == ERROR_INVALID);
                if (!strstr(error.message, cases[i].result))
                        CHECK_STRING(error.message, cases[i].result);
                list_done(&mounts, &mount_spec_type);
        }
}

static void test_volume(void) {
        static const Case good[] = {
                { "/a//b:/c:ro,rslave", "bind /a/b /c ro create options=rslave" },
                { "./x:/y", "bind /home/u/x /y create" },
                { "../x:/y:rw,z", "bind /home/x /y create" },
                { "data:/y:nocopy,U", "volume data /y U nocopy" },
                { "/y", "volume - /y" },
                { "/y:ro", "volume - /y ro" },
                { "/a:/b:noexec,nosuid", "bind /a /b create options=noexec,nosuid" },
                { "/a:/b:idmap=0:5:1;1:9:3", "bind /a /b create idmap=0:5:1;1:9:3" },
                { "/a:/b:idmap=none,cached", "bind /a /b create idmap=none" },
                { "/a:/b:idmap", "bind /a /b create" },
        };
        static const Case bad[] = {
                { "a/b:/y", "write ./a/b" },           { "only", "absolute" },
                { "/a:relative", "absolute" },         { "/a:/..", "over the container's /" },
                { "/a:/b:what", "there are" },         { "/a:/b:nocopy", "nocopy" },
                { "/a:/b:size=1m", "type bind" },      { "/a:/b:ro=maybe", "neither" },
                { "v:/b:bind-recursive=x", "volume" }, { ":/b", "volume" },
        };

        try_good(mount_parse_volume, good, ELEMENTSOF(good));
        try_bad(mount_parse_volume, bad, ELEMENTSOF(bad));
}

static void test_mount(void) {
        static const Case good[] = {
                { "type=bind,src=/s,\"dst=/with,comma\",readonly", "bind /s /with,comma ro" },
                { "target=/t,source=rel,type=bind,bind-create-src", "bind /home/u/rel /t create" },
                { "type=bind,src=/s,dst=/t,ro=false,bind-propagation=rshared",
                  "bind /s /t options=rshared" },
                { "type=bind,src=/s,dst=/t,ro,bind-recursive=readonly", "bind /s /t ro readonly" },
                { "type=bind,src=/s,dst=/t,bind-nonrecursive", "bind /s /t disabled" },
                { "type=bind,src=/s,dst=/t,relabel=shared,consistency=cached", "bind /s /t" },
                { "type=bind,src=/s,dst=/t,U,idmap=none", "bind /s /t U idmap=none" },
                { "src=v,dst=/t", "volume v /t" },
                { "dst=/t", "volume - /t" },
                { "type=volume,dst=/t,volume-nocopy,volume-subpath=a/"
                  "b,volume-driver=local,volume-opt=type=tmpfs,"
                  "volume-label=x",
                  "volume - /t nocopy subpath=a/b driver=local opt:type=tmpfs label:x=" },
                { "type=tmpfs,target=/t,tmpfs-size=64m,tmpfs-mode=1777",
                  "tmpfs - /t options=size=64m,mode=1777" },
                { "type=tmpfs,target=/t,tmpfs-options=noexec,size=1m,uid=7",
                  "tmpfs - /t options=noexec,size=1m,uid=7" },
                { "type=image,source=busybox:1,target=/t,image-subpath=bin",
                  "image busybox:1 /t subpath=bin" },
                { "type=devpts,target=/t,max=10,mode=620", "devpts - /t options=max=10,mode=620" },
        };
        static const Case bad[] = {
                { "type=bind,target=/x", "lacks source" },
                { "type=image,target=/x", "lacks source" },
                { "type=bind,src=/x", "lacks target" },
                { "target", "needs a value" },
                { "type=nfs,target=/x", "there are bind" },
                { "type=tmpfs,source=/s,target=/x", "\"source\"; there are" },
                { "type=bind,src=/s,dst=/t,volume-nocopy", "volume-nocopy" },
                { "type=tmpfs,dst=/t,bind-propagation=rslave", "bind-propagation" },
                { "bind-recursive=disabled,dst=/t", "bind-recursive" },
                { "type=bind,src=/s,dst=/t,bind-propagation=up", "propagation" },
                { "type=bind,src=/s,dst=/t,bind-recursive=never", "writable" },
                { "type=bind,src=/s,dst=/t,typo=1", "bind-create-src" },
                { "type=bind,src=/s,dst=/t,readonly=perhaps", "neither" },
                { "src=/path,dst=/t", "type=bind" },
                { "type=bind,\"src=/s", "quote" },
        };

        try_good(mount_parse_mount, good, ELEMENTSOF(good));
        try_bad(mount_parse_mount, bad, ELEMENTSOF(bad));
}

static int parse_tmpfs(const char *s, const char *directory, List *mounts, Error *error) {
        return mount_parse_tmpfs(s, mounts, error);
}

static void test_tmpfs(void) {
        static const Case good[] = { { "/run", "tmpfs - /run" },
                                     { "/run:size=1m,exec", "tmpfs - /run options=size=1m,exec" } };
        static const Case bad[] = { { "run", "absolute" }, { "/", "over" } };

        try_good(parse_tmpfs, good, ELEMENTSOF(good));
        try_bad(parse_tmpfs, bad, ELEMENTSOF(bad));
}

int main(void) {
        test_volume();
        test_mount();
        test_tmpfs();
        return TEST_RESULT();
}
