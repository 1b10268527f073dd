/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* berthd's networks: their definitions (networks/<name>.json below the state directory), which address belongs to
 * whom, and the links and rules in the kernel.
 *
 * What is known lives here, in memory, and is answered at once: definitions and addresses. What touches the kernel can
 * wait for the RTNL mutex, which every dying network namespace holds for milliseconds, or for a whole nftables
 * transaction; so it is done in order by one helper process (a fork of berthd, started at first need, which ends with
 * it), and its outcome comes back as a callback from the event loop.
 *
 *   berthd starts        networks_new, networks_adopt for each container that runs, networks_restore
 *   a container starts   networks_reserve: addresses for the launch document, kept until networks_release
 *     CREATED arrives    networks_attach: the veth pair; its callback is one of the conditions for GO
 *   it ends or fails     networks_release: the addresses are free; its namespace takes the veth along
 *
 * There is no lease file: endpoints are part of the ContainerState, and networks_adopt hands them in again. */

#include <systemd/sd-event.h>

#include "container-spec.h"
#include "error.h"
#include "launch-spec.h"
#include "network-spec.h"

#define NETWORK_DEFAULT "default"

typedef struct Networks Networks;

/* The name of the container with this id, for messages; NULL when unknown. */
typedef const char *(*NetworksNameOf)(const char *container_id, void *userdata);

/* Reads the definitions. The default network is made up and stored when there is none: a free IPv4 pool and a random
 * IPv6 /64 (RFC 4193). Nothing is changed in the kernel. Borrows state_fd (the state directory) for its life time.
 * name_of may be NULL. */
int networks_new(sd_event *event, int state_fd, NetworksNameOf name_of, void *userdata, Networks **ret,
                 Error *error);
Networks *networks_free(Networks *networks); /* pending callbacks are dropped; links and rules stay */
DEFINE_CLEANUP(Networks *, networks_free);

/* At start-up, for each container that runs: its endpoints (List of NetworkEndpoint) keep their addresses. A conflict
 * is an error, and the others are adopted all the same. */
int networks_adopt(Networks *networks, const char *container_id, const List *endpoints, Error *error);

/* At start-up, after the last networks_adopt: bridges and rules that running containers need are made whole again,
 * and veths that belong to no adopted container are removed. In the background; failures are logged. */
int networks_restore(Networks *networks, Error *error);

/* Reserves what the specification asks for, under its id, and says what will be: the endpoints for the ContainerState,
 * the interfaces for the LaunchSpec (both are lists that the caller releases with list_done). Both stay empty without
 * a network or with the host's. Bridge and rules are checked in the background from here on.
 * ERROR_NO_SUCH_NETWORK, ERROR_INVALID (an address outside the subnet, malformed), ERROR_IN_USE (address taken: by
 * whom; or no address is left). Nothing is reserved after an error. */
int networks_reserve(Networks *networks, const ContainerSpec *spec, List *ret_endpoints,
                     List *ret_interfaces, Error *error);

/* r: 0, or a negative errno that `error` explains (borrowed). */
typedef void (*NetworksAttached)(int r, const Error *error, void *userdata);

/* Creates the links of the endpoints, with the inner ends in the network namespace of the process `leader`, under the
 * names of the LaunchInterfaces. The inner end is still down and without addresses: that is init's to do. Returns 1
 * when `callback` will be called from the event loop, exactly once unless networks_release comes first; 0 when there is
 * nothing to do. */
int networks_attach(Networks *networks, const char *container_id, const List *endpoints, pid_t leader,
                    NetworksAttached callback, void *userdata, Error *error);

/* The container does not run (any more): frees its addresses and forgets a pending callback. Harmless for one that
 * has nothing. */
void networks_release(Networks *networks, const char *container_id);

/* The definition, or NULL. */
const NetworkSpec *networks_find(Networks *networks, const char *name);
