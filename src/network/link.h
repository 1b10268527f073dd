/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Network interfaces and their addresses, one rtnetlink request each. */

#include <net/if.h>

#include "netlink.h"
#include "subnet.h"

typedef struct Link {
        int index;
        int master;     /* index of the bridge that it is a port of, or 0 */
        unsigned flags; /* IFF_* */
        char name[IFNAMSIZ];
        char kind[16]; /* "bridge", "veth", or "" for a real one */
} Link;

int link_find(Netlink *netlink, const char *name, Link *ret); /* -ENODEV when there is none */

/* Every interface of the kind. The callback must not use the same Netlink. */
typedef int (*LinkEach)(const Link *link, void *userdata);
int link_each(Netlink *netlink, const char *kind, LinkEach each, void *userdata);

/* A bridge that is up, without addresses. mtu 0: the kernel's default. */
int link_add_bridge(Netlink *netlink, const char *name, const uint8_t mac[static 6], uint32_t mtu);

typedef struct VethPair {
        const char *name;   /* of the host's end */
        const uint8_t *mac; /* of the host's end */
        int master;
        uint32_t mtu;
        const char *peer_name;
        const uint8_t *peer_mac;
        int peer_namespace; /* a descriptor of the network namespace */
} VethPair;
/* The host's end is up, a port of the bridge `master` and without addresses of its own, IPv6's link-local included;
 * the peer is down. -EEXIST: one of the names is taken. */
int link_add_veth(Netlink *netlink, const VethPair *pair);

int link_set_up(Netlink *netlink, int index);
int link_set_master(Netlink *netlink, int index, int master);
/* May wait for an RCU grace period, some 20 ms. */
int link_remove(Netlink *netlink, int index);

/* Addresses. Those of IPv6 are usable at once: duplicate detection is for addresses that one does not own. */
int link_add_address(Netlink *netlink, int index, const Subnet *address); /* -EEXIST */
int link_remove_address(Netlink *netlink, int index, const Subnet *address);
typedef int (*AddressEach)(int index, const Subnet *address, void *userdata);
/* Of one interface, or of all with index 0. */
int link_each_address(Netlink *netlink, int index, AddressEach each, void *userdata);
/* Every IPv4 and IPv6 route of the main table but the default ones; index is that of the outgoing interface. */
int link_each_route(Netlink *netlink, AddressEach each, void *userdata);
