/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "restart-policy.h"
#include "test.h"

static void test_after_an_end(void) {
        static const struct {
                RestartPolicyName name;
                uint32_t maximum, count;
                int exit_code;
                bool stopped, expected;
        } cases[] = {
                { RESTART_NO, 0, 0, 1, false, false },
                { RESTART_ON_FAILURE, 0, 0, 0, false, false },
                { RESTART_ON_FAILURE, 0, 1000, 1, false, true },
                { RESTART_ON_FAILURE, 3, 2, 1, false, true },
                { RESTART_ON_FAILURE, 3, 3, 1, false, false },
                { RESTART_ON_FAILURE, 0, 0, 137, true, false },
                { RESTART_ALWAYS, 0, 0, 0, false, true },
                { RESTART_ALWAYS, 0, 0, 0, true, false },
                { RESTART_UNLESS_STOPPED, 0, 0, 0, false, true },
                { RESTART_UNLESS_STOPPED, 0, 0, 0, true, false },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                CHECK(restart_policy_applies(&(RestartPolicy){ cases[i].name, cases[i].maximum },
                                             &(ContainerState){ .exit_code = cases[i].exit_code,
                                                                .restart_count = cases[i].count,
                                                                .manually_stopped = cases[i].stopped }) ==
                      cases[i].expected);
}

static void test_at_boot(void) {
        static const struct {
                RestartPolicyName name;
                bool started, stopped, expected;
        } cases[] = {
                { RESTART_NO, true, false, false },
                { RESTART_ALWAYS, true, false, true },
                { RESTART_ALWAYS, true, true, true },
                { RESTART_ALWAYS, false, false, false },
                { RESTART_UNLESS_STOPPED, true, false, true },
                { RESTART_UNLESS_STOPPED, true, true, false },
                { RESTART_ON_FAILURE, true, false, true },
                { RESTART_ON_FAILURE, true, true, false },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                CHECK(restart_policy_applies_at_boot(
                              &(RestartPolicy){ .name = cases[i].name },
                              &(ContainerState){ .started = cases[i].started,
                                                 .exit_code = 255,
                                                 .manually_stopped = cases[i].stopped }) ==
                      cases[i].expected);
}

static void test_delay(void) {
        static const uint64_t expected[] = { 100,  200,   400,   800,   1600,  3200,
                                             6400, 12800, 25600, 51200, 60000, 60000 };
        uint64_t delay = 0;

        for (size_t i = 0; i < ELEMENTSOF(expected); i++) {
                delay = restart_policy_delay(delay, 1000000);
                CHECK(delay == expected[i] * 1000);
        }
        CHECK(restart_policy_delay(delay, RESTART_GOOD_RUN_USEC - 1) == RESTART_DELAY_MAX_USEC);
        CHECK(restart_policy_delay(delay, RESTART_GOOD_RUN_USEC) == RESTART_DELAY_MIN_USEC);
}

int main(void) {
        test_after_an_end();
        test_at_boot();
        test_delay();
        return TEST_RESULT();
}
