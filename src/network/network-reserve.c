/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which container has which addresses: all in memory. */

#include <stdio.h>
#include <string.h>

#include "network-internal.h"
#include "random-util.h"
#include "string-util.h"
#include "strv.h"

Reservation *networks_reservation(Networks *networks, const char *container_id) {
        Reservation *reservation;

        HASH_FIND_STR(networks->reservations, container_id, reservation);
        return reservation;
}

static void release_address(Network *network, PoolFamily family, const char *owner, const char *text) {
        Subnet address;

        if (network->pools[family] && !isempty(text) && subnet_parse(text, &address) >= 0)
                address_pool_release(network->pools[family], owner, &address.address);
}

Reservation *reservation_free(Reservation *reservation) {
        if (!reservation)
                return NULL;
        for (size_t i = 0; i < reservation->endpoints.n; i++) {
                const NetworkEndpoint *endpoint = LIST_ITEM(&reservation->endpoints, NetworkEndpoint, i);
                Network *network = networks_lookup(reservation->networks, strempty(endpoint->network));
                if (!network)
                        continue;
                release_address(network, POOL_IPV4, reservation->container_id, endpoint->ipv4_address);
                release_address(network, POOL_IPV6, reservation->container_id, endpoint->ipv6_address);
        }
        if (reservation->hh.tbl)
                HASH_DEL(reservation->networks->reservations, reservation);
        list_done(&reservation->endpoints, &network_endpoint_type);
        error_done(&reservation->error);
        free(reservation->container_id);
        free(reservation);
        return NULL;
}
DEFINE_CLEANUP(Reservation *, reservation_free);

static Reservation *reservation_new(Networks *networks, const char *container_id) {
        _cleanup_(reservation_freep) Reservation *reservation = new0(Reservation, 1);

        if (!reservation)
                return NULL;
        reservation->networks = networks;
        reservation->container_id = strdup(container_id);
        if (!reservation->container_id)
                return NULL;
        HASH_ADD_KEYPTR(hh, networks->reservations, reservation->container_id,
                        strlen(reservation->container_id), reservation);
        return reservation->hh.tbl ? TAKE_PTR(reservation) : NULL;
}

/* ---- addresses ---- */

static int explain_taken(Networks *networks, AddressPool *pool, const Address *address, Error *error) {
        const char *owner = strempty(address_pool_owner(pool, address));
        const char *name = networks->name_of ? networks->name_of(owner, networks->name_of_userdata) : NULL;
        char text[ADDRESS_TEXT_MAX];

        return error_set(error, ERROR_IN_USE, "address %s is in use by \"%.*s\"",
                         address_format(address, text), name ? CONTAINER_NAME_MAX : CONTAINER_ID_SHORT,
                         name ?: owner);
}

static int take_this(Networks *networks, Network *network, AddressPool *pool, const char *owner,
                     const Address *address, Error *error) {
        char text[ADDRESS_TEXT_MAX], subnet[SUBNET_TEXT_MAX];

        int r = address_pool_take_address(pool, owner, address);
        if (r == -EADDRINUSE)
                return explain_taken(networks, pool, address, error);
        if (r == -ERANGE)
                return error_set(error, ERROR_INVALID, "address %s is not in network \"%s\" (%s)",
                                 address_format(address, text), network->spec.name,
                                 subnet_format(address_pool_subnet(pool), subnet));
        if (r == -EADDRNOTAVAIL)
                return error_set(error, ERROR_INVALID,
                                 "address %s is reserved in network \"%s\": choose another",
                                 address_format(address, text), network->spec.name);
        return r;
}

/* wanted: an address as text, or empty. *ret_text becomes "ADDRESS/PREFIX", *ret_gateway an address. */
static int take_address(Networks *networks, Network *network, PoolFamily family, const char *owner,
                        const char *wanted, char **ret_text, char **ret_gateway, Error *error) {
        static const char *const names[] = { "IPv4", "IPv6" };
        AddressPool *pool = network->pools[family];
        char text[SUBNET_TEXT_MAX];
        Address address;
        int r;

        if (!pool)
                return isempty(wanted)
                               ? 0
                               : error_set(error, ERROR_INVALID, "network \"%s\" has no %s addresses",
                                           network->spec.name, names[family]);
        if (isempty(wanted)) {
                r = address_pool_take(pool, owner, &address);
                if (r == -ENOSPC)
                        return error_set(error, ERROR_IN_USE,
                                         "every %s address of network \"%s\" (%s) is in use", names[family],
                                         network->spec.name, subnet_format(address_pool_subnet(pool), text));
        } else if (address_parse(wanted, &address) < 0 ||
                   address.family != (family == POOL_IPV6 ? AF_INET6 : AF_INET))
                r = error_set(error, ERROR_INVALID, "\"%s\" is not an %s address", wanted, names[family]);
        else
                r = take_this(networks, network, pool, owner, &address, error);
        if (r < 0)
                return r;

        Subnet with_prefix = { .address = address, .prefix = address_pool_subnet(pool)->prefix };
        r = free_and_strdup(ret_text, subnet_format(&with_prefix, text));
        if (r < 0) {
                address_pool_release(pool, owner, &address);
                return r;
        }
        return free_and_strdup(ret_gateway, address_format(address_pool_gateway(pool), text));
}

