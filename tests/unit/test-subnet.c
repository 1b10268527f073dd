/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "address.h"
#include "subnet.h"
#include "test.h"

static Subnet subnet(const char *s) {
        Subnet result = {};

        CHECK(subnet_parse(s, &result) == 0);
        return result;
}

static Address address(const char *s) {
        Address result = {};

        CHECK(address_parse(s, &result) == 0);
        return result;
}

static void test_address(void) {
        static const char *const bad[] = { "",          "10.0.0",     "10.0.0.256", "010.0.0.1", "10.0.0.1 ",
                                           " 10.0.0.1", "10.0.0.1/8", "fe80::1%lo", "fd00:::1",  "::g",
                                           "1.2.3.4.5", "0x0a000001", "localhost" };
        char text[ADDRESS_TEXT_MAX];
        Address a;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                CHECK(address_parse(bad[i], &a) == -EINVAL);
        a = address("FD42:00be::0002");
        CHECK_STRING(address_format(&a, text), "fd42:be::2");
        CHECK_STRING(address_format(&(Address){}, text), "");

        CHECK(address_is_loopback(&(Address){ AF_INET, { 127, 1, 2, 3 } }));
        a = address("::1");
        CHECK(address_is_loopback(&a));
        a = address("fe80::1");
        CHECK(address_is_link_local(&a) && !address_is_loopback(&a));
        a = address("fec0::1");
        CHECK(!address_is_link_local(&a));
}

static void test_mac(void) {
        static const char *const bad[] = { "",
                                           "02:be:0a:59:00",
                                           "02:be:0a:59:00:0",
                                           "02:be:0a:59:00:022",
                                           "02-be-0a-59-00-02",
                                           "0g:be:0a:59:00:02",
                                           "01:00:5e:00:00:01",   /* multicast */
                                           "00:00:00:00:00:00" }; /* nobody */
        uint8_t mac[ETH_ALEN];
        char text[MAC_TEXT_MAX];

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                CHECK(mac_parse(bad[i], mac) == -EINVAL);
        CHECK(mac_parse("02:BE:0a:59:00:fF", mac) == 0);
        CHECK_STRING(mac_format(mac, text), "02:be:0a:59:00:ff");

        Address a = address("10.89.1.2"), six = address("fd42::a:b");
        mac_from_address(&a, mac);
        CHECK_STRING(mac_format(mac, text), "02:be:0a:59:01:02");
        mac_from_address(&six, mac);
        CHECK_STRING(mac_format(mac, text), "02:be:00:0a:00:0b");
}

static void test_parse(void) {
        static const char *const bad[] = { "",
                                           "10.0.0.0",
                                           "10.0.0.0/",
                                           "10.0.0.0/33",
                                           "/8",
                                           "fd00::/129",
                                           "10.0.0.0/-1",
                                           "10.0.0.0/8 ",
                                           "10.0.0.0/08x",
                                           "10.0.0.0/8/8",
                                           "fd00::/00064" };
        char text[SUBNET_TEXT_MAX];
        Subnet s;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                CHECK(subnet_parse(bad[i], &s) == -EINVAL);
        s = subnet("10.89.0.2/16");
        CHECK(subnet_has_host_bits(&s));
        CHECK_STRING(subnet_format(&s, text), "10.89.0.2/16");
        s = subnet_of(&s.address, s.prefix);
        CHECK_STRING(subnet_format(&s, text), "10.89.0.0/16");
        CHECK(!subnet_has_host_bits(&s));
        s = subnet("0.0.0.0/0");
        CHECK(!subnet_has_host_bits(&s));
}

static void test_ranges(void) {
        Subnet wide = subnet("10.0.0.0/8"), narrow = subnet("10.89.0.0/16"), other = subnet("10.90.0.0/16"),
               odd = subnet("10.89.128.0/17"), six = subnet("fd00::/64"), all = subnet("0.0.0.0/0");
        Address inside = address("10.89.255.255"), outside = address("10.90.0.0"),
                inside_six = address("fd00::1");

        CHECK(subnet_contains(&narrow, &inside) && !subnet_contains(&narrow, &outside));
        CHECK(subnet_contains(&all, &inside) && !subnet_contains(&all, &inside_six));
        CHECK(subnet_contains(&odd, &inside));
        CHECK(subnet_overlaps(&wide, &narrow) && subnet_overlaps(&narrow, &wide));
        CHECK(!subnet_overlaps(&narrow, &other) && !subnet_overlaps(&narrow, &six));
}

static void test_numbers(void) {
        Subnet narrow = subnet("10.89.0.0/16"), six = subnet("fd00::/64"), pair = subnet("10.0.0.4/31"),
               host = subnet("10.0.0.4/32"), all = subnet("0.0.0.0/0");
        char text[ADDRESS_TEXT_MAX];
        uint64_t n;

        CHECK(subnet_size(&narrow) == 65536 && subnet_size(&six) == SUBNET_SIZE_MAX);
        CHECK(subnet_size(&pair) == 2 && subnet_size(&host) == 1 && subnet_size(&all) == SUBNET_SIZE_MAX);

        Address a = subnet_address(&narrow, 258);
        CHECK_STRING(address_format(&a, text), "10.89.1.2");
        CHECK(subnet_number(&narrow, &a, &n) && n == 258);
        a = subnet_address(&six, 0xfffffffe);
        CHECK_STRING(address_format(&a, text), "fd00::ffff:fffe");
        CHECK(subnet_number(&six, &a, &n) && n == 0xfffffffe);
        a = address("fd00::1:0:0");
        CHECK(!subnet_number(&six, &a, &n)); /* in the range, but never numbered */
        a = address("10.88.0.1");
        CHECK(!subnet_number(&narrow, &a, &n));

        a = address("10.89.0.0");
        CHECK(subnet_is_reserved(&narrow, &a));
        a = address("10.89.255.255");
        CHECK(subnet_is_reserved(&narrow, &a));
        a = address("10.89.255.254");
        CHECK(!subnet_is_reserved(&narrow, &a));
        a = address("fd00::");
        CHECK(subnet_is_reserved(&six, &a));
        a = address("10.0.0.4");
        CHECK(!subnet_is_reserved(&pair, &a));
}

int main(void) {
        test_address();
        test_mac();
        test_parse();
        test_ranges();
        test_numbers();
        return TEST_RESULT();
}
