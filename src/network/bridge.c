/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The bridge driver: one bridge per network, the gateway addresses on it, and a veth pair per container, whose host end
 * is a port of the bridge. */

#include <string.h>

#include "driver.h"
#include "link.h"
#include "network-definition.h"
#include "string-util.h"
#include "sysctl.h"

static int bridge_validate(NetworkSpec *spec, Error *error) {
        int r = network_definition_check(spec, error);
        if (r < 0)
                return r;
        if (spec->subnets.n == 0)
                return error_set(error, ERROR_INVALID, "a bridge network needs a subnet");
        if (isempty(spec->interface)) {
                free(spec->interface);
                spec->interface = format_string("berth-%.8s", strempty(spec->id));
                if (!spec->interface)
                        return -ENOMEM;
        }
        return 0;
}

/* ---- setup ---- */

typedef struct Wanted {
        Subnet addresses[2];
        size_t n;
        bool present[2];
        Subnet stale[8]; /* of an older definition */
        size_t n_stale;
} Wanted;

static int want_addresses(const NetworkKernel *kernel, const NetworkSpec *spec, Wanted *ret, Error *error) {
        Wanted wanted = {};

        for (size_t i = 0; i < MIN(spec->subnets.n, ELEMENTSOF(wanted.addresses)); i++) {
                NetworkRange range;
                int r = network_range_parse(LIST_ITEM(&spec->subnets, NetworkSubnet, i), &range, error);
                if (r < 0)
                        return r;
                if (range.subnet.address.family == AF_INET || kernel->ipv6)
                        wanted.addresses[wanted.n++] = network_range_gateway(&range);
        }
        *ret = wanted;
        return 0;
}

static int note_address(int index, const Subnet *address, void *userdata) {
        Wanted *wanted = userdata;

        if (address_is_link_local(&address->address))
                return 0;
        for (size_t i = 0; i < wanted->n; i++)
                if (memcmp(&wanted->addresses[i], address, sizeof(*address)) == 0) {
                        wanted->present[i] = true;
                        return 0;
                }
        if (wanted->n_stale < ELEMENTSOF(wanted->stale))
                wanted->stale[wanted->n_stale++] = *address;
        return 0;
}

static int ensure_addresses(NetworkKernel *kernel, const NetworkSpec *spec, int index, Wanted *wanted,
                            Error *error) {
        int r = link_each_address(kernel->route, index, note_address, wanted);
        if (r < 0 && r != -EINTR)
                return error_set_errno(error, r, "cannot read the addresses of %s", spec->interface);

        for (size_t i = 0; i < wanted->n_stale; i++)
                (void) link_remove_address(kernel->route, index, &wanted->stale[i]);
        for (size_t i = 0; i < wanted->n; i++) {
                char text[SUBNET_TEXT_MAX];

                if (wanted->present[i])
                        continue;
                r = link_add_address(kernel->route, index, &wanted->addresses[i]);
                if (r < 0 && r != -EEXIST)
                        return error_set_errno(error, r, "cannot give %s the address %s", spec->interface,
                                               subnet_format(&wanted->addresses[i], text));
        }
        return 0;
}

/* A host may forbid IPv6 on new interfaces; a router on the bridge must not configure the host. */
static void set_ipv6_switches(const char *interface) {
        static const struct {
                const char *name, *value;
        } switches[] = { { "disable_ipv6", "0" }, { "accept_ra", "0" }, { "autoconf", "0" } };

        for (size_t i = 0; i < ELEMENTSOF(switches); i++) {
                _cleanup_free_ char *path = string_join("ipv6/conf/", interface, "/", switches[i].name);
                if (path)
                        (void) sysctl_ensure(path, switches[i].value);
        }
}

static int create_bridge(NetworkKernel *kernel, const NetworkSpec *spec, const Wanted *wanted, Link *ret,
                         Error *error) {
        uint8_t mac[ETH_ALEN];

        /* Fixed, since a bridge without one takes on the lowest of its ports' and changes it as they come and go. */
        mac_from_address(&wanted->addresses[0].address, mac);
        int r = link_add_bridge(kernel->route, spec->interface, mac, spec->mtu);
        if (r == -EOPNOTSUPP)
                return error_set(
                        error, ERROR_UNSUPPORTED,
                        "cannot create the bridge %s: this kernel has no bridges (module \"bridge\")",
                        spec->interface);
        if (r < 0 && r != -EEXIST)
                return error_set_errno(error, r, "cannot create the bridge %s", spec->interface);
        if (kernel->ipv6)
                set_ipv6_switches(spec->interface);
        kernel->repaired = true;

        r = link_find(kernel->route, spec->interface, ret);
        return r < 0 ? error_set_errno(error, r, "cannot find the bridge %s again", spec->interface) : 0;
}

static int find_bridge(NetworkKernel *kernel, const NetworkSpec *spec, Link *ret, Error *error) {
        int r = link_find(kernel->route, spec->interface, ret);
        if (r == -ENODEV)
                return r;
        if (r < 0)
                return error_set_errno(error, r, "cannot look for the bridge %s", spec->interface);
        if (!streq(ret->kind, "bridge"))
                return error_set(error, ERROR_IN_USE,
                                 "there is an interface %s that is no bridge: rename it, network \"%s\" "
                                 "needs the name",
                                 spec->interface, spec->name);
        return 0;
}