static int choose_mac(const NetworkAttachment *attachment, NetworkEndpoint *endpoint, Error *error) {
        uint8_t mac[ETH_ALEN];
        char text[MAC_TEXT_MAX];
        Subnet address;

        if (!isempty(attachment->mac_address)) {
                if (mac_parse(attachment->mac_address, mac) < 0)
                        return error_set(error, ERROR_INVALID,
                                         "\"%s\" is not the MAC address of a station (six bytes, "
                                         "as in 02:42:0a:59:00:02)",
                                         attachment->mac_address);
        } else if (subnet_parse(strempty(endpoint->ipv4_address ?: endpoint->ipv6_address), &address) >= 0)
                mac_from_address(&address.address, mac);
        else
                return error_set(error, ERROR_INVALID, "network \"%s\" has no addresses to give",
                                 endpoint->network);
        return free_and_strdup(&endpoint->mac_address, mac_format(mac, text));
}

/* ---- endpoints ---- */

static bool host_interface_is_taken(Networks *networks, const char *name) {
        for (Reservation *other = networks->reservations; other; other = other->hh.next)
                for (size_t i = 0; i < other->endpoints.n; i++)
                        if (streq_ptr(LIST_ITEM(&other->endpoints, NetworkEndpoint, i)->host_interface,
                                      name))
                                return true;
        return false;
}

/* From the container's id, so that people can tell whose it is; from elsewhere in it when that is taken. */
static int choose_host_interface(Networks *networks, const char *id, char **ret) {
        _cleanup_free_ char *name = NULL;
        size_t length = strlen(id);

        for (size_t at = 0; at + HOST_INTERFACE_DIGITS <= length; at += HOST_INTERFACE_DIGITS) {
                free_and_replace(
                        name, format_string(HOST_INTERFACE_PREFIX "%.*s", HOST_INTERFACE_DIGITS, id + at));
                if (!name)
                        return -ENOMEM;
                if (host_interface_is_ours(name) && !host_interface_is_taken(networks, name)) {
                        *ret = TAKE_PTR(name);
                        return 0;
                }
        }
        free_and_replace(name, format_string(HOST_INTERFACE_PREFIX "%08x", (unsigned) random_u64()));
        if (!name)
                return -ENOMEM;
        *ret = TAKE_PTR(name);
        return 0;
}

static int add_endpoint(Reservation *reservation, const NetworkAttachment *attachment, Error *error) {
        Networks *networks = reservation->networks;
        const char *id = reservation->container_id;

        Network *network = networks_lookup(networks, attachment->network);
        if (!network)
                return error_set(error, ERROR_NO_SUCH_NETWORK, "there is no network \"%s\"",
                                 attachment->network);
        for (size_t i = 0; i < reservation->endpoints.n; i++)
                if (streq(LIST_ITEM(&reservation->endpoints, NetworkEndpoint, i)->network,
                          attachment->network))
                        return error_set(error, ERROR_INVALID, "network \"%s\" is named twice",
                                         attachment->network);

        NetworkEndpoint *endpoint = list_append(&reservation->endpoints, &network_endpoint_type);
        if (!endpoint)
                return -ENOMEM;
        int r = free_and_strdup(&endpoint->network, network->spec.name);
        if (r >= 0)
                r = take_address(networks, network, POOL_IPV4, id, attachment->ipv4_address,
                                 &endpoint->ipv4_address, &endpoint->ipv4_gateway, error);
        if (r >= 0)
                r = take_address(networks, network, POOL_IPV6, id, attachment->ipv6_address,
                                 &endpoint->ipv6_address, &endpoint->ipv6_gateway, error);
        if (r >= 0)
                r = choose_mac(attachment, endpoint, error);
        if (r >= 0)
                r = choose_host_interface(networks, id, &endpoint->host_interface);
        if (r < 0)
                return r;
        endpoint->interface = format_string("eth%zu", reservation->endpoints.n - 1);
        return endpoint->interface ? 0 : -ENOMEM;
}

/* The way out is the first network that has one. */
static int add_interface(Networks *networks, const NetworkEndpoint *endpoint, bool *has_way_out,
                         List *interfaces) {
        const Network *network = networks_lookup(networks, endpoint->network);

        LaunchInterface *interface = list_append(interfaces, &launch_interface_type);
        if (!interface)
                return -ENOMEM;
        int r = free_and_strdup(&interface->name, endpoint->interface);
        if (r >= 0 && endpoint->ipv4_address)
                r = strv_extend(&interface->addresses, endpoint->ipv4_address);
        if (r >= 0 && endpoint->ipv6_address)
                r = strv_extend(&interface->addresses, endpoint->ipv6_address);
        if (r < 0 || *has_way_out || !network || network->spec.internal)
                return r;
        *has_way_out = true;
        r = free_and_strdup(&interface->ipv4_gateway, endpoint->ipv4_gateway);
        return r < 0 ? r : free_and_strdup(&interface->ipv6_gateway, endpoint->ipv6_gateway);
}

