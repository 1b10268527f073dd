/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "subnet.h"

#include <stdio.h>
#include <string.h>

#include "parse-util.h"
#include "string-util.h"

static unsigned address_bits(const Address *a) {
        return 8 * (unsigned) address_size(a);
}

int subnet_parse(const char *s, Subnet *ret) {
        char text[ADDRESS_TEXT_MAX];
        Subnet subnet;

        const char *slash = strchr(s, '/');
        if (!slash || (size_t) (slash - s) >= sizeof(text))
                return -EINVAL;
        memcpy(text, s, slash - s);
        text[slash - s] = 0;

        if (address_parse(text, &subnet.address) < 0 || strlen(slash + 1) > 3 ||
            parse_unsigned(slash + 1, &subnet.prefix) < 0 || subnet.prefix > address_bits(&subnet.address))
                return -EINVAL;
        *ret = subnet;
        return 0;
}

char *subnet_format(const Subnet *subnet, char buffer[static SUBNET_TEXT_MAX]) {
        char text[ADDRESS_TEXT_MAX];

        snprintf(buffer, SUBNET_TEXT_MAX, "%s/%u", address_format(&subnet->address, text), subnet->prefix);
        return buffer;
}

/* The bits of byte i that belong to the network part. */
static uint8_t mask_byte(unsigned prefix, size_t i) {
        return prefix >= 8 * (i + 1) ? 0xff
               : prefix <= 8 * i     ? 0
                                     : (uint8_t) (0xff << (8 * (i + 1) - prefix));
}

Subnet subnet_of(const Address *address, unsigned prefix) {
        Subnet subnet = { .address = *address, .prefix = prefix };

        for (size_t i = 0; i < address_size(address); i++)
                subnet.address.bytes[i] &= mask_byte(prefix, i);
        return subnet;
}

bool subnet_has_host_bits(const Subnet *subnet) {
        Subnet range = subnet_of(&subnet->address, subnet->prefix);

        return !address_equal(&range.address, &subnet->address);
}

bool subnet_contains(const Subnet *subnet, const Address *address) {
        if (address->family != subnet->address.family)
                return false;

        Subnet a = subnet_of(&subnet->address, subnet->prefix), b = subnet_of(address, subnet->prefix);
        return address_equal(&a.address, &b.address);
}

bool subnet_overlaps(const Subnet *a, const Subnet *b) {
        return a->prefix <= b->prefix ? subnet_contains(a, &b->address) : subnet_contains(b, &a->address);
}

uint64_t subnet_size(const Subnet *subnet) {
        unsigned host_bits = address_bits(&subnet->address) - subnet->prefix;

        return host_bits >= 32 ? SUBNET_SIZE_MAX : UINT64_C(1) << host_bits;
}

Address subnet_address(const Subnet *subnet, uint64_t number) {
        Address address = subnet_of(&subnet->address, subnet->prefix).address;

        for (size_t i = address_size(&address); i-- > 0 && number > 0; number >>= 8)
                address.bytes[i] |= (uint8_t) number;
        return address;
}

bool subnet_number(const Subnet *subnet, const Address *address, uint64_t *ret) {
        uint64_t number = 0;

        if (!subnet_contains(subnet, address))
                return false;
        for (size_t i = 0; i < address_size(address); i++) {
                number = number << 8 | (address->bytes[i] & (uint8_t) ~mask_byte(subnet->prefix, i));
                if (number >= SUBNET_SIZE_MAX)
                        return false;
        }
        *ret = number;
        return true;
}

bool subnet_is_reserved(const Subnet *subnet, const Address *address) {
        uint64_t number;

        if (!subnet_number(subnet, address, &number))
                return false;
        /* Point-to-point ranges have no address to spare (RFC 3021, RFC 6164). */
        if (subnet_size(subnet) <= 2)
                return false;
        return number == 0 || (address->family == AF_INET && number == subnet_size(subnet) - 1);
}
