/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image-prune.h"
#include "test.h"

#define D(c) (char *) "sha256:" c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c
#define DAY UINT64_C(86400000000)
#define NOW (1000 * DAY)

/* Images of 100 bytes each of their own, on one base of 1000; and an index of two of them. */
static ImageLayer layers[4][2] = {
        { { .digest = D("00"), .size = 1000 }, { .digest = D("0a"), .size = 100 } },
        { { .digest = D("00"), .size = 1000 }, { .digest = D("0b"), .size = 100 } },
        { { .digest = D("00"), .size = 1000 }, { .digest = D("0c"), .size = 100 } },
        { { .digest = D("00"), .size = 1000 }, { .digest = D("0d"), .size = 100 } },
};
static char *labels[] = { (char *) "keep=yes", (char *) "tier=web", NULL };
static const ImageRecord images[4] = {
        { .digest = D("1a"), .id = D("2a"), .created = 10 * DAY, .layers = { layers[0], 2 } },
        { .digest = D("1b"), .id = D("2b"), .created = 20 * DAY, .layers = { layers[1], 2 } },
        { .digest = D("1c"), .id = D("2c"), .created = 30 * DAY, .layers = { layers[2], 2 } },
        { .digest = D("1d"),
          .id = D("2d"),
          .created = 40 * DAY,
          .layers = { layers[3], 2 },
          .config.labels = labels },
};
static ImageDescriptor entries[] = { { .digest = D("1a") }, { .digest = D("1b") } };
static const ImageRecord of_two = {
        .digest = D("ee"), .id = D("ee"), .kind = IMAGE_INDEX, .manifests = { entries, 2 }
};

/* The oldest use first: a, b, c, d. */
static size_t make(PruneCandidate *c, bool with_index) {
        for (size_t i = 0; i < 4; i++)
                c[i] = (PruneCandidate){ .record = &images[i], .last_used = NOW - (4 - i) * 10 * DAY };
        c[4] = (PruneCandidate){ .record = &of_two, .named = true, .last_used = NOW - DAY };
        return with_index ? 5 : 4;
}

/* Which are chosen, by the last letter of their digests. */
static const char *chosen(const PruneCandidate *c, size_t n) {
        static char text[8];
        size_t used = 0;

        for (const char *p = "abcde"; *p; p++)
                for (size_t i = 0; i < n; i++)
                        if (c[i].chosen && c[i].record->digest[8] == *p)
                                text[used++] = *p;
        text[used] = 0;
        return text;
}

static const char *by_filter(bool with_index, unsigned used, unsigned named, PruneFilter filter) {
        PruneCandidate c[5];
        size_t n = make(c, with_index);

        for (size_t i = 0; i < 4; i++) {
                c[i].used = used & 1U << i;
                c[i].named = named & 1U << i;
        }
        CHECK(image_prune_by_filter(c, n, &filter) == 0);
        return chosen(c, n);
}

static void test_filter(void) {
        char *wanted[] = { (char *) "keep", NULL }, *exactly[] = { (char *) "tier=web", NULL },
             *other[] = { (char *) "tier=db", NULL };

        CHECK_STRING(by_filter(false, 0, 0x3, (PruneFilter){}), "cd");
        CHECK_STRING(by_filter(false, 0, 0x3, (PruneFilter){ .all = true }), "abcd");
        CHECK_STRING(by_filter(false, 0x9, 0x3, (PruneFilter){ .all = true }), "bc");
        CHECK_STRING(by_filter(false, 0, 0, (PruneFilter){ .until = 30 * DAY }), "ab");
        CHECK_STRING(by_filter(false, 0, 0, (PruneFilter){ .labels = wanted }), "d");
        CHECK_STRING(by_filter(false, 0, 0, (PruneFilter){ .labels = exactly }), "d");
        CHECK_STRING(by_filter(false, 0, 0, (PruneFilter){ .labels = other }), "");
        CHECK_STRING(by_filter(false, 0, 0, (PruneFilter){ .except_labels = wanted }), "abc");
        CHECK_STRING(by_filter(false, 0, 0, (PruneFilter){ .except_labels = other }), "abcd");
}

