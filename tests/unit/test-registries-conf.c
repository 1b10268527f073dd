/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reference.h"
#include "registries-conf.h"
#include "string-util.h"
#include "strv.h"
#include "test.h"

static int parse(const char *text, RegistriesConf *ret, Error *error) {
        return registries_conf_parse("r.conf", text, strlen(text), ret, error);
}

static void test_mistakes(void) {
        static const struct {
                const char *text, *error;
        } cases[] = {
                { "[Nmaes]\n", "r.conf:1: unknown section \"Nmaes\"" },
                { "[Names x]\n", "r.conf:1: unknown section \"Names\"" },
                { "[Names]\nDefualt=x\n", "r.conf:2: unknown key \"Defualt\" in [Names]" },
                { "[Names]\nDefault=a/b\n", "r.conf:2: Default= must be a registry" },
                { "[Names]\nDefault=a b\n", "r.conf:2: Default= must be a registry" },
                { "[Names]\nAlias=a\n", "r.conf:2: Alias= is a short name and what it stands for" },
                { "[Names]\nAlias=a:1 h.x/b\n", "r.conf:2: the alias \"a:1\" must be a name without" },
                { "[Names]\nAlias=h.x/a h.x/b\n", "r.conf:2: the alias \"h.x/a\" must be a name without" },
                { "[Names]\nAlias=a b\n",
                  "r.conf:2: the alias \"a\" must stand for a name with its registry" },
                { "[Names]\nAlias=a h.x/B\n", "r.conf:2: \"h.x/B\" is not an image name" },
                { "[Registry]\n", "r.conf:1: \"\" is not a registry" },
                { "[Registry a b]\n", "r.conf:1: \"a b\" is not a registry" },
                { "[Registry https://a]\n", "r.conf:1: \"https://a\" is not a registry" },
                { "[Registry a.b/]\n", "r.conf:1: \"a.b/\" is not a registry" },
                { "[Registry *.a.b/c]\n", "r.conf:1: \"*.a.b/c\" is not a registry" },
                { "[Registry *a.b]\n", "r.conf:1: \"*a.b\" is not a registry" },
                { "[Registry a.b]\nMirrors=x\n", "r.conf:2: unknown key \"Mirrors\" in [Registry]" },
                { "[Registry a.b]\nMirror=https://x\n", "r.conf:2: \"https://x\" is not a mirror" },
                { "[Registry a.b]\nMirror=x/Y\n", "r.conf:2: \"x/Y\" is not a mirror" },
                { "[Registry a.b]\nInsecure=maybe\n", "r.conf:2: Insecure= can't be \"maybe\"" },
                { "[Registry a.b]\nBlocked=\n", "r.conf:2: Blocked= can't be \"\"" },
                { "[Registry a.b]\nPolicy=singature\n", "r.conf:2: Policy= can't be \"singature\"" },
                { "[Registry a.b]\nKey=team.pem\n", "r.conf:2: Key= must be an absolute path" },
                { "[Registry a.b]\nPrefix=x\n", "r.conf:2: unknown key \"Prefix\"" },
                { "Default=x\n", "r.conf:1: unknown section \"\"" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_error_ Error error = {};
                RegistriesConf conf = {};
                CHECK(parse(cases[i].text, &conf, &error) < 0);
                CHECK(error.kind == ERROR_INVALID && !conf.rules.items && !conf.aliases);
                if (!startswith(strempty(error.message), cases[i].error))
                        CHECK_STRING(error.message, cases[i].error);
        }
}

static const char *const example =
        "[Registry *]\nPolicy=digest\nKey=/etc/all.pem\n"
        "[Registry docker.io]\nMirror=m1:5000/hub  M2.example\nMirror=m3\nMirrorOnly=yes\n"
        "[Registry docker.io/library]\nInsecure=on\nPolicy=accept\n"
        "[Registry docker.io/library/own]\nMirror=\nKey=\nMirrorOnly=0\n"
        "[Registry Index.Docker.io]\nBlocked=no\n"
        "[Registry *.example.com]\nInsecure=true\n"
        "[Registry a.example.com]\nInsecure=false\n"
        "[Registry *.b.example.com]\nBlocked=1\n"
        "[Registry docker.io]\nMirror=m4\n";

static void test_find(void) {
        static const struct {
                const char *registry, *repository, *prefix, *mirrors;
                int mirror_only, insecure, blocked, policy;
                size_t keys;
        } cases[] = {
                { "quay.io", "x", "*", NULL, 0, 0, 0, TRUST_DIGEST, 1 },
                { "docker.io", "team/x", "docker.io", "m1:5000/hub M2.example m3 m4", 1, 0, 0, TRUST_DIGEST,
                  1 },
                { "docker.io", "library/x", "docker.io/library", "m1:5000/hub M2.example m3 m4", 1, 1, 0,
                  TRUST_ACCEPT, 1 },
                { "docker.io", "libraryx", "docker.io", "m1:5000/hub M2.example m3 m4", 1, 0, 0,
                  TRUST_DIGEST, 1 },
                { "docker.io", "library/own", "docker.io/library/own", "", 0, 1, 0, TRUST_ACCEPT, 0 },
                { "docker.io", "library/own/x", "docker.io/library/own", "", 0, 1, 0, TRUST_ACCEPT, 0 },
                { "docker.io:443", "library/x", "*", NULL, 0, 0, 0, TRUST_DIGEST, 1 },
                { "x.example.com", "y", "*.example.com", NULL, 0, 1, 0, TRUST_DIGEST, 1 },
                { "x.example.com:5000", "y", "*.example.com", NULL, 0, 1, 0, TRUST_DIGEST, 1 },
                { "x.b.example.com", "y", "*.b.example.com", NULL, 0, 1, 1, TRUST_DIGEST, 1 },
                { "a.example.com", "y", "a.example.com", NULL, 0, 0, 0, TRUST_DIGEST, 1 },
                { "example.com", "y", "*", NULL, 0, 0, 0, TRUST_DIGEST, 1 },
                { "notexample.com", "y", "*", NULL, 0, 0, 0, TRUST_DIGEST, 1 },
                { "b.c", "x.example.com", "*", NULL, 0, 0, 0, TRUST_DIGEST, 1 },
        };
        _cleanup_error_ Error error = {};
        RegistriesConf conf = {};

        CHECK(parse(example, &conf, &error) == 0);
        CHECK_STRING(strempty(error.message), "");
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                RegistryRule rule;
                registries_conf_find(&conf, cases[i].registry, cases[i].repository, &rule);
                _cleanup_free_ char *mirrors = rule.mirrors ? strv_join(rule.mirrors, " ") : NULL;
                CHECK_STRING(rule.prefix, cases[i].prefix);
                if (cases[i].mirrors)
                        CHECK_STRING(mirrors, cases[i].mirrors);
                else
                        CHECK(!rule.mirrors);
                CHECK(rule.mirror_only == cases[i].mirror_only && rule.insecure == cases[i].insecure);
                CHECK(rule.blocked == cases[i].blocked && rule.policy == cases[i].policy);
                CHECK(strv_length(rule.keys) == cases[i].keys);
        }
        object_done(&registries_conf_type, &conf);

        RegistryRule rule;
        registries_conf_find(&conf, "docker.io", "library/x", &rule);
        CHECK(!rule.prefix && !rule.mirrors && !rule.mirror_only && !rule.insecure && !rule.blocked);
        CHECK(rule.policy == TRUST_ACCEPT);
}

