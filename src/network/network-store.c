/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "fd-util.h"
#include "file-util.h"
#include "firewall.h"
#include "link.h"
#include "log.h"
#include "network-definition.h"
#include "network-internal.h"
#include "random-util.h"
#include "string-util.h"
#include "time-util.h"

#define FOLDER "networks"
#define SUFFIX ".json"
#define DEFINITION_MAX (1 * MIB)

Network *network_free(Network *network) {
        if (!network)
                return NULL;
        for (size_t i = 0; i < _POOL_MAX; i++)
                address_pool_free(network->pools[i]);
        object_done(&network_spec_type, &network->spec);
        free(network);
        return NULL;
}
DEFINE_CLEANUP(Network *, network_free);

Network *networks_lookup(Networks *networks, const char *name) {
        Network *network;

        HASH_FIND_STR(networks->by_name, name, network);
        return network;
}

/* A kernel without IPv6 gets none of it, whatever the definition says. */
static int make_pools(Networks *networks, Network *network, Error *error) {
        for (size_t i = 0; i < network->spec.subnets.n; i++) {
                NetworkRange range;

                int r = network_range_parse(LIST_ITEM(&network->spec.subnets, NetworkSubnet, i), &range,
                                            error);
                if (r < 0)
                        return r;
                bool six = range.subnet.address.family == AF_INET6;
                if (six && !networks->ipv6)
                        continue;
                r = address_pool_new(&range.subnet, &range.gateway,
                                     &network->pools[six ? POOL_IPV6 : POOL_IPV4]);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Takes the specification over. */
static int add_network(Networks *networks, NetworkSpec *spec, Error *error) {
        _cleanup_(network_freep) Network *network = new0(Network, 1);

        if (!network)
                return -ENOMEM;
        network->spec = *spec;
        *spec = (NetworkSpec){};
        network->driver = network_driver_find(network->spec.driver);
        if (!network->driver)
                return error_set(error, ERROR_UNSUPPORTED,
                                 "network \"%s\" needs the driver \"%s\", which is unknown",
                                 network->spec.name, network->spec.driver);
        int r = network->driver->validate(&network->spec, error);
        if (r >= 0)
                r = make_pools(networks, network, error);
        if (r < 0)
                return r;
        HASH_ADD_KEYPTR(hh, networks->by_name, network->spec.name, strlen(network->spec.name), network);
        if (!network->hh.tbl)
                return -ENOMEM;
        TAKE_PTR(network);
        return 0;
}

static int load_one(Networks *networks, int dir_fd, const char *file, Error *error) {
        size_t length = strlen(file) - strlen(SUFFIX);
        NetworkSpec spec;

        int r = object_load_at(&network_spec_type, &spec, dir_fd, file, DEFINITION_MAX, error);
        if (r < 0)
                return r;
        if (strlen(strempty(spec.name)) != length || strncmp(spec.name, file, length) != 0)
                r = error_set(error, ERROR_CORRUPT, "it defines \"%s\"", strempty(spec.name));
        else
                r = add_network(networks, &spec, error);
        object_done(&network_spec_type, &spec);
        return r;
}

static void set_aside(int dir_fd, const char *file) {
        _cleanup_free_ char *aside = string_join(file, ".corrupt");

        if (!aside || renameat(dir_fd, file, dir_fd, aside) < 0)
                log_warning_errno(negative_errno(), "Failed to set the network definition %s aside: %m",
                                  file);
}

static int load_all(Networks *networks, int dir_fd, Error *error) {
        _cleanup_closedir_ DIR *dir = opendir_at(dir_fd, ".");
        struct dirent *entry;

        if (!dir)
                return error_set_errno(error, negative_errno(), "cannot read the network definitions");
        while ((entry = readdir_no_dot(dir))) {
                _cleanup_error_ Error why = {};

                if (entry->d_name[0] == '.' || !endswith(entry->d_name, SUFFIX))
                        continue;
                int r = load_one(networks, dir_fd, entry->d_name, &why);
                if (r == -ENOMEM)
                        return r;
                if (r < 0) {
                        log_warning("Network definition %s is set aside: %s", entry->d_name,
                                    error_text(&why));
                        set_aside(dir_fd, entry->d_name);
                }
        }
        return 0;
}

/* ---- the default network ---- */

#define TAKEN_MAX 4096

typedef struct Taken {
        Subnet *subnets;
        size_t n, allocated;
} Taken;

static void taken_done(Taken *taken) {
        free(taken->subnets);
}

static int add_taken(int index, const Subnet *subnet, void *userdata) {
        Taken *taken = userdata;

        /* A route for half of the Internet is a default route in disguise, as VPNs set it. */
        if (subnet->prefix < 8 || taken->n >= TAKEN_MAX)
                return 0;
        if (array_reserve(&taken->subnets, &taken->allocated, taken->n + 1, sizeof(Subnet)) < 0)
                return -ENOMEM;
        taken->subnets[taken->n++] = *subnet;
        return 0;
}

/* What the host's own networks use, and the other definitions. */
static int find_taken(Networks *networks, Taken *taken, Error *error) {
        _cleanup_(netlink_closep) Netlink *netlink = NULL;

        int r = netlink_open(NETLINK_ROUTE, &netlink);
        if (r >= 0)
                r = link_each_address(netlink, 0, add_taken, taken);
        if (r >= 0 || r == -EINTR)
                r = link_each_route(netlink, add_taken, taken);
        if (r < 0 && r != -EINTR)
                return error_set_errno(error, r, "cannot read the host's addresses and routes");
        for (Network *network = networks->by_name; network; network = network->hh.next)
                if (network->pools[POOL_IPV4] &&
                    add_taken(0, address_pool_subnet(network->pools[POOL_IPV4]), taken) < 0)
                        return -ENOMEM;
        return 0;
}

static int make_default(Networks *networks, int dir_fd, Error *error) {
        _cleanup_(taken_done) Taken taken = {};
        uint8_t random[5], id[32];
        NetworkSpec spec;

        int r = find_taken(networks, &taken, error);
        if (r < 0)
                return r;
        random_bytes(random, sizeof(random));
        random_bytes(id, sizeof(id));
        r = network_definition_make_default(taken.subnets, taken.n, random, &spec);
        if (r == -ENOSPC)
                return error_set(
                        error, ERROR_LIMIT,
                        "no private IPv4 range is free for the default network: define one in %s/%s/%s%s",
                        STATE_DIRECTORY, FOLDER, NETWORK_DEFAULT, SUFFIX);
        if (r < 0)
                return r;
        spec.id = hex_encode(id, sizeof(id));
        spec.created = realtime_usec();
        if (spec.id)
                r = object_save_at(&network_spec_type, &spec, dir_fd, NETWORK_DEFAULT SUFFIX, true);
        r = !spec.id ? -ENOMEM
            : r < 0  ? error_set_errno(error, r, "cannot store the default network")
                     : add_network(networks, &spec, error);
        object_done(&network_spec_type, &spec);
        return r;
}

static int make_ruleset(Networks *networks) {
        size_t n = 0;

        _cleanup_free_ const NetworkSpec **specs =
                new0(const NetworkSpec *, HASH_COUNT(networks->by_name) + 1);
        if (!specs)
                return -ENOMEM;
        for (Network *network = networks->by_name; network; network = network->hh.next)
                specs[n++] = &network->spec;
        free_and_replace(networks->ruleset, NULL);
        return firewall_ruleset_make(specs, n, &networks->ruleset);
}

int networks_load(Networks *networks, Error *error) {
        _cleanup_close_ int dir_fd = mkdir_open_at(networks->state_fd, FOLDER, 0700);

        if (dir_fd < 0)
                return error_set_errno(error, dir_fd, "cannot open the folder \"%s\" of the state directory",
                                       FOLDER);
        int r = load_all(networks, dir_fd, error);
        if (r >= 0 && !networks_lookup(networks, NETWORK_DEFAULT))
                r = make_default(networks, dir_fd, error);
        return r < 0 ? r : make_ruleset(networks);
}
