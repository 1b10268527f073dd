/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base64.h"
#include "credentials.h"
#include "fd-util.h"
#include "json-util.h"
#include "string-util.h"
#include "test.h"

static void test_base64(void) {
        static const char *const pairs[][2] = {
                { "", "" },
                { "f", "Zg==" },
                { "fo", "Zm8=" },
                { "foo", "Zm9v" },
                { "foob", "Zm9vYg==" },
                { "fooba", "Zm9vYmE=" },
                { "foobar", "Zm9vYmFy" },
                { "\xff\xfe>?", "//4+Pw==" },
        };
        static const char *const bad[] = { "Z",    "Zg=",    "Zg===", "Z===",    "Zm9v=",
                                           "Z*9v", "Zm9v\n", "=",     "Zg==Zg==" };
        size_t size;

        for (size_t i = 0; i < ELEMENTSOF(pairs); i++) {
                _cleanup_free_ char *encoded = base64_encode(pairs[i][0], strlen(pairs[i][0])),
                                    *decoded = NULL;
                CHECK_STRING(encoded, pairs[i][1]);
                CHECK(base64_decode(pairs[i][1], &decoded, &size) == 0);
                CHECK_STRING(decoded, pairs[i][0]);
                CHECK(size == strlen(pairs[i][0]));
        }
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_free_ char *decoded = NULL;
                CHECK(base64_decode(bad[i], &decoded, &size) == -EBADMSG && !decoded);
        }
        _cleanup_free_ char *unpadded = NULL;
        CHECK(base64_decode("Zg", &unpadded, &size) == 0 && size == 1);
}

static json_t *parse(const char *text) {
        json_t *document = NULL;

        CHECK(credentials_parse(text, strlen(text), &document, NULL) >= 0);
        return document;
}

