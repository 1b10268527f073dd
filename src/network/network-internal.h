/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The parts of Networks, shared by the files network*.c only. */

#include "driver.h"
#include "helper.h"
#include "ipam.h"
#include "network.h"

#define HASH_NONFATAL_OOM 1
#include "hash.h"

typedef enum PoolFamily { POOL_IPV4, POOL_IPV6, _POOL_MAX } PoolFamily;

typedef struct Network {
        NetworkSpec spec;
        const NetworkDriver *driver;
        AddressPool *pools[_POOL_MAX]; /* NULL: no such range */
        UT_hash_handle hh;             /* by spec.name */
} Network;

/* What one container has. */
typedef struct Reservation {
        Networks *networks;
        char *container_id;
        List endpoints; /* NetworkEndpoint */

        /* While networks_attach is under way */
        unsigned pending; /* helper calls not yet answered */
        NetworksAttached attached;
        void *userdata;
        int result; /* of the first that failed */
        Error error;
        UT_hash_handle hh; /* by container_id */
} Reservation;

struct Networks {
        sd_event *event;
        int state_fd; /* borrowed */
        NetworksNameOf name_of;
        void *name_of_userdata;
        bool ipv6;
        Network *by_name;
        Reservation *reservations;
        Helper *helper;
        char *ruleset; /* of all definitions */
};

/* network-store.c: reads all definitions, and makes the default one when it is missing. */
int networks_load(Networks *networks, Error *error);
Network *network_free(Network *network); /* not yet or no longer in the table */
Network *networks_lookup(Networks *networks, const char *name);

/* network.c: asks for what the network needs on the host, in the background. */
void networks_prepare(Networks *networks, Network *network);

/* network-reserve.c */
Reservation *reservation_free(Reservation *reservation); /* gives its addresses back */
Reservation *networks_reservation(Networks *networks, const char *container_id);