static int describe(const Reservation *reservation, List *endpoints, List *interfaces) {
        bool has_way_out = false;
        int r = 0;

        for (size_t i = 0; i < reservation->endpoints.n && r >= 0; i++) {
                const NetworkEndpoint *source = LIST_ITEM(&reservation->endpoints, NetworkEndpoint, i);
                NetworkEndpoint *endpoint = list_append(endpoints, &network_endpoint_type);
                if (!endpoint)
                        return -ENOMEM;
                r = object_copy(&network_endpoint_type, endpoint, source);
                if (r >= 0)
                        r = add_interface(reservation->networks, source, &has_way_out, interfaces);
        }
        return r;
}

static int add_endpoints(Reservation *reservation, const ContainerSpec *spec, Error *error) {
        const NetworkAttachment standard = { .network = (char *) NETWORK_DEFAULT };
        int r = 0;

        if (spec->networks.n == 0)
                return add_endpoint(reservation, &standard, error);
        for (size_t i = 0; i < spec->networks.n && r >= 0; i++)
                r = add_endpoint(reservation, LIST_ITEM(&spec->networks, NetworkAttachment, i), error);
        return r;
}

/* The host's side is looked at while the shim is being started; when that fails, networks_attach will say so. */
static void prepare(Networks *networks, const Reservation *reservation) {
        for (size_t i = 0; i < reservation->endpoints.n; i++) {
                const NetworkEndpoint *endpoint = LIST_ITEM(&reservation->endpoints, NetworkEndpoint, i);
                networks_prepare(networks, networks_lookup(networks, endpoint->network));
        }
}

int networks_reserve(Networks *networks, const ContainerSpec *spec, List *ret_endpoints,
                     List *ret_interfaces, Error *error) {
        _cleanup_(reservation_freep) Reservation *reservation = NULL;
        List endpoints = {}, interfaces = {};

        networks_release(networks, spec->id);
        if (spec->network == NETWORK_BRIDGE) {
                reservation = reservation_new(networks, spec->id);
                if (!reservation)
                        return -ENOMEM;
                int r = add_endpoints(reservation, spec, error);
                if (r >= 0)
                        r = describe(reservation, &endpoints, &interfaces);
                if (r < 0) {
                        list_done(&endpoints, &network_endpoint_type);
                        list_done(&interfaces, &launch_interface_type);
                        return r;
                }
                prepare(networks, TAKE_PTR(reservation));
        }
        *ret_endpoints = endpoints;
        *ret_interfaces = interfaces;
        return 0;
}

void networks_release(Networks *networks, const char *container_id) {
        Reservation *reservation = networks_reservation(networks, container_id);

        if (!reservation)
                return;
        helper_forget(networks->helper, reservation);
        reservation_free(reservation);
}

static int adopt_address(Networks *networks, Network *network, PoolFamily family, const char *owner,
                         const char *text, Error *error) {
        Subnet address;

        if (isempty(text) || !network->pools[family])
                return 0;
        if (subnet_parse(text, &address) < 0)
                return error_set(error, ERROR_CORRUPT, "\"%s\" is not an address", text);
        return take_this(networks, network, network->pools[family], owner, &address.address, error);
}

int networks_adopt(Networks *networks, const char *container_id, const List *endpoints, Error *error) {
        int first = 0;

        networks_release(networks, container_id);
        if (endpoints->n == 0)
                return 0;
        Reservation *reservation = reservation_new(networks, container_id);
        if (!reservation)
                return -ENOMEM;
        for (size_t i = 0; i < endpoints->n; i++) {
                const NetworkEndpoint *source = LIST_ITEM(endpoints, NetworkEndpoint, i);
                NetworkEndpoint *endpoint = list_append(&reservation->endpoints, &network_endpoint_type);
                if (!endpoint || object_copy(&network_endpoint_type, endpoint, source) < 0)
                        return -ENOMEM;

                Network *network = networks_lookup(networks, strempty(endpoint->network));
                int r = network ? adopt_address(networks, network, POOL_IPV4, container_id,
                                                endpoint->ipv4_address, error)
                                : error_set(error, ERROR_NO_SUCH_NETWORK, "there is no network \"%s\"",
                                            strempty(endpoint->network));
                if (first == 0)
                        first = r;
                if (network)
                        r = adopt_address(networks, network, POOL_IPV6, container_id, endpoint->ipv6_address,
                                          error);
                if (first == 0)
                        first = r;
        }
        return first;
}
