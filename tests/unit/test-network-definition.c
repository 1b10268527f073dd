/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "driver.h"
#include "firewall.h"
#include "network-definition.h"
#include "string-util.h"
#include "test.h"

static int check(const char *subnet, const char *gateway, Error *error) {
        NetworkSubnet item = { .subnet = (char *) subnet, .gateway = (char *) gateway };
        NetworkRange range;

        return network_range_parse(&item, &range, error);
}

static void test_ranges(void) {
        static const struct {
                const char *subnet, *gateway, *why;
        } bad[] = {
                { "10.0.0.0", NULL, "is not of the form" },
                { "", NULL, "is not of the form" },
                { "10.0.0.1/24", NULL, "did you mean 10.0.0.0/24?" },
                { "10.0.0.0/31", NULL, "prefix length must be from 8 to 30" },
                { "0.0.0.0/0", NULL, "prefix length" },
                { "fd00::/127", NULL, "from 16 to 126" },
                { "10.0.0.0/24", "10.0.1.1", "gateway 10.0.1.1 is not" },
                { "10.0.0.0/24", "10.0.0.255", "is not an address for a host" },
                { "10.0.0.0/24", "fd00::1", "is not an address for a host" },
                { "10.0.0.0/24", "x", "is not an IP address" },
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_error_ Error error = {};
                CHECK(check(bad[i].subnet, bad[i].gateway, &error) < 0);
                CHECK(error.kind == ERROR_INVALID);
                if (!error.message || !strstr(error.message, bad[i].why)) {
                        fprintf(stderr, "%s: %s\n", bad[i].subnet, strempty(error.message));
                        CHECK(!"says why");
                }
        }
        CHECK(check("10.0.0.0/24", NULL, NULL) == 0);
        CHECK(check("10.0.0.0/24", "10.0.0.254", NULL) == 0);
        CHECK(check("fd00::/64", "fd00::1", NULL) == 0);
}

static void test_two_of_a_kind(void) {
        NetworkSubnet subnets[] = { { .subnet = (char *) "10.0.0.0/24" },
                                    { .subnet = (char *) "10.0.1.0/24" } };
        NetworkSpec spec = { .subnets = { subnets, 2 } };
        _cleanup_error_ Error error = {};

        CHECK(network_definition_check(&spec, &error) < 0);
        CHECK_STRING(error.message, "a network can have only one IPv4 subnet");
        subnets[1].subnet = (char *) "fd00::/64";
        CHECK(network_definition_check(&spec, NULL) == 0);
}

static const char *choose(const char *const *taken, size_t n) {
        static char text[SUBNET_TEXT_MAX];
        Subnet subnets[8], chosen;

        for (size_t i = 0; i < n; i++)
                CHECK(subnet_parse(taken[i], &subnets[i]) == 0);
        return network_choose_subnet(subnets, n, &chosen) < 0 ? "none" : subnet_format(&chosen, text);
}

static void test_choice(void) {
        CHECK_STRING(choose(NULL, 0), "10.89.0.0/16");
        CHECK_STRING(choose((const char *[]){ "10.89.3.0/24" }, 1), "10.90.0.0/16");
        CHECK_STRING(choose((const char *[]){ "10.89.0.1/32", "10.90.0.0/15" }, 2), "10.92.0.0/16");
        CHECK_STRING(choose((const char *[]){ "10.0.0.0/8" }, 1), "172.20.0.0/16");
        CHECK_STRING(choose((const char *[]){ "10.0.0.0/8", "172.16.0.0/12" }, 2), "192.168.0.0/24");
        CHECK_STRING(choose((const char *[]){ "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16" }, 3), "none");
        CHECK_STRING(choose((const char *[]){ "fd00::/8" }, 1), "10.89.0.0/16");
}

static void test_default(void) {
        const uint8_t random[5] = { 1, 2, 3, 4, 5 };
        NetworkSpec spec;

        CHECK(network_definition_make_default(NULL, 0, random, &spec) == 0);
        CHECK_STRING(spec.name, "default");
        CHECK_STRING(spec.interface, "berth0");
        CHECK(spec.subnets.n == 2);
        CHECK_STRING(LIST_ITEM(&spec.subnets, NetworkSubnet, 0)->subnet, "10.89.0.0/16");
        CHECK_STRING(LIST_ITEM(&spec.subnets, NetworkSubnet, 1)->subnet, "fd01:203:405::/64");
        CHECK(network_definition_check(&spec, NULL) == 0);

        /* It comes back from its file. */
        _cleanup_free_ char *text =
                object_to_json_text(&network_spec_type, &spec, OBJECT_INTERNAL, true, NULL);
        NetworkSpec again;
        CHECK(text && object_from_json_text(&network_spec_type, &again, text, strlen(text), 0, NULL) == 0);
        CHECK_STRING(again.interface, "berth0");
        CHECK(again.subnets.n == 2);
        object_done(&network_spec_type, &again);
        object_done(&network_spec_type, &spec);
}

static void test_names(void) {
        CHECK(network_name_is_valid("default") && network_name_is_valid("a.b-c_1"));
        CHECK(!network_name_is_valid("") && !network_name_is_valid("-a") && !network_name_is_valid("a/b"));
        CHECK(!network_name_is_valid("..") && !network_name_is_valid("a b"));

        CHECK(host_interface_is_ours("vb0123abcd"));
        CHECK(!host_interface_is_ours("vboxnet0") && !host_interface_is_ours("vb0123abc"));
        CHECK(!host_interface_is_ours("vb0123abcde") && !host_interface_is_ours("vb0123ABCD"));
        CHECK(!host_interface_is_ours("vboxnet123"));
}

static void test_ruleset(void) {
        NetworkSubnet subnets[] = { { .subnet = (char *) "10.89.0.0/16" },
                                    { .subnet = (char *) "fd00::/64" } },
                      closed[] = { { .subnet = (char *) "10.90.0.0/16" } };
        NetworkSpec standard = { .interface = (char *) "berth0", .subnets = { subnets, 2 } }, internal = {
                .interface = (char *) "berth-x", .subnets = { closed, 1 }, .internal = true
        };
        _cleanup_free_ char *one = NULL, *two = NULL;

        CHECK(firewall_ruleset_make((const NetworkSpec *[]){ &standard }, 1, &one) == 0);
        CHECK(startswith(one, "table inet berth\ndelete table inet berth\n"));
        CHECK(strstr(one, "\t\tip saddr 10.89.0.0/16 oifname != \"berth0\" masquerade\n"));
        CHECK(strstr(one, "\t\tip6 saddr fd00::/64 oifname != \"berth0\" masquerade\n"));
        CHECK(strstr(one, "\t\tiifname != { \"berth0\" } oifname != { \"berth0\" } accept\n"));
        CHECK(strstr(one, "\t\toifname { \"berth0\" } drop\n\t}\n"));

        CHECK(firewall_ruleset_make((const NetworkSpec *[]){ &standard, &internal }, 2, &two) == 0);
        CHECK(strstr(two,
                     "\t\toifname { \"berth0\", \"berth-x\" } drop\n\t\tiifname { \"berth-x\" } drop\n"));
        CHECK(!strstr(two, "saddr 10.90.0.0/16"));
}

int main(void) {
        test_ranges();
        test_two_of_a_kind();
        test_choice();
        test_default();
        test_names();
        test_ruleset();
        return TEST_RESULT();
}
