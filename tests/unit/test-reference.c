/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reference.h"
#include "string-util.h"
#include "test.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define DIGEST "sha256:" HEX
#define A50 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A250 A50 A50 A50 A50 A50

static const struct {
        const char *written, *canonical, *familiar;
} good[] = {
        { "debian", "docker.io/library/debian:latest", "debian:latest" },
        { "debian:12", "docker.io/library/debian:12", "debian:12" },
        { "foo/bar", "docker.io/foo/bar:latest", "foo/bar:latest" },
        { "docker.io/debian", "docker.io/library/debian:latest", "debian:latest" },
        { "index.docker.io/debian", "docker.io/library/debian:latest", "debian:latest" },
        { "docker.io/library/debian:12", "docker.io/library/debian:12", "debian:12" },
        { "library/debian", "docker.io/library/debian:latest", "debian:latest" },
        { "localhost/x", "localhost/x:latest", "localhost/x:latest" },
        { "localhost:5000/x", "localhost:5000/x:latest", "localhost:5000/x:latest" },
        { "docker.io/localhost/x", "docker.io/localhost/x:latest", "docker.io/localhost/x:latest" },
        { "docker.io/library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest" },
        { "docker.io/a.b/c", "docker.io/a.b/c:latest", "docker.io/a.b/c:latest" },
        { "host:5000/x", "host:5000/x:latest", "host:5000/x:latest" },
        { "HOST:5000/x", "host:5000/x:latest", "host:5000/x:latest" },
        { "host:5000", "docker.io/library/host:5000", "host:5000" },
        { "quay.io/a/b/c/d:V1.0", "quay.io/a/b/c/d:V1.0", "quay.io/a/b/c/d:V1.0" },
        { "[::1]:5000/x", "[::1]:5000/x:latest", "[::1]:5000/x:latest" },
        { "[fd00::1]/x", "[fd00::1]/x:latest", "[fd00::1]/x:latest" },
        { "127.0.0.1:5000/a-b__c.d_e--f", "127.0.0.1:5000/a-b__c.d_e--f:latest",
          "127.0.0.1:5000/a-b__c.d_e--f:latest" },
        { "debian:12@" DIGEST, "docker.io/library/debian:12@" DIGEST, "debian:12@" DIGEST },
        { "[::1]:5000/a/x:t@" DIGEST, "[::1]:5000/a/x:t@" DIGEST, "[::1]:5000/a/x:t@" DIGEST },
        { "Index.Docker.io/team/x:1", "docker.io/team/x:1", "team/x:1" },
        { "docker.io:443/x", "docker.io:443/x:latest", "docker.io:443/x:latest" },
        { "x@" DIGEST, "docker.io/library/x@" DIGEST, "x@" DIGEST },
        { "host:5000/x:tag@" DIGEST, "host:5000/x:tag@" DIGEST, "host:5000/x:tag@" DIGEST },
        { "a:_x-.Y", "docker.io/library/a:_x-.Y", "a:_x-.Y" },
};

static const struct {
        const char *written, *reason;
} bad[] = {
        { "", "empty" },
        { "UPPER", "lower case" },
        { "host:5000/Upper", "lower case" },
        { "a:b:c", "more than one tag" },
        { "h/a:b:c", "more than one tag" },
        { "x@sha256:abc", "64 hexadecimal digits" },
        { "x@" HEX, "must be a digest" },
        { "x@md5:0123", "only sha256" },
        { "x@sha512:" HEX HEX, "only sha256" },
        { "x@" DIGEST "@" DIGEST, "64 hexadecimal" },
        { HEX, "id" },
        { "https://host/x", "://" },
        { "a b", "space" },
        { "a\nb", "control" },
        { "caf\xc3\xa9", "ASCII" },
        { "/x", "joined by" },
        { "x/", "joined by" },
        { "a//b", "empty part" },
        { "host:5000/", "no repository" },
        { "x:", "tag" },
        { "x:-a", "tag" },
        { "x:a/b", "not a host" }, /* "x:a" is a host with a port */
        { "a/x:b/c", "more than one tag" },
        { ":12", "no repository" },
        { "-x", "joined by" },
        { "x-", "joined by" },
        { "a..b", "joined by" },
        { "a___b", "joined by" },
        { "a_-b", "joined by" },
        { "host:99999/x", "not a host" },
        { "host:0/x", "not a host" },
        { "host:/x", "not a host" },
        { "-host.org/x", "not a host" },
        { "a..org/x", "not a host" },
        { "[::1/x", "not a host" },
        { "[]/x", "joined by" },
        { "a" A250 A50, "255" },
        { "x:" A50 A50 A50, "128" },
        { A250 A250 A250 A250 A50, "1024" },
};

static void test_good(void) {
        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                _cleanup_(reference_done) Reference reference = {}, again = {};
                _cleanup_error_ Error error = {};

                CHECK(reference_parse(good[i].written, &reference, &error) == 0);
                if (error.message)
                        fprintf(stderr, "%s: %s\n", good[i].written, error.message);
                if (!reference.registry)
                        continue;
                _cleanup_free_ char *canonical = reference_to_string(&reference);
                _cleanup_free_ char *familiar = reference_to_familiar(&reference);
                CHECK_STRING(canonical, good[i].canonical);
                CHECK_STRING(familiar, good[i].familiar);

                CHECK(reference_parse(familiar, &again, NULL) == 0);
                _cleanup_free_ char *back = reference_to_string(&again);
                CHECK_STRING(back, canonical);
        }
}

static void test_bad(void) {
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_error_ Error error = {};
                Reference reference = {};

                CHECK(reference_parse(bad[i].written, &reference, &error) == -EINVAL);
                CHECK(error.kind == ERROR_INVALID && !reference.registry);
                if (!error.message || !strstr(error.message, bad[i].reason)) {
                        fprintf(stderr, "%s: \"%s\" does not say \"%s\"\n", bad[i].written,
                                error.message ?: "", bad[i].reason);
                        test_failures++;
                }
        }
}

static void test_parts(void) {
        _cleanup_(reference_done) Reference reference = {};
        _cleanup_free_ char *canonical = NULL;

        CHECK(reference_parse("host:5000/a/b:t@" DIGEST, &reference, NULL) == 0);
        CHECK_STRING(reference.registry, "host:5000");
        CHECK_STRING(reference.repository, "a/b");
        CHECK_STRING(reference.tag, "t");
        CHECK_STRING(reference.digest, DIGEST);

        CHECK(reference_canonicalize("alpine", &canonical, NULL) == 0);
        CHECK_STRING(canonical, "docker.io/library/alpine:latest");
        CHECK(reference_canonicalize("Alpine", &canonical, NULL) == -EINVAL);
}

static void test_split(void) {
        static const struct {
                const char *written, *registry, *rest;
        } cases[] = {
                { "term", "docker.io", "term" },           { "", "docker.io", "" },
                { "team/term", "docker.io", "team/term" }, { "Quay.io/term", "quay.io", "term" },
                { "host:5000/a/b", "host:5000", "a/b" },   { "localhost/", "localhost", "" },
                { "index.docker.io/x", "docker.io", "x" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *registry = NULL;
                const char *rest;
                CHECK(reference_split_registry(cases[i].written, &registry, &rest) == 0);
                CHECK_STRING(registry, cases[i].registry);
                CHECK_STRING(rest, cases[i].rest);
        }
}

int main(void) {
        test_good();
        test_bad();
        test_parts();
        test_split();
        return TEST_RESULT();
}