static int enable_forwarding(const NetworkSpec *spec, const Wanted *wanted, Error *error) {
        if (spec->internal)
                return 0;
        for (size_t i = 0; i < wanted->n; i++) {
                unsigned family = wanted->addresses[i].address.family;
                int r = sysctl_enable_forwarding((int) family);
                if (r < 0)
                        return error_set_errno(error, r, "cannot enable forwarding of %s for network \"%s\"",
                                               family == AF_INET ? "IPv4" : "IPv6", spec->name);
        }
        return 0;
}

static int bridge_setup(NetworkKernel *kernel, const NetworkSpec *spec, Error *error) {
        Wanted wanted;
        Link link;

        int r = want_addresses(kernel, spec, &wanted, error);
        if (r < 0)
                return r;
        if (wanted.n == 0)
                return error_set(error, ERROR_UNSUPPORTED,
                                 "network \"%s\" is IPv6 only, which this kernel does not have", spec->name);

        r = find_bridge(kernel, spec, &link, error);
        if (r == -ENODEV)
                r = create_bridge(kernel, spec, &wanted, &link, error);
        if (r < 0)
                return r;
        if (!(link.flags & IFF_UP)) {
                r = link_set_up(kernel->route, link.index);
                if (r < 0)
                        return error_set_errno(error, r, "cannot bring up the bridge %s", spec->interface);
        }
        r = ensure_addresses(kernel, spec, link.index, &wanted, error);
        return r < 0 ? r : enable_forwarding(spec, &wanted, error);
}

/* ---- containers ---- */

static int remove_host_interface(NetworkKernel *kernel, const char *name) {
        Link link;

        int r = link_find(kernel->route, name, &link);
        if (r == -ENODEV)
                return 0;
        if (r < 0)
                return r;
        if (!streq(link.kind, "veth"))
                return -EEXIST;
        r = link_remove(kernel->route, link.index);
        return r == -ENODEV ? 0 : r;
}

static int bridge_attach(NetworkKernel *kernel, const NetworkSpec *spec, const NetworkEndpoint *endpoint,
                         int network_namespace, Error *error) {
        uint8_t mac[ETH_ALEN], host_mac[ETH_ALEN];

        if (mac_parse(strempty(endpoint->mac_address), mac) < 0)
                return error_set(error, ERROR_INVALID, "\"%s\" is not a MAC address",
                                 strempty(endpoint->mac_address));
        /* Given rather than left to chance: udev gives new ones to interfaces whose address is random. */
        memcpy(host_mac, mac, ETH_ALEN);
        host_mac[0] = mac[0] == 0xfe ? 0xfa : 0xfe;

        /* This does not wait for RTNL, as asking over netlink would. What is no bridge the kernel refuses as a master. */
        int master = (int) if_nametoindex(spec->interface);
        if (master == 0)
                return error_set_errno(error, -ENODEV, "the bridge %s is gone", spec->interface);

        VethPair pair = {
                .name = endpoint->host_interface,
                .mac = host_mac,
                .master = master,
                .mtu = spec->mtu,
                .peer_name = endpoint->interface,
                .peer_mac = mac,
                .peer_namespace = network_namespace,
        };
        int r = link_add_veth(kernel->route, &pair);
        if (r == -EEXIST) {
                /* Of the container's last run, whose namespace is still being taken down. */
                r = remove_host_interface(kernel, endpoint->host_interface);
                if (r >= 0)
                        r = link_add_veth(kernel->route, &pair);
        }
        if (r < 0)
                return error_set_errno(error, r, "cannot create the interface %s on %s%s%s%s",
                                       endpoint->host_interface, spec->interface,
                                       isempty(netlink_explanation(kernel->route)) ? "" : " (",
                                       netlink_explanation(kernel->route),
                                       isempty(netlink_explanation(kernel->route)) ? "" : ")");
        return 0;
}

static int bridge_detach(NetworkKernel *kernel, const NetworkSpec *spec, const NetworkEndpoint *endpoint,
                         Error *error) {
        int r = remove_host_interface(kernel, endpoint->host_interface);
        return r < 0 ? error_set_errno(error, r, "cannot remove the interface %s", endpoint->host_interface)
                     : 0;
}

static int bridge_restore(NetworkKernel *kernel, const NetworkSpec *spec, char *const *host_interfaces,
                          Error *error) {
        Link bridge;

        int r = find_bridge(kernel, spec, &bridge, error);
        if (r < 0)
                return r;
        for (size_t i = 0; host_interfaces && host_interfaces[i]; i++) {
                Link link;
                if (link_find(kernel->route, host_interfaces[i], &link) < 0)
                        continue; /* the container is just ending */
                if (link.master == bridge.index && link.flags & IFF_UP)
                        continue;
                r = link_set_master(kernel->route, link.index, bridge.index);
                if (r < 0 && r != -ENODEV)
                        return error_set_errno(error, r, "cannot put %s back on %s", host_interfaces[i],
                                               spec->interface);
        }
        return 0;
}

static int bridge_teardown(NetworkKernel *kernel, const NetworkSpec *spec, Error *error) {
        Link bridge;

        int r = find_bridge(kernel, spec, &bridge, error);
        if (r == -ENODEV)
                return 0;
        if (r >= 0)
                r = link_remove(kernel->route, bridge.index);
        return r < 0 && r != -ENODEV
                       ? error_set_errno(error, r, "cannot remove the bridge %s", spec->interface)
                       : 0;
}

const NetworkDriver bridge_driver = {
        .name = "bridge",
        .validate = bridge_validate,
        .setup = bridge_setup,
        .attach = bridge_attach,
        .detach = bridge_detach,
        .restore = bridge_restore,
        .teardown = bridge_teardown,
};
