/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cgroup-stats.h"
#include "test.h"

static void test_keys(void) {
        static const char events[] = "low 0\nhigh 3\nmax 12\noom 2\noom_kill 1\noom_group_kill 0\n";

        CHECK(stat_parse_key(events, "oom_kill") == 1);
        CHECK(stat_parse_key(events, "oom") == 2);
        CHECK(stat_parse_key(events, "low") == 0);
        CHECK(stat_parse_key(events, "ow") == STAT_UNKNOWN);
        CHECK(stat_parse_key("", "low") == STAT_UNKNOWN);
        CHECK(stat_parse_key("low", "low") == STAT_UNKNOWN);
        CHECK(stat_parse_number("max\n") == STAT_UNLIMITED);
        CHECK(stat_parse_number("4096\n") == 4096);
        CHECK(stat_parse_number("") == STAT_UNKNOWN);
}

static void test_devices(void) {
        static const char io[] = "8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n"
                                 "253:1 rbytes=5 wbytes=7 rios=1 wios=2 dbytes=0 dios=0\n";

        CHECK(stat_sum_devices(io, "rbytes") == 15);
        CHECK(stat_sum_devices(io, "wbytes") == 27);
        CHECK(stat_sum_devices("", "rbytes") == 0);
}

static void test_pressure(void) {
        CHECK(stat_parse_pressure("some avg10=1.25 avg60=0.00 avg300=0.00 total=5\nfull avg10=9.00\n") ==
              125);
        CHECK(stat_parse_pressure("some avg10=100.00 avg60=0.00\n") == 10000);
        CHECK(stat_parse_pressure("full avg10=1.00\n") == STAT_UNKNOWN);
        CHECK(stat_parse_pressure("") == STAT_UNKNOWN);
}

static void test_interfaces(void) {
        static const char text[] =
                "Inter-|   Receive                                                |  Transmit\n"
                " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs "
                "drop\n"
                "    lo: 100 1 0 0 0 0 0 0 100 1 0 0 0 0 0 0\n"
                "  eth0: 1000 5 0 0 0 0 0 0 2000 6 0 0 0 0 0 0\n"
                "  eth1:1 5 0 0 0 0 0 0 2 6 0 0 0 0 0 0\n";
        uint64_t received, sent;

        stat_sum_interfaces(text, &received, &sent);
        CHECK(received == 1001 && sent == 2002);
        stat_sum_interfaces("", &received, &sent);
        CHECK(received == 0 && sent == 0);
}

int main(void) {
        test_keys();
        test_devices();
        test_pressure();
        test_interfaces();
        return TEST_RESULT();
}
