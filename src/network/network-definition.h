/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Definitions of networks: what makes sense, and what the default one is. Pure. */

#include "error.h"
#include "network-spec.h"
#include "subnet.h"

/* A NetworkSubnet in numbers; the gateway has its default. */
typedef struct NetworkRange {
        Subnet subnet;
        Address gateway;
} NetworkRange;

int network_range_parse(const NetworkSubnet *subnet, NetworkRange *ret, Error *error);

/* The gateway as the bridge's own address, with the range's prefix length. */
Subnet network_range_gateway(const NetworkRange *range);

/* Every range parses, no more than one of each family, big enough for somebody to be in it. */
int network_definition_check(const NetworkSpec *spec, Error *error);

/* The default network: an IPv4 range that overlaps none of `taken`, and an IPv6 one of random bits (RFC 4193, 3.2).
 * -ENOSPC when no candidate is free. */
int network_definition_make_default(const Subnet *taken, size_t n_taken, const uint8_t random[static 5],
                                    NetworkSpec *ret);
/* The first private IPv4 range that overlaps none of `taken`. */
int network_choose_subnet(const Subnet *taken, size_t n_taken, Subnet *ret);
