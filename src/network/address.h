/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* IP and MAC addresses as values. */

#include <net/ethernet.h>
#include <netinet/in.h>

#include "macro.h"

/* Unused bytes are zero, so that two addresses are equal when their memory is. */
typedef struct Address {
        uint32_t family; /* AF_INET, AF_INET6; AF_UNSPEC (0) is "none" */
        uint8_t bytes[16];
} Address;

#define ADDRESS_TEXT_MAX INET6_ADDRSTRLEN
#define MAC_TEXT_MAX 18

static inline size_t address_size(const Address *a) {
        return a->family == AF_INET ? 4 : 16;
}
static inline bool address_is_set(const Address *a) {
        return a->family != AF_UNSPEC;
}
bool address_equal(const Address *a, const Address *b) _pure_;
bool address_is_loopback(const Address *a) _pure_;
/* fe80::/10: means nothing without a zone. */
bool address_is_link_local(const Address *a) _pure_;

/* "10.89.0.2", "fd42::2"; no zone, no leading zeros. 0 or -EINVAL. */
int address_parse(const char *s, Address *ret);
char *address_format(const Address *a, char buffer[static ADDRESS_TEXT_MAX]);

/* "02:be:0a:59:00:02": six bytes in hex, a single station's address (neither multicast nor zero). 0 or -EINVAL. */
int mac_parse(const char *s, uint8_t ret[static ETH_ALEN]);
char *mac_format(const uint8_t mac[static ETH_ALEN], char buffer[static MAC_TEXT_MAX]);
/* Locally administered, with the low four bytes of the address: a container that gets the same address again is the
 * same to its neighbours' ARP caches. */
void mac_from_address(const Address *a, uint8_t ret[static ETH_ALEN]);