static void test_filter_with_index(void) {
        /* the index has a name, so it stays, and what it names with it */
        CHECK_STRING(by_filter(true, 0, 0, (PruneFilter){}), "cd");
        CHECK_STRING(by_filter(true, 0, 0, (PruneFilter){ .all = true }), "abcde");
        /* one of its images runs: then it is in use, and so is the other */
        CHECK_STRING(by_filter(true, 0x1, 0, (PruneFilter){ .all = true }), "cd");
}

static const char *by_policy(bool with_index, unsigned used, PrunePolicy policy) {
        PruneCandidate c[5];
        size_t n = make(c, with_index);

        for (size_t i = 0; i < 4; i++)
                c[i].used = used & 1U << i;
        policy.now = NOW;
        CHECK(image_prune_by_policy(c, n, &policy) == 0);
        return chosen(c, n);
}

#define FOREVER UINT64_MAX
#define ANY .keep_size = FOREVER, .keep_age = FOREVER

static void test_policy(void) {
        CHECK_STRING(by_policy(false, 0, (PrunePolicy){ ANY }), "");
        CHECK_STRING(by_policy(false, 0, (PrunePolicy){ .keep_size = FOREVER, .keep_age = 25 * DAY }), "ab");
        CHECK_STRING(by_policy(false, 0x1, (PrunePolicy){ .keep_size = FOREVER, .keep_age = 25 * DAY }),
                     "b");
        /* 1400 in all: one must go for 1300, all for less than the base takes */
        CHECK_STRING(by_policy(false, 0, (PrunePolicy){ .keep_age = FOREVER, .keep_size = 1400 }), "");
        CHECK_STRING(by_policy(false, 0, (PrunePolicy){ .keep_age = FOREVER, .keep_size = 1399 }), "a");
        CHECK_STRING(by_policy(false, 0, (PrunePolicy){ .keep_age = FOREVER, .keep_size = 1200 }), "ab");
        CHECK_STRING(by_policy(false, 0, (PrunePolicy){ .keep_age = FOREVER, .keep_size = 0 }), "abcd");
        /* the base is in use: the unused ones take 300 */
        CHECK_STRING(by_policy(false, 0x1, (PrunePolicy){ .keep_age = FOREVER, .keep_size = 300 }), "");
        CHECK_STRING(by_policy(false, 0x1, (PrunePolicy){ .keep_age = FOREVER, .keep_size = 150 }), "bc");
}

static void test_watermarks(void) {
        PrunePolicy policy = { ANY, .high_watermark = 80, .low_watermark = 70, .disk_size = 10000 };

        policy.disk_used = 8000;
        CHECK_STRING(by_policy(false, 0, policy), "");
        policy.disk_used = 8001; /* 1001 must go: the first three give 300, the last one all the rest */
        CHECK_STRING(by_policy(false, 0, policy), "abcd");
        policy.low_watermark = 80;
        policy.disk_used = 8150;
        CHECK_STRING(by_policy(false, 0, policy), "ab");
        policy.high_watermark = policy.low_watermark = 0;
        CHECK_STRING(by_policy(false, 0, policy), "");
}

static void test_policy_with_index(void) {
        /* young as it is, it keeps its old images */
        CHECK_STRING(by_policy(true, 0, (PrunePolicy){ .keep_size = FOREVER, .keep_age = 15 * DAY }), "c");
        CHECK_STRING(by_policy(true, 0, (PrunePolicy){ .keep_size = FOREVER, .keep_age = 0 }), "abcde");
        CHECK_STRING(by_policy(true, 0x2, (PrunePolicy){ .keep_size = FOREVER, .keep_age = 0 }), "cd");
}

static void test_size(void) {
        PruneCandidate c[5];
        size_t n = make(c, true);
        uint64_t size;

        CHECK(image_prune_size(c, n, &size) == 0 && size == 0);
        c[0].chosen = c[2].chosen = true;
        CHECK(image_prune_size(c, n, &size) == 0 && size == 200);
        for (size_t i = 0; i < n; i++)
                c[i].chosen = true;
        CHECK(image_prune_size(c, n, &size) == 0 && size == 1400);
}

int main(void) {
        test_filter();
        test_filter_with_index();
        test_policy();
        test_watermarks();
        test_policy_with_index();
        test_size();
        return TEST_RESULT();
}
