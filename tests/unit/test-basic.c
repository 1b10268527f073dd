/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "fd-util.h"
#include "file-util.h"
#include "parse-util.h"
#include "path-util.h"
#include "string-util.h"
#include "strv.h"
#include "test.h"
#include "time-util.h"

static void test_strings(void) {
        _cleanup_free_ char *hex = hex_encode("\x00\xff\x10", 3);

        CHECK_STRING(hex, "00ff10");
        CHECK(streq_ptr(NULL, NULL) && !streq_ptr("a", NULL));
        char controls[] = "a\n\033[2J\x7f\xc2\x9bz\xc3\xbc\xc2\xa0";
        string_blank_controls(controls);
        CHECK_STRING(controls, "a  [2J   z\xc3\xbc\xc2\xa0");
        string_blank_controls(NULL);
        CHECK_STRING(startswith("sha256:ab", "sha256:"), "ab");
        CHECK(!endswith("ab", "abc"));
        CHECK(utf8_is_valid("gr\xc3\xbc\xc3\x9f", 6));
        CHECK(!utf8_is_valid("\xc0\x80", 2));     /* overlong */
        CHECK(!utf8_is_valid("\xed\xa0\x80", 3)); /* surrogate */
        CHECK(!utf8_is_valid("\xe2\x82", 2));     /* cut */
        CHECK(!utf8_is_valid("a\0b", 3));
}

static void test_strv(void) {
        _cleanup_strv_free_ char **l = NULL, **copy = NULL;

        for (int i = 0; i < 100; i++)
                CHECK(strv_extendf(&l, "%d", i) == 0);
        CHECK(strv_length(l) == 100);
        CHECK_STRING(l[99], "99");
        CHECK(strv_copy_into(l, &copy) == 0 && strv_equal(l, copy));
        CHECK(strv_extend(&copy, "x") == 0 && !strv_equal(l, copy));

        _cleanup_strv_free_ char **map = NULL;
        CHECK(strv_map_set(&map, "A", "1") == 0 && strv_map_set(&map, "AB", "2") == 0);
        CHECK(strv_map_put(&map, "A=3") == 0 && strv_map_put(&map, "C") == 0);
        CHECK(strv_length(map) == 3);
        CHECK_STRING(strv_map_get(map, "A"), "3");
        CHECK_STRING(strv_map_get(map, "C"), "");
        CHECK(strv_map_remove(map, "A") && !strv_map_get(map, "A") && strv_length(map) == 2);
}

static void test_parsing(void) {
        uint64_t v;
        mode_t mode;
        char buffer[16];

        CHECK(parse_u64("18446744073709551615", &v) == 0 && v == UINT64_MAX);
        CHECK(parse_u64("18446744073709551616", &v) == -ERANGE);
        CHECK(parse_u64("-1", &v) == -EINVAL && parse_u64("", &v) == -EINVAL &&
              parse_u64("1x", &v) == -EINVAL);
        CHECK(parse_size("1.5G", &v) == 0 && v == 3 * GIB / 2);
        CHECK(parse_size("64KiB", &v) == 0 && v == 64 * KIB);
        CHECK(parse_size("7b", &v) == 0 && v == 7);
        CHECK(parse_size("1Q", &v) == -EINVAL && parse_size("99999999999999T", &v) == -ERANGE);
        CHECK(parse_duration("1m30s", &v) == 0 && v == 90 * USEC_PER_SEC);
        CHECK(parse_duration("10", &v) == 0 && v == 10 * USEC_PER_SEC);
        CHECK(parse_duration("500ms", &v) == 0 && v == 500 * USEC_PER_MSEC);
        CHECK(parse_duration("5 parsecs", &v) == -EINVAL);
        CHECK(parse_mode("0755", &mode) == 0 && mode == 0755);
        CHECK(parse_mode("10000", &mode) == -ERANGE && parse_mode("8", &mode) == -EINVAL);
        CHECK(parse_signal("TERM") == SIGTERM && parse_signal("sigkill") == SIGKILL &&
              parse_signal("9") == SIGKILL);
        CHECK(parse_signal("RTMIN+3") == SIGRTMIN + 3 && parse_signal("SIGWHAT") < 0 &&
              parse_signal("0") < 0);
        CHECK_STRING(signal_to_string(SIGRTMIN + 3, buffer), "SIGRTMIN+3");
}

