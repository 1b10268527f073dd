/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"
#include "uid-range.h"

static bool is_taken(const UidRanges *ranges, uint32_t i) {
        return ranges->taken[i / 8] & (1U << (i % 8));
}

static size_t count_taken(const UidRanges *ranges) {
        size_t n = 0;

        for (uint32_t i = 0; i < UID_RANGES_N; i++)
                n += is_taken(ranges, i);
        return n;
}

static void test_mark(void) {
        static const struct {
                uint64_t first, count;
                size_t n;       /* ranges that are taken then */
                uint32_t which; /* the first of them */
        } cases[] = {
                { 0, 524288, 0, 0 },
                { 0, 524289, 1, 0 },
                { 524287, 1, 0, 0 },
                { 524288, 1, 1, 0 },
                { 524288, 65536, 1, 0 },
                { 524288, 65537, 2, 0 },
                { 589823, 2, 2, 0 },
                { 589824, 65536, 1, 1 },
                { 524288, 0, 0, 0 },
                { 1879048191, 1, 1, UID_RANGES_N - 1 },
                { 1879048192, UINT32_MAX, 0, 0 },
                { 0, UINT64_MAX, UID_RANGES_N, 0 },
                { UINT64_MAX, UINT64_MAX, 0, 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                UidRanges ranges = {};
                uid_ranges_mark(&ranges, cases[i].first, cases[i].count);
                CHECK(count_taken(&ranges) == cases[i].n);
                CHECK(cases[i].n == 0 || is_taken(&ranges, cases[i].which));
        }
}

static void test_text(void) {
        UidRanges ranges = {};

        uid_ranges_mark_text(&ranges,
                             "root:x:0:0:root:/root:/bin/bash\n"
                             "\n"
                             "nonsense\n"
                             "a:b:c:d\n"
                             "huge:x:99999999999999999999:0\n"
                             "user:x:524300:524300::/:/bin/sh\n"
                             "last:x:655360:1",
                             2, -1);
        CHECK(count_taken(&ranges) == 2 && is_taken(&ranges, 0) && is_taken(&ranges, 2));

        ranges = (UidRanges){};
        uid_ranges_mark_text(&ranges, "one:100000:65536\ntwo:558752:65536\nbroken:524288\nempty::\n", 1, 2);
        CHECK(count_taken(&ranges) == 2 && is_taken(&ranges, 0) && is_taken(&ranges, 1));
        uid_ranges_mark_text(&ranges, "", 1, 2);
}

static void test_choose(void) {
        _cleanup_error_ Error error = {};
        UidRanges ranges = {};
        uint32_t base;

        CHECK(uid_ranges_choose(&ranges, 0, &base, NULL) == 0 && base == UID_RANGE_FIRST);
        CHECK(uid_ranges_choose(&ranges, UID_RANGES_N - 1, &base, NULL) == 0 && base == UID_RANGE_LAST);
        CHECK(uid_ranges_choose(&ranges, UINT64_MAX, &base, NULL) == 0 && base % UID_RANGE_SIZE == 0);
        uid_ranges_mark(&ranges, UID_RANGE_LAST, 1);
        CHECK(uid_ranges_choose(&ranges, UID_RANGES_N - 1, &base, NULL) == 0 && base == UID_RANGE_FIRST);

        /* One by one, each is given once. */
        ranges = (UidRanges){};
        for (uint32_t i = 0; i < UID_RANGES_N; i++) {
                CHECK(uid_ranges_choose(&ranges, i * 7919, &base, NULL) == 0);
                CHECK(base >= UID_RANGE_FIRST && base <= UID_RANGE_LAST && base % UID_RANGE_SIZE == 0);
                uid_ranges_mark(&ranges, base, UID_RANGE_SIZE);
                if (i % 1000 == 0)
                        CHECK(count_taken(&ranges) == i + 1);
        }
        CHECK(uid_ranges_choose(&ranges, 0, &base, &error) < 0 && error.kind == ERROR_LIMIT);
}

int main(void) {
        test_mark();
        test_text();
        test_choose();
        return TEST_RESULT();
}
