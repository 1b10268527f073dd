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
                _cleanup_free_ char *url = token_url(&cases[i].challenge, "repository:r:pull");
                CHECK_STRING(url, cases[i].url);
        }
}

static int parse(const char *text, char **ret) {
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
                "<html>",
        };
        _cleanup_free_ char *one = NULL, *two = NULL, *none = NULL;

        CHECK(parse("{\"token\": \"abc.def\", \"access_token\": \"other\"}", &one) == 0);
        CHECK_STRING(one, "abc.def");
        CHECK(parse("{\"access_token\": \"xyz==\", \"expires_in\": 300}", &two) == 0);
        CHECK_STRING(two, "xyz==");
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                CHECK(parse(bad[i], &none) == -EBADMSG && !none);

        _cleanup_free_ char *text = malloc(TOKEN_MAX + 64);
        int n = snprintf(text, 64, "{\"token\": \"");
        memset(text + n, 'a', TOKEN_MAX + 1);
        memcpy(text + n + TOKEN_MAX + 1, "\"}", 3);
        CHECK(parse(text, &none) == -EBADMSG && !none);
}

static void test_messages(void) {
        static const char text[] =
                "{\"errors\": [{\"code\": \"DENIED\", \"message\": \"not\\nfor you\\u001b\"}, {}]}";
        _cleanup_free_ char *message = answer_message(text, strlen(text));

        CHECK_STRING(message, "not for you ");
        CHECK(!answer_message("", 0) && !answer_message("{\"errors\": []}", 14));
        CHECK(!answer_message("{\"errors\": {\"message\": \"x\"}}", 28));
}

int main(void) {
        test_url();
        test_parse();
        test_messages();
        return TEST_RESULT();
}