static void test_time(void) {
        char buffer[RFC3339_MAX], age[32];
        uint64_t v;

        CHECK(parse_rfc3339("2026-11-24T10:02:11.123456Z", &v) == 0);
        CHECK_STRING(format_rfc3339(v, buffer), "2026-11-24T10:02:11.123456Z");
        CHECK(parse_rfc3339("2026-11-24T12:02:11.123456789+02:00", &v) == 0);
        CHECK_STRING(format_rfc3339(v, buffer), "2026-11-24T10:02:11.123456Z");
        CHECK(parse_rfc3339("2026-11-24", &v) == -EINVAL);
        CHECK_STRING(format_rfc3339(0, buffer), "0001-01-01T00:00:00Z");
        CHECK(parse_rfc3339(buffer, &v) == 0 && v == 0);
        CHECK_STRING(format_age(3 * USEC_PER_MINUTE + 2 * USEC_PER_SEC, age), "3min 2s");
}

static void test_paths(void) {
        static const char *const cases[][2] = {
                { "/a//b/./c/", "/a/b/c" },
                { "/../../x", "/x" },
                { "a/../..", "." },
                { "/", "/" },
                { "", "." },
                { "/a/..", "/" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *normal = path_normalize(cases[i][0]);
                CHECK_STRING(normal, cases[i][1]);
        }
        _cleanup_free_ char *joined = path_join("/a/", "/b");
        CHECK_STRING(joined, "/a/b");
}

static void test_files(void) {
        char directory[] = "/tmp/test-basic-XXXXXX";
        _cleanup_free_ char *text = NULL;
        size_t size;

        CHECK(mkdtemp(directory));
        _cleanup_close_ int fd = open(directory, O_DIRECTORY | O_CLOEXEC);
        CHECK(write_file_atomic_at(fd, "f", "hello", 5, 0600, WRITE_SYNC) == 0);
        CHECK(write_file_atomic_at(fd, "f", "other", 5, 0600, WRITE_EXCLUSIVE) == -EEXIST);
        CHECK(read_file_at(fd, "f", 5, &text, &size) == 0 && size == 5);
        CHECK_STRING(text, "hello");
        _cleanup_free_ char *none = NULL;
        CHECK(read_file_at(fd, "f", 4, &none, NULL) == -EFBIG);

        /* A link to the outside is followed as if the directory were the root. */
        CHECK(symlinkat("/../../../../f", fd, "link") == 0);
        _cleanup_close_ int inside = open_in_root(fd, "link", O_RDONLY, 0);
        CHECK(inside >= 0);

        /* A tree deeper than the depth that is walked with open directories. */
        char deep[8192] = "d";
        for (int i = 0; i < 300; i++)
                strcat(deep, "/d");
        CHECK(mkdir_parents_at(fd, deep, 0700) == 0);
        CHECK(remove_tree_at(AT_FDCWD, directory) == 0);
        CHECK(access(directory, F_OK) < 0 && errno == ENOENT);
}

static void test_messages(void) {
        int pair[2], fds[2];
        size_t n = 1;
        char buffer[8];

        CHECK(socket_pair(SOCK_SEQPACKET, 0, pair) == 0);
        CHECK(send_message(pair[0], "abc", 3, pair, 1) == 0);
        CHECK(receive_message(pair[1], buffer, sizeof(buffer), fds, &n) == 3 && n == 1);
        safe_close(fds[0]);
        CHECK(send_message(pair[0], "123456789", 9, NULL, 0) == 0);
        CHECK(receive_message(pair[1], buffer, sizeof(buffer), NULL, NULL) == -EMSGSIZE);
        safe_close(pair[0]);
        CHECK(receive_message(pair[1], buffer, sizeof(buffer), NULL, NULL) == 0);
        safe_close(pair[1]);
}

int main(void) {
        test_strings();
        test_strv();
        test_parsing();
        test_time();
        test_paths();
        test_files();
        test_messages();
        return TEST_RESULT();
}
