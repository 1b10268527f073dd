/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a kind of network must be able to do. To add one (macvlan, ipvlan, vxlan) write these functions and add the
 * driver to the table in driver.c.
 *
 * `validate` is called by berthd and must be quick. All others run in the helper process, one at a time, may wait for
 * the kernel, and must be idempotent: berthd can die and repeat any of them. */

#include "container-spec.h"
#include "error.h"
#include "netlink.h"
#include "network-spec.h"

/* What the helper has at hand. */
typedef struct NetworkKernel {
        Netlink *route;
        bool ipv6;     /* the kernel has it */
        bool repaired; /* set by a driver that had to make a link anew: its members must join it again */
} NetworkKernel;

typedef struct NetworkDriver {
        const char *name;

        /* The definition makes sense, beyond its field table. Fills in defaults. */
        int (*validate)(NetworkSpec *spec, Error *error);
        /* All that the host needs before a container can be attached. Cheap when it is there. */
        int (*setup)(NetworkKernel *kernel, const NetworkSpec *spec, Error *error);
        /* Makes the endpoint, whose inner end is `endpoint->interface` in the network namespace. */
        int (*attach)(NetworkKernel *kernel, const NetworkSpec *spec, const NetworkEndpoint *endpoint,
                      int network_namespace, Error *error);
        /* Removes what attach left on the host; usually that went with the namespace. */
        int (*detach)(NetworkKernel *kernel, const NetworkSpec *spec, const NetworkEndpoint *endpoint,
                      Error *error);
        /* After a restart of berthd or a repair: host interfaces of running containers belong to the network again. */
        int (*restore)(NetworkKernel *kernel, const NetworkSpec *spec, char *const *host_interfaces,
                       Error *error);
        /* Removes what setup made. */
        int (*teardown)(NetworkKernel *kernel, const NetworkSpec *spec, Error *error);
} NetworkDriver;

/* NULL when there is none of this name; an empty one means "bridge". */
const NetworkDriver *network_driver_find(const char *name) _pure_;

extern const NetworkDriver bridge_driver;

/* Host ends of containers' links: "vb" and eight hex digits. Other programs' names must not match. */
#define HOST_INTERFACE_PREFIX "vb"
#define HOST_INTERFACE_DIGITS 8
bool host_interface_is_ours(const char *name) _pure_;
