/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network-definition.h"

#include <string.h>

#include "string-util.h"

#define DEFAULT_INTERFACE "berth0"

/* Smaller ones have no room for network, broadcast, gateway and a container; larger ones are a mistake. */
static const struct { unsigned shortest, longest; } prefix_limits[] = { { 8, 30 }, { 16, 126 } };

static int parse_gateway(const NetworkSubnet *subnet, NetworkRange *range, Error *error) {
        if (isempty(subnet->gateway)) {
                range->gateway = subnet_address(&range->subnet, 1);
                return 0;
        }
        if (address_parse(subnet->gateway, &range->gateway) < 0)
                return error_set(error, ERROR_INVALID, "gateway \"%s\" is not an IP address",
                                 subnet->gateway);
        if (!subnet_contains(&range->subnet, &range->gateway) ||
            subnet_is_reserved(&range->subnet, &range->gateway))
                return error_set(error, ERROR_INVALID, "gateway %s is not an address for a host in %s",
                                 subnet->gateway, subnet->subnet);
        return 0;
}

int network_range_parse(const NetworkSubnet *subnet, NetworkRange *ret, Error *error) {
        NetworkRange range;

        if (subnet_parse(strempty(subnet->subnet), &range.subnet) < 0)
                return error_set(error, ERROR_INVALID, "subnet \"%s\" is not of the form ADDRESS/PREFIX",
                                 strempty(subnet->subnet));
        if (subnet_has_host_bits(&range.subnet)) {
                Subnet whole = subnet_of(&range.subnet.address, range.subnet.prefix);
                char text[SUBNET_TEXT_MAX];
                return error_set(error, ERROR_INVALID, "subnet %s has host bits set; did you mean %s?",
                                 subnet->subnet, subnet_format(&whole, text));
        }

        bool six = range.subnet.address.family == AF_INET6;
        if (range.subnet.prefix < prefix_limits[six].shortest ||
            range.subnet.prefix > prefix_limits[six].longest)
                return error_set(error, ERROR_INVALID,
                                 "subnet %s can't be a network of containers: its prefix length must be "
                                 "from %u to %u",
                                 subnet->subnet, prefix_limits[six].shortest, prefix_limits[six].longest);
        int r = parse_gateway(subnet, &range, error);
        if (r < 0)
                return r;
        *ret = range;
        return 0;
}

Subnet network_range_gateway(const NetworkRange *range) {
        return (Subnet){ .address = range->gateway, .prefix = range->subnet.prefix };
}

int network_definition_check(const NetworkSpec *spec, Error *error) {
        bool seen[2] = {};

        for (size_t i = 0; i < spec->subnets.n; i++) {
                NetworkRange range;
                int r = network_range_parse(LIST_ITEM(&spec->subnets, NetworkSubnet, i), &range, error);
                if (r < 0)
                        return r;

                bool six = range.subnet.address.family == AF_INET6;
                if (seen[six])
                        return error_set(error, ERROR_INVALID, "a network can have only one %s subnet",
                                         six ? "IPv6" : "IPv4");
                seen[six] = true;
        }
        return 0;
}

/* Tried in this order: first the numbers that berth is documented with, then the rest of RFC 1918. */
static const struct {
        uint8_t first[4];
        unsigned prefix, count; /* so many neighbours */
} candidates[] = {
        { { 10, 89, 0, 0 }, 16, 11 }, { { 10, 200, 0, 0 }, 16, 56 },   { { 172, 20, 0, 0 }, 16, 12 },
        { { 10, 0, 0, 0 }, 16, 256 }, { { 192, 168, 0, 0 }, 24, 256 },
};

static bool is_free(const Subnet *subnet, const Subnet *taken, size_t n_taken) {
        for (size_t i = 0; i < n_taken; i++)
                if (subnet_overlaps(subnet, &taken[i]))
                        return false;
        return true;
}

int network_choose_subnet(const Subnet *taken, size_t n_taken, Subnet *ret) {
        for (size_t i = 0; i < ELEMENTSOF(candidates); i++)
                for (unsigned k = 0; k < candidates[i].count; k++) {
                        Subnet subnet = { .address.family = AF_INET, .prefix = candidates[i].prefix };
                        memcpy(subnet.address.bytes, candidates[i].first, 4);
                        subnet.address.bytes[candidates[i].prefix / 8 - 1] += (uint8_t) k;
                        if (is_free(&subnet, taken, n_taken)) {
                                *ret = subnet;
                                return 0;
                        }
                }
        return -ENOSPC;
}

static int add_subnet(NetworkSpec *spec, const Subnet *subnet) {
        char text[SUBNET_TEXT_MAX];

        NetworkSubnet *item = list_append(&spec->subnets, &network_subnet_type);
        return item ? free_and_strdup(&item->subnet, subnet_format(subnet, text)) : -ENOMEM;
}

int network_definition_make_default(const Subnet *taken, size_t n_taken, const uint8_t random[static 5],
                                    NetworkSpec *ret) {
        Subnet four, six = { .address = { .family = AF_INET6, .bytes = { 0xfd } }, .prefix = 64 };
        NetworkSpec spec;

        int r = network_choose_subnet(taken, n_taken, &four);
        if (r < 0)
                return r;
        memcpy(six.address.bytes + 1, random, 5);

        object_init(&network_spec_type, &spec);
        r = add_subnet(&spec, &four);
        if (r >= 0)
                r = add_subnet(&spec, &six);
        if (r >= 0)
                r = free_and_strdup(&spec.name, "default");
        if (r >= 0)
                r = free_and_strdup(&spec.driver, "bridge");
        if (r >= 0)
                r = free_and_strdup(&spec.interface, DEFAULT_INTERFACE);
        if (r < 0) {
                object_done(&network_spec_type, &spec);
                return r;
        }
        *ret = spec;
        return 0;
}
