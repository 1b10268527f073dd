/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz.h"
#include "network-definition.h"
#include "string-util.h"

/* Whatever parses is written so that it parses to the same again; arithmetic on it stays within the range. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = fuzz_text(data, size);
        char again[SUBNET_TEXT_MAX], mac_again[MAC_TEXT_MAX];
        uint8_t mac[ETH_ALEN], mac_parsed[ETH_ALEN];
        Subnet subnet, parsed;
        uint64_t number;

        if (mac_parse(text, mac) >= 0) {
                FUZZ_CHECK(mac_parse(mac_format(mac, mac_again), mac_parsed) == 0);
                FUZZ_CHECK(memcmp(mac, mac_parsed, sizeof(mac)) == 0);
        }

        NetworkSubnet item = { .subnet = text };
        NetworkRange range;
        _cleanup_error_ Error error = {};
        if (network_range_parse(&item, &range, &error) >= 0) {
                FUZZ_CHECK(subnet_contains(&range.subnet, &range.gateway));
                FUZZ_CHECK(!subnet_is_reserved(&range.subnet, &range.gateway));
        } else
                FUZZ_CHECK(error.kind == ERROR_INVALID && error.message);

        if (subnet_parse(text, &subnet) < 0)
                return 0;
        FUZZ_CHECK(subnet_parse(subnet_format(&subnet, again), &parsed) == 0);
        FUZZ_CHECK(memcmp(&subnet, &parsed, sizeof(subnet)) == 0);

        Subnet whole = subnet_of(&subnet.address, subnet.prefix);
        FUZZ_CHECK(subnet_contains(&whole, &subnet.address) && subnet_overlaps(&whole, &subnet));
        Address last = subnet_address(&whole, subnet_size(&whole) - 1);
        FUZZ_CHECK(subnet_number(&whole, &last, &number) && number == subnet_size(&whole) - 1);
        return 0;
}
