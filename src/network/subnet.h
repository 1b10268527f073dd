/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Address ranges, as arithmetic without state. */

#include "address.h"

/* With host bits: an interface's address ("10.89.0.2/16"); without: a range ("10.89.0.0/16"). */
typedef struct Subnet {
        Address address;
        unsigned prefix;
} Subnet;

#define SUBNET_TEXT_MAX (ADDRESS_TEXT_MAX + 4)

/* "ADDRESS/PREFIX". 0 or -EINVAL. */
int subnet_parse(const char *s, Subnet *ret);
char *subnet_format(const Subnet *subnet, char buffer[static SUBNET_TEXT_MAX]);

/* The range that the address lies in: host bits cleared. */
Subnet subnet_of(const Address *address, unsigned prefix);
bool subnet_has_host_bits(const Subnet *subnet) _pure_;
bool subnet_contains(const Subnet *subnet, const Address *address) _pure_;
bool subnet_overlaps(const Subnet *a, const Subnet *b) _pure_;

/* How many addresses there are to number, at most SUBNET_SIZE_MAX: no more of a large IPv6 range is ever used. */
#define SUBNET_SIZE_MAX (UINT64_C(1) << 32)
uint64_t subnet_size(const Subnet *subnet) _pure_;
/* The address with this number, counted from the range's first; number < subnet_size. */
Address subnet_address(const Subnet *subnet, uint64_t number);
/* And back. False for an address out of the range or past subnet_size. */
bool subnet_number(const Subnet *subnet, const Address *address, uint64_t *ret);
/* What no station may have: the range's first address (the network's own, or the routers' anycast), and IPv4's last. */
bool subnet_is_reserved(const Subnet *subnet, const Address *address) _pure_;
