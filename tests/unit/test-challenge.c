/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "challenge.h"
#include "string-util.h"
#include "test.h"

static const struct {
        const char *header;
        int r;
        ChallengeScheme scheme;
        const char *realm, *service, *scope;
} cases[] = {
        { "Bearer realm=\"https://auth.docker.io/token\",service=\"registry.docker.io\","
          "scope=\"repository:library/debian:pull\"",
          0, CHALLENGE_BEARER, "https://auth.docker.io/token", "registry.docker.io",
          "repository:library/debian:pull" },
        { "bearer REALM = \"https://a/b\" , Service=\"x\"", 0, CHALLENGE_BEARER, "https://a/b", "x", NULL },
        { "Bearer realm=https://a/b,service=x", 0, CHALLENGE_BEARER, "https://a/b", "x", NULL },
        { "Bearer realm=\"a\\\"b\\\\c\"", 0, CHALLENGE_BEARER, "a\"b\\c", NULL, NULL },
        { "Bearer realm=\"a, b=c\", error=\"invalid_token\"", 0, CHALLENGE_BEARER, "a, b=c", NULL, NULL },
        { "Bearer realm=\"a\", realm=\"b\"", 0, CHALLENGE_BEARER, "b", NULL, NULL },
        { "Basic realm=\"x\"", 0, CHALLENGE_BASIC, "x", NULL, NULL },
        { "Basic", 0, CHALLENGE_BASIC, NULL, NULL, NULL },
        { "Basic realm=\"x\", Bearer realm=\"y\"", 0, CHALLENGE_BEARER, "y", NULL, NULL },
        { "Bearer realm=\"y\", Basic realm=\"x\"", 0, CHALLENGE_BEARER, "y", NULL, NULL },
        { "Negotiate YWJj==, Basic realm=\"x\"", 0, CHALLENGE_BASIC, "x", NULL, NULL },
        { "Negotiate, Bearer realm=\"x\"", 0, CHALLENGE_BEARER, "x", NULL, NULL },
        { "Digest realm=\"x\", nonce=\"y\"", 0, CHALLENGE_NONE, NULL, NULL, NULL },
        { "Bearer service=\"no realm\"", 0, CHALLENGE_NONE, NULL, NULL, NULL },
        { " , ,Basic realm=\"x\", ,", 0, CHALLENGE_BASIC, "x", NULL, NULL },
        { "", 0, CHALLENGE_NONE, NULL, NULL, NULL },
        { "Bearer", 0, CHALLENGE_NONE, NULL, NULL, NULL },
        { "Bearer realm=\"open", -EBADMSG, CHALLENGE_NONE, NULL, NULL, NULL },
        { "Bearer realm=\"a\\", -EBADMSG, CHALLENGE_NONE, NULL, NULL, NULL },
        { "Bearer realm=\"a\nb\"", -EBADMSG, CHALLENGE_NONE, NULL, NULL, NULL },
        { "Bearer realm=\"a\"x", -EBADMSG, CHALLENGE_NONE, NULL, NULL, NULL },
        { "=", -EBADMSG, CHALLENGE_NONE, NULL, NULL, NULL },
        { "Basic realm=\"x\", \x01", -EBADMSG, CHALLENGE_BASIC, "x", NULL, NULL },
};

static bool same(const char *a, const char *b) {
        return streq_ptr(a, b);
}

static void test_parse(void) {
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(challenge_done) Challenge challenge = {};

                bool good = challenge_parse(&challenge, cases[i].header) == cases[i].r &&
                            challenge.scheme == cases[i].scheme && same(challenge.realm, cases[i].realm) &&
                            same(challenge.service, cases[i].service) &&
                            same(challenge.scope, cases[i].scope);
                if (!good)
                        fprintf(stderr, "%s: scheme %d, realm %s\n", cases[i].header, challenge.scheme,
                                strempty(challenge.realm));
                CHECK(good);
        }
}

/* A registry may send one header for each scheme. */
static void test_several_headers(void) {
        _cleanup_(challenge_done) Challenge challenge = {};

        CHECK(challenge_parse(&challenge, "Basic realm=\"x\"") == 0);
        CHECK(challenge_parse(&challenge, "Bearer realm=\"y\"") == 0);
        CHECK(challenge_parse(&challenge, "Basic realm=\"z\"") == 0);
        CHECK(challenge.scheme == CHALLENGE_BEARER);
        CHECK_STRING(challenge.realm, "y");
}

static void test_length(void) {
        _cleanup_(challenge_done) Challenge challenge = {};
        _cleanup_free_ char *text = malloc(CHALLENGE_MAX + 2);

        memset(text, ',', CHALLENGE_MAX + 1);
        text[CHALLENGE_MAX + 1] = 0;
        CHECK(challenge_parse(&challenge, text) == -EBADMSG);
        text[CHALLENGE_MAX] = 0;
        CHECK(challenge_parse(&challenge, text) == 0);
}

int main(void) {
        test_parse();
        test_several_headers();
        test_length();
        return TEST_RESULT();
}