static void test_scopes(void) {
        static const char *const cases[][2] = {
                { "docker.io", "docker.io" },
                { "https://index.docker.io/v1/", "docker.io" },
                { "index.docker.io", "docker.io" },
                { "registry-1.docker.io/v2", "docker.io" },
                { "docker.io/team", "docker.io/team" },
                { "host:5000", "host:5000" },
                { "host:5000/", "host:5000" },
                { "http://host:5000/v2/", "host:5000" },
                { "https://host/any/thing", "host" },
                { "quay.io/team/image", "quay.io/team/image" },
                { "", "" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *scope = credentials_key_scope(cases[i][0]);
                CHECK_STRING(scope, cases[i][1]);
        }
}

/* The user that the document has for a name, "" for none, "?" for nonsense. */
static char *user_of(const char *text, const char *registry, const char *repository) {
        _cleanup_json_ json_t *document = parse(text);
        _cleanup_(credential_done) Credential found = {};

        int r = credentials_find(document, registry, repository, &found);
        return strdup(r < 0 ? "?" : r == 0 ? "" : found.username ?: found.identity_token);
}

static void test_find(void) {
        static const struct {
                const char *text, *registry, *repository, *user;
        } cases[] = {
                { "", "host", "x", "" },
                { " \n", "host", "x", "" },
                { "{}", "host", "x", "" },
                { "{\"auths\": null}", "host", "x", "" },
                { "{\"auths\": {\"host\": {\"auth\": \"YTpi\"}}}", "host", "x", "a" },
                { "{\"auths\": {\"host\": {\"auth\": \"YTpi\"}}}", "host", NULL, "a" },
                { "{\"auths\": {\"host\": {\"auth\": \"YTpi\"}}}", "host:5000", "x", "" },
                { "{\"auths\": {\"host\": {\"auth\": \"YTpi\"}}}", "hostess", "x", "" },
                { "{\"auths\": {\"HOST\": {\"auth\": \"YTpi\"}}}", "host", "x", "a" },
                { "{\"auths\": {\"host\": {}}}", "host", "x", "" },
                { "{\"auths\": {\"host\": {\"username\": \"u\", \"password\": \"p\"}}}", "host", "x", "u" },
                { "{\"auths\": {\"host\": {\"auth\": \"\", \"identitytoken\": \"t\"}}}", "host", "x", "t" },
                { "{\"auths\": {\"host\": {\"username\": \"<token>\", \"password\": \"t\"}}}", "host", "x",
                  "t" },
                { "{\"auths\": {\"https://index.docker.io/v1/\": {\"auth\": \"YTpi\"}}}", "docker.io",
                  "library/x", "a" },
                /* The longest path that fits, at a slash. */
                { "{\"auths\": {\"h\": {\"auth\": \"YTpi\"}, \"h/team\": {\"auth\": \"Yjpi\"}}}", "h",
                  "team/x", "b" },
                { "{\"auths\": {\"h/team\": {\"auth\": \"Yjpi\"}, \"h\": {\"auth\": \"YTpi\"}}}", "h",
                  "team", "b" },
                { "{\"auths\": {\"h/team\": {\"auth\": \"Yjpi\"}, \"h\": {\"auth\": \"YTpi\"}}}", "h",
                  "teams/x", "a" },
                { "{\"auths\": {\"h/team\": {\"auth\": \"Yjpi\"}}}", "h", NULL, "" },
                /* An empty entry hides nothing. */
                { "{\"auths\": {\"h\": {\"auth\": \"YTpi\"}, \"h/team\": {}}}", "h", "team/x", "a" },
                /* The plain spelling before the URL. */
                { "{\"auths\": {\"https://h/v1/\": {\"auth\": \"YTpi\"}, \"h\": {\"auth\": \"Yjpi\"}}}", "h",
                  "x", "b" },
                { "{\"auths\": {\"h\": {\"auth\": \"Yjpi\"}, \"https://h/v1/\": {\"auth\": \"YTpi\"}}}", "h",
                  "x", "b" },
                /* Padded with a NUL; without a colon; not base 64; with a NUL inside. */
                { "{\"auths\": {\"h\": {\"auth\": \"YTpiAAA=\"}}}", "h", "x", "a" },
                { "{\"auths\": {\"h\": {\"auth\": \"YWI=\"}}}", "h", "x", "?" },
                { "{\"auths\": {\"h\": {\"auth\": \"*\"}}}", "h", "x", "?" },
                { "{\"auths\": {\"h\": {\"auth\": \"YToAYg==\"}}}", "h", "x", "?" },
                { "{\"auths\": {\"other\": {\"auth\": \"*\"}}}", "h", "x", "" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *user = user_of(cases[i].text, cases[i].registry, cases[i].repository);
                if (!streq(user, cases[i].user))
                        fprintf(stderr, "in case %zu:\n", i);
                CHECK_STRING(user, cases[i].user);
        }
}

static void test_token_and_password(void) {
        _cleanup_json_ json_t *document =
                parse("{\"auths\": {"
                      "\"a\": {\"auth\": \"dXNlcjo=\", \"identitytoken\": \"abc\"},"
                      "\"b\": {\"auth\": \"dXNlcjpwOnE=\"}}}");
        _cleanup_(credential_done) Credential a = {}, b = {};

        CHECK(credentials_find(document, "a", "x", &a) == 1);
        CHECK_STRING(a.username, "user");
        CHECK_STRING(a.identity_token, "abc");
        CHECK(credentials_find(document, "b", "x", &b) == 1);
        CHECK_STRING(b.password, "p:q"); /* only the first colon separates */
        CHECK(!b.identity_token);
}

static void test_malformed(void) {
        static const char *const bad[] = {
                "[]",
                "\"x\"",
                "{",
                "{\"auths\": []}",
                "{\"auths\": {\"h\": \"x\"}}",
                "{\"auths\": {\"h\": []}}",
                "nonsense",
                "{\"auths\": {\"h\": {\"auth\": \"secret\"}} secret",
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_json_ json_t *document = NULL;
                _cleanup_error_ Error error = {};
                CHECK(credentials_parse(bad[i], strlen(bad[i]), &document, &error) < 0);
                CHECK(error.kind == ERROR_INVALID && !strstr(error.message, "secret"));
        }
        _cleanup_free_ char *large = calloc(1, CREDENTIALS_SIZE_MAX + 1);
        _cleanup_json_ json_t *document = NULL;
        _cleanup_error_ Error error = {};
        CHECK(credentials_parse(large, CREDENTIALS_SIZE_MAX + 1, &document, &error) < 0);
        CHECK(error.kind == ERROR_LIMIT);
}

static void check_text(const json_t *document, const char *expected) {
        _cleanup_free_ char *text = json_dumps(document, JSON_COMPACT | JSON_SORT_KEYS);

        CHECK_STRING(text, expected);
}

static void test_set(void) {
        const Credential password = { .username = (char *) "a", .password = (char *) "b" };
        const Credential token = { .username = (char *) "a", .identity_token = (char *) "t" };
        const Credential bare_token = { .identity_token = (char *) "t" };
        _cleanup_json_ json_t *document = parse("{\"HttpHeaders\": {\"a\": \"b\"}}");

        CHECK(credentials_set(document, "host:5000", &password) == 0);
        check_text(document,
                   "{\"HttpHeaders\":{\"a\":\"b\"},\"auths\":{\"host:5000\":{\"auth\":\"YTpi\"}}}");
        CHECK(credentials_set(document, "host:5000", &token) == 1);
        check_text(document, "{\"HttpHeaders\":{\"a\":\"b\"},\"auths\":{\"host:5000\":{\"auth\":\"YTo=\","
                             "\"identitytoken\":\"t\"}}}");
        CHECK(credentials_set(document, "host:5000", NULL) == 1);
        CHECK(credentials_set(document, "host:5000", NULL) == 0);
        CHECK(credentials_set(document, "docker.io", &bare_token) == 0);
        check_text(document, "{\"HttpHeaders\":{\"a\":\"b\"},\"auths\":{\"https://index.docker.io/v1/\":"
                             "{\"identitytoken\":\"t\"}}}");

        /* A spelling that is there is kept, and what means the same goes. */
        _cleanup_json_ json_t *spelled =
                parse("{\"auths\": {\"docker.io\": {}, \"index.docker.io\": {}, \"x\": {}}}");
        CHECK(credentials_set(spelled, "docker.io", &password) == 1);
        check_text(spelled, "{\"auths\":{\"docker.io\":{\"auth\":\"YTpi\"},\"x\":{}}}");
        CHECK(credentials_set(spelled, "https://x/v1/", NULL) == 1);
        CHECK(credentials_set(spelled, "docker.io/team", NULL) == 0);
}

static void test_descriptors(void) {
        _cleanup_json_ json_t *document = parse("{\"auths\": {\"h\": {\"auth\": \"YTpi\"}}}"), *back = NULL;
        _cleanup_json_ json_t *nothing = NULL, *none = NULL;
        _cleanup_error_ Error error = {}, too_large = {};
        _cleanup_close_ int fd = credentials_to_fd(document, NULL), empty = memfd_create("x", MFD_CLOEXEC);
        int fds[2];

        CHECK(lseek(fd, 3, SEEK_SET) == 3); /* read from the beginning all the same */
        CHECK(credentials_read_fd(fd, &back, NULL) == 0 && json_equal(document, back));
        CHECK(write(fd, "x", 1) < 0 && errno == EPERM);
        CHECK(credentials_read_fd(empty, &nothing, NULL) == 0 && json_object_size(nothing) == 0);
        CHECK(ftruncate(empty, CREDENTIALS_SIZE_MAX + 1) == 0);
        CHECK(credentials_read_fd(empty, &none, &too_large) < 0 && too_large.kind == ERROR_LIMIT);

        CHECK(pipe2(fds, O_CLOEXEC) == 0); /* nobody writes into it: must not wait */
        CHECK(credentials_read_fd(fds[0], &none, &error) < 0 && error.kind == ERROR_INVALID);
        close_many(fds, 2);
}

static void test_protection(void) {
        struct rlimit limit;

        credentials_protect_process();
        CHECK(getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur == 0 && limit.rlim_max == 0);
        _cleanup_json_ json_t *document = parse("{\"auths\": {\"h\": {\"auth\": \"YTpi\"}}}");
        _cleanup_(credential_done) Credential found = {};
        CHECK(credentials_find(document, "h", NULL, &found) == 1);
}

int main(void) {
        test_base64();
        test_scopes();
        test_find();
        test_token_and_password();
        test_malformed();
        test_set();
        test_descriptors();
        test_protection();
        return TEST_RESULT();
}
