/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "string-util.h"

bool address_equal(const Address *a, const Address *b) {
        return memcmp(a, b, sizeof(Address)) == 0;
}

bool address_is_loopback(const Address *a) {
        static const uint8_t six[16] = { [15] = 1 };

        return a->family == AF_INET    ? a->bytes[0] == 127
               : a->family == AF_INET6 ? memcmp(a->bytes, six, sizeof(six)) == 0
                                       : false;
}

bool address_is_link_local(const Address *a) {
        return a->family == AF_INET6 && a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

int address_parse(const char *s, Address *ret) {
        Address a = { .family = strchr(s, ':') ? AF_INET6 : AF_INET };

        if (inet_pton((int) a.family, s, a.bytes) != 1)
                return -EINVAL;
        *ret = a;
        return 0;
}

char *address_format(const Address *a, char buffer[static ADDRESS_TEXT_MAX]) {
        if (!address_is_set(a) || !inet_ntop((int) a->family, a->bytes, buffer, ADDRESS_TEXT_MAX))
                buffer[0] = 0;
        return buffer;
}

static int hex_digit(char c) {
        return c >= '0' && c <= '9'   ? c - '0'
               : c >= 'a' && c <= 'f' ? c - 'a' + 10
               : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                      : -1;
}

int mac_parse(const char *s, uint8_t ret[static ETH_ALEN]) {
        uint8_t mac[ETH_ALEN], any = 0;

        if (strlen(s) != 3 * ETH_ALEN - 1)
                return -EINVAL;
        for (size_t i = 0; i < ETH_ALEN; i++, s += 3) {
                int high = hex_digit(s[0]), low = hex_digit(s[1]);
                if (high < 0 || low < 0 || s[2] != (i < ETH_ALEN - 1 ? ':' : 0))
                        return -EINVAL;
                any |= mac[i] = (uint8_t) (high << 4 | low);
        }
        if (any == 0 || mac[0] & 1)
                return -EINVAL;
        memcpy(ret, mac, ETH_ALEN);
        return 0;
}

char *mac_format(const uint8_t mac[static ETH_ALEN], char buffer[static MAC_TEXT_MAX]) {
        snprintf(buffer, MAC_TEXT_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
                 mac[4], mac[5]);
        return buffer;
}

void mac_from_address(const Address *a, uint8_t ret[static ETH_ALEN]) {
        ret[0] = 0x02; /* locally administered, one station */
        ret[1] = 0xbe;
        memcpy(ret + 2, a->bytes + address_size(a) - 4, 4);
}
