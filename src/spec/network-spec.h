/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a network is: /var/lib/berth/networks/<name>.json. */

#include "object.h"

#define NETWORK_NAME_MAX 63

/* One address range of a network. Addresses are given to containers out of `subnet`; the gateway is the host's. */
typedef struct NetworkSubnet {
        char *subnet;  /* "10.89.0.0/16", "fd12:3456:789a::/64": host bits are zero */
        char *gateway; /* "10.89.0.1"; default: the first address of the subnet */
} NetworkSubnet;
extern const ObjectType network_subnet_type;

typedef struct NetworkSpec {
        char *id;   /* 64 hex digits; internal: given by berthd */
        char *name; /* internal */
        uint64_t created;

        char *driver; /* "bridge" is the default */
        char *interface; /* the bridge's name on the host; default for others than "default": "berth-" and part of the id */
        List subnets;  /* NetworkSubnet: at most one of IPv4 and one of IPv6 */
        bool internal; /* no way out: neither masquerade nor forwarding to other links */
        uint32_t mtu;  /* 0: the kernel's default */
        char **labels;
        char **options; /* map: the driver's own */
} NetworkSpec;
extern const ObjectType network_spec_type;

/* As a container's name: letters, digits, "_", "." and "-", not beginning with a sign; at most NETWORK_NAME_MAX. */
bool network_name_is_valid(const char *name) _pure_;