static void test_names(void) {
        static const struct {
                const char *written, *canonical, *familiar;
        } cases[] = {
                { "x", "quay.io/x:latest", "x:latest" },
                { "a/b:1", "quay.io/a/b:1", "a/b:1" },
                { "library/x", "quay.io/library/x:latest", "library/x:latest" },
                { "docker.io/debian", "docker.io/library/debian:latest", "docker.io/library/debian:latest" },
                { "web", "registry.example/web/front:2", "registry.example/web/front:2" },
                { "web:3", "registry.example/web/front:3", "registry.example/web/front:3" },
                { "team/web", "localhost:5000/w:latest", "localhost:5000/w:latest" },
                { "web/x", "quay.io/web/x:latest", "web/x:latest" },
                { "quay.io/web", "quay.io/web:latest", "quay.io/web:latest" }, /* "web" is something else */
        };
        _cleanup_error_ Error error = {};
        RegistriesConf conf = {};

        CHECK(parse("[Names]\nDefault=Quay.io\nAlias=web registry.example/web/front:2\n"
                    "Alias=team/web localhost:5000/w\n",
                    &conf, &error) == 0);
        CHECK(registries_conf_apply_names(&conf) == 0);
        object_done(&registries_conf_type, &conf);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *canonical = NULL, *familiar = NULL, *back = NULL;
                _cleanup_(reference_done) Reference reference = {};
                CHECK(reference_canonicalize(cases[i].written, &canonical, &error) == 0);
                CHECK_STRING(canonical, cases[i].canonical);
                CHECK(reference_parse(canonical, &reference, &error) == 0);
                familiar = reference_to_familiar(&reference);
                CHECK_STRING(familiar, cases[i].familiar);
                CHECK(reference_canonicalize(familiar, &back, &error) == 0);
                CHECK_STRING(back, canonical);
        }

        /* An official image whose short name is an alias is not shown by it. */
        CHECK(parse("[Names]\nDefault=index.docker.io\nAlias=debian h.x/d\n", &conf, &error) == 0);
        CHECK(registries_conf_apply_names(&conf) == 0);
        object_done(&registries_conf_type, &conf);
        _cleanup_(reference_done) Reference reference = {};
        CHECK(reference_parse("docker.io/debian", &reference, &error) == 0);
        _cleanup_free_ char *familiar = reference_to_familiar(&reference), *other = NULL;
        CHECK_STRING(familiar, "docker.io/library/debian:latest");
        CHECK(reference_canonicalize("busybox", &other, &error) == 0);
        CHECK_STRING(other, "docker.io/library/busybox:latest");
        CHECK(registries_conf_apply_names(&conf) == 0); /* now empty */
}

int main(void) {
        test_mistakes();
        test_find();
        test_names();
        return TEST_RESULT();
}
