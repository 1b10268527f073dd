/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http-header.h"
#include "string-util.h"
#include "test.h"
#include "time-util.h"

#define MOMENT (UINT64_C(784111777) * USEC_PER_SEC) /* Sun, 06 Nov 1994 08:49:37 GMT, the date of RFC 9110 */

static void test_lines(void) {
        static const struct {
                const char *line, *value;
        } cases[] = {
                { "Retry-After: 5\r\n", "5" },
                { "retry-AFTER:5", "5" },
                { "Retry-After:  a b \t\r\n", "a b" },
                { "Retry-After:\r\n", "" },
                { "Retry-Afte: 5", NULL },
                { "Retry-After 5", NULL },
                { "Retry-After-X: 5\r\n", NULL },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *value =
                        header_value(cases[i].line, strlen(cases[i].line), "Retry-After");
                CHECK(streq_ptr(value, cases[i].value));
        }
        CHECK(!header_value("Retry-After: 5", 4, "Retry-After"));
}

static void test_next_page(void) {
        static const struct {
                const char *value, *query;
        } cases[] = {
                { "</v2/x/tags/list?n=2&last=b>; rel=\"next\"", "n=2&last=b" },
                { "<https://other.example/v2/x/tags/list?next_page=Zm9v>; rel=next", "next_page=Zm9v" },
                { "<?last=b>;rel=\"next\"", "last=b" },
                { "</v2/x/tags/list?n=2>; rel=\"prev\"", NULL },
                { "</v2/x/tags/list>; rel=\"next?\"", NULL },
                { "</v2/x?last=a b>; rel=\"next\"", NULL },
                { "</v2/x?last=a#b>; rel=\"next\"", NULL },
                { "</v2/x?last=a", NULL },
                { "", NULL },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *query = parse_next_page(cases[i].value);
                CHECK(streq_ptr(query, cases[i].query));
        }
}

static void test_retry_after(void) {
        uint64_t usec;

        CHECK(parse_retry_after("0", MOMENT, &usec) == 0 && usec == 0);
        CHECK(parse_retry_after("120", MOMENT, &usec) == 0 && usec == 120 * USEC_PER_SEC);
        CHECK(parse_retry_after("18446744073709551615", MOMENT, &usec) == 0 && usec < USEC_INFINITY);
        CHECK(parse_retry_after("Sun, 06 Nov 1994 08:50:37 GMT", MOMENT, &usec) == 0 &&
              usec == USEC_PER_MINUTE);
        CHECK(parse_retry_after("Sun, 06 Nov 1994 08:49:07 GMT", MOMENT, &usec) == 0 && usec == 0);
        CHECK(parse_retry_after("", MOMENT, &usec) == -EINVAL);
        CHECK(parse_retry_after("-1", MOMENT, &usec) == -EINVAL);
        CHECK(parse_retry_after("soon", MOMENT, &usec) == -EINVAL);
}

static void test_upload_range(void) {
        static const char *const bad[] = { "",
                                           "0",
                                           "-",
                                           "0-",
                                           "-1",
                                           "1-2",
                                           "0-x",
                                           "0-1/2",
                                           "bytes=1-2",
                                           "bytes 0-1",
                                           "0-18446744073709551615",
                                           "0-18446744073709551616" };
        uint64_t received;

        CHECK(parse_upload_range("0-1023", &received) == 0 && received == 1024);
        CHECK(parse_upload_range("bytes=0-1023", &received) == 0 && received == 1024);
        CHECK(parse_upload_range("0-0", &received) == 0 && received == 0);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                CHECK(parse_upload_range(bad[i], &received) == -EINVAL);
}

static void test_content_range(void) {
        static const char *const bad[] = {
                "",
                "bytes",
                "bytes 1-2",
                "bytes */5",
                "bytes 2-1/5",
                "bytes 1-5/5",
                "lines 1-2/5",
                "bytes -1-2/5",
                "bytes 1-2/5x",
                "bytes 1-2/-5",
                "bytes 1 - 2/5",
                "bytes 18446744073709551616-2/5",
        };
        uint64_t first, last, total;

        CHECK(parse_content_range("bytes 5-9/10", &first, &last, &total) == 0);
        CHECK(first == 5 && last == 9 && total == 10);
        CHECK(parse_content_range("Bytes 0-0/*", &first, &last, &total) == 0);
        CHECK(first == 0 && last == 0 && total == UINT64_MAX);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                CHECK(parse_content_range(bad[i], &first, &last, &total) == -EINVAL);
}

static void test_media_type(void) {
        _cleanup_free_ char *plain = media_type_of("application/Vnd.X+json; charset=utf-8");
        _cleanup_free_ char *empty = media_type_of("");

        CHECK_STRING(plain, "application/vnd.x+json");
        CHECK_STRING(empty, "");
}

int main(void) {
        test_lines();
        test_next_page();
        test_retry_after();
        test_upload_range();
        test_content_range();
        test_media_type();
        return TEST_RESULT();
}
