/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "answer.h"
#include "test.h"
#include "token.h"

static void test_url(void) {
        static const struct {
                Challenge challenge;
                const char *url;
        } cases[] = {
                { { CHALLENGE_BEARER, (char *) "https://a/token", (char *) "x y", NULL },
                  "https://a/token?service=x%20y&scope=repository:r:pull" },
                { { CHALLENGE_BEARER, (char *) "https://a/token?k=v#f", NULL, (char *) "s1  s2&z" },
                  "https://a/token?k=v&scope=s1&scope=s2%26z" },
                { { CHALLENGE_BEARER, (char *) "https://a", (char *) "", (char *) "" },
                  "https://a?service=&scope=repository:r:pull" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *url =
                        token_url(&cases[i].challenge, &(TokenRequest){ .scope = "repository:r:pull" });
                CHECK_STRING(url, cases[i].url);
        }

        const TokenRequest login = { .username = "u v", .password = "secret", .offline = true };
        _cleanup_free_ char *url = token_url(&cases[2].challenge, &login);
        CHECK_STRING(url, "https://a?service=&account=u%20v&client_id=berth&offline_token=true");
}

static void test_form(void) {
        const Challenge challenge = { CHALLENGE_BEARER, (char *) "https://a/token", (char *) "s",
                                      (char *) "x y" };
        const TokenRequest password = { .username = "u", .password = "p&q=r+ \xc3\xa9", .offline = true };
        const TokenRequest refresh = { .username = "u", .password = "p", .refresh_token = "abc/+=" };
        _cleanup_free_ char *one = token_form(&challenge, &password),
                            *two = token_form(&challenge, &refresh);

        CHECK_STRING(one, "grant_type=password&client_id=berth&service=s&scope=x%20y&access_type=offline"
                          "&username=u&password=p%26q%3Dr%2B%20%C3%A9");
        CHECK_STRING(
                two,
                "grant_type=refresh_token&client_id=berth&service=s&scope=x%20y&refresh_token=abc/%2B%3D");
}

static int parse(const char *text, TokenAnswer *ret) {
        return token_parse(text, strlen(text), ret);
}

static void test_parse(void) {
        static const char *const bad[] = {
                "",
                "{}",
                "[]",
                "\"x\"",
                "{\"token\": 5}",
                "{\"token\": \"\"}",
                "{\"token\": \"a b\"}",
                "{\"token\": \"a\\r\\nX-Evil: 1\"}",
                "{\"token\": \"\xc3\xa9\"}",
                "{\"token\": \"a\\u0000b\"}",
                "{\"token\": \"a\", \"refresh_token\": \"b\\n\"}",
                "<html>",
        };
        static const struct {
                const char *text;
                uint64_t seconds;
        } lifetimes[] = {
                { "{\"token\": \"a\"}", 60 },
                { "{\"token\": \"a\", \"expires_in\": 1}", 1 },
                { "{\"token\": \"a\", \"expires_in\": 0}", 60 },
                { "{\"token\": \"a\", \"expires_in\": -5}", 60 },
                { "{\"token\": \"a\", \"expires_in\": \"9\"}", 60 },
                { "{\"token\": \"a\", \"expires_in\": 9223372036854775807}", 365 * 24 * 3600 },
        };
        _cleanup_(token_answer_done) TokenAnswer one = {}, two = {}, none = {};

        CHECK(parse("{\"token\": \"abc.def\", \"access_token\": \"other\", \"refresh_token\": \"\"}",
                    &one) == 0);
        CHECK_STRING(one.token, "abc.def");
        CHECK(!one.refresh_token);
        CHECK(parse("{\"access_token\": \"xyz==\", \"expires_in\": 300, \"refresh_token\": \"r\"}", &two) ==
              0);
        CHECK_STRING(two.token, "xyz==");
        CHECK_STRING(two.refresh_token, "r");
        CHECK(two.lifetime == UINT64_C(300000000));
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                CHECK(parse(bad[i], &none) == -EBADMSG && !none.token);
        for (size_t i = 0; i < ELEMENTSOF(lifetimes); i++) {
                _cleanup_(token_answer_done) TokenAnswer answer = {};
                CHECK(parse(lifetimes[i].text, &answer) == 0);
                CHECK(answer.lifetime == lifetimes[i].seconds * 1000000);
        }

        _cleanup_free_ char *text = malloc(TOKEN_MAX + 64);
        int n = snprintf(text, 64, "{\"token\": \"");
        memset(text + n, 'a', TOKEN_MAX + 1);
        memcpy(text + n + TOKEN_MAX + 1, "\"}", 3);
        CHECK(parse(text, &none) == -EBADMSG && !none.token);
}

static void test_messages(void) {
        static const char text[] =
                "{\"errors\": [{\"code\": \"DENIED\", \"message\": \"not\\nfor you\\u001b\"}, {}]}";
        _cleanup_free_ char *message = answer_message(text, strlen(text));

        CHECK_STRING(message, "not for you ");
        static const char oauth[] =
                "{\"error\": \"invalid_grant\", \"error_description\": \"no such user\"}";
        _cleanup_free_ char *description = answer_message(oauth, strlen(oauth));
        CHECK_STRING(description, "no such user");
        CHECK(!answer_message("", 0) && !answer_message("{\"errors\": []}", 14));
        CHECK(!answer_message("{\"errors\": {\"message\": \"x\"}}", 28));
}

int main(void) {
        test_url();
        test_form();
        test_parse();
        test_messages();
        return TEST_RESULT();
}
