/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network.h"

#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "fd-util.h"
#include "log.h"
#include "network-internal.h"
#include "string-util.h"
#include "strv.h"
#include "sysctl.h"

Networks *networks_free(Networks *networks) {
        Network *network, *next_network;
        Reservation *reservation, *next_reservation;

        if (!networks)
                return NULL;
        helper_free(networks->helper);
        HASH_ITER(hh, networks->reservations, reservation, next_reservation)
                reservation_free(reservation);
        HASH_ITER(hh, networks->by_name, network, next_network) {
                HASH_DEL(networks->by_name, network);
                network_free(network);
        }
        free(networks->ruleset);
        sd_event_unref(networks->event);
        free(networks);
        return NULL;
}

int networks_new(sd_event *event, int state_fd, NetworksNameOf name_of, void *userdata, Networks **ret,
                 Error *error) {
        _cleanup_(networks_freep) Networks *networks = new0(Networks, 1);

        if (!networks)
                return -ENOMEM;
        networks->event = sd_event_ref(event);
        networks->state_fd = state_fd;
        networks->name_of = name_of;
        networks->name_of_userdata = userdata;
        networks->ipv6 = sysctl_has_ipv6();

        int r = helper_new(event, &networks->helper);
        if (r >= 0)
                r = networks_load(networks, error);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(networks);
        return 0;
}

const NetworkSpec *networks_find(Networks *networks, const char *name) {
        const Network *network = networks_lookup(networks, name);

        return network ? &network->spec : NULL;
}

/* ---- asking the helper ---- */

static void on_prepared(int r, const Error *error, bool repaired, void *userdata) {
        Networks *networks = userdata;

        if (r < 0)
                log_debug("Preparing a network failed: %s", error_text(error));
        if (repaired)
                (void) networks_restore(networks, NULL);
}

void networks_prepare(Networks *networks, Network *network) {
        HelperRequest request = { .verb = HELPER_SETUP,
                                  .network = network->spec,
                                  .ruleset = networks->ruleset };

        int r = helper_call(networks->helper, &request, -EBADF, on_prepared, networks);
        if (r < 0)
                log_debug_errno(r, "Failed to ask for network %s: %m", network->spec.name);
}

static void on_attached(int r, const Error *error, bool repaired, void *userdata) {
        Reservation *reservation = userdata;
        Networks *networks = reservation->networks;

        if (r < 0 && reservation->result == 0) {
                reservation->result = r;
                (void) error_set(&reservation->error, error->kind, "%s", error_text(error));
        }
        if (--reservation->pending == 0) {
                NetworksAttached attached = reservation->attached;
                reservation->attached = NULL;
                /* The callback may release the reservation: nothing of it is touched afterwards. */
                _cleanup_error_ Error moved = reservation->error;
                reservation->error = (Error){};
                attached(reservation->result, &moved, reservation->userdata);
        }
        if (repaired)
                (void) networks_restore(networks, NULL);
}

static int attach_one(Networks *networks, Reservation *reservation, const NetworkEndpoint *endpoint, int ns,
                      Error *error) {
        Network *network = networks_lookup(networks, strempty(endpoint->network));

        if (!network) {
                safe_close(ns);
                return error_set(error, ERROR_NO_SUCH_NETWORK, "there is no network \"%s\"",
                                 strempty(endpoint->network));
        }
        HelperRequest request = { .verb = HELPER_ATTACH,
                                  .network = network->spec,
                                  .endpoint = *endpoint,
                                  .ruleset = networks->ruleset };
        int r = helper_call(networks->helper, &request, ns, on_attached, reservation);
        if (r < 0)
                return error_set_errno(error, r, "cannot ask for an interface in network \"%s\"",
                                       network->spec.name);
        reservation->pending++;
        return 0;
}

int networks_attach(Networks *networks, const char *container_id, const List *endpoints, pid_t leader,
                    NetworksAttached callback, void *userdata, Error *error) {
        Reservation *reservation = networks_reservation(networks, container_id);
        char path[64];

        if (endpoints->n == 0)
                return 0;
        if (!reservation || reservation->pending > 0)
                return error_set(error, ERROR_INVALID, "container %.12s has no addresses to attach",
                                 container_id);

        reservation->attached = callback;
        reservation->userdata = userdata;
        reservation->result = 0;
        snprintf(path, sizeof(path), "/proc/%d/ns/net", (int) leader);
        for (size_t i = 0; i < endpoints->n; i++) {
                int r = 0, ns = open(path, O_RDONLY | O_CLOEXEC);
                if (ns < 0)
                        r = error_set_errno(error, negative_errno(),
                                            "cannot open the network namespace of process %d", (int) leader);
                if (r >= 0)
                        r = attach_one(networks, reservation, LIST_ITEM(endpoints, NetworkEndpoint, i), ns,
                                       error);
                if (r < 0) {
                        helper_forget(networks->helper, reservation);
                        reservation->pending = 0;
                        return r;
                }
        }
        return 1;
}

/* ---- start-up ---- */

static void on_restored(int r, const Error *error, bool repaired, void *userdata) {
        if (r < 0)
                log_warning("Failed to restore a network: %s", error_text(error));
}

/* The host interfaces of one network, or of all when it is NULL. The strings are borrowed. */
static int collect_members(Networks *networks, const Network *network, char ***ret) {
        size_t n = 0, room = 1;

        for (Reservation *r = networks->reservations; r; r = r->hh.next)
                room += r->endpoints.n;
        char **members = new0(char *, room);
        if (!members)
                return -ENOMEM;
        for (Reservation *r = networks->reservations; r; r = r->hh.next)
                for (size_t i = 0; i < r->endpoints.n; i++) {
                        const NetworkEndpoint *endpoint = LIST_ITEM(&r->endpoints, NetworkEndpoint, i);
                        if (endpoint->host_interface &&
                            (!network || streq_ptr(endpoint->network, network->spec.name)))
                                members[n++] = endpoint->host_interface;
                }
        *ret = members;
        return 0;
}

static int ask_to_restore(Networks *networks, const Network *network, HelperVerb verb) {
        _cleanup_free_ char **members = NULL;

        int r = collect_members(networks, network, &members);
        if (r < 0)
                return r;
        HelperRequest request = { .verb = verb, .members = members, .ruleset = networks->ruleset };
        if (network)
                request.network = network->spec;
        if (network && strv_isempty(members))
                return 0;
        return helper_call(networks->helper, &request, -EBADF, on_restored, networks);
}

static bool host_has_our_interfaces(void) {
        struct if_nameindex *all = if_nameindex();
        bool found = false;

        for (struct if_nameindex *one = all; one && one->if_name && !found; one++)
                found = host_interface_is_ours(one->if_name);
        if_freenameindex(all);
        return found;
}

int networks_restore(Networks *networks, Error *error) {
        int r = 0;

        for (Network *network = networks->by_name; network && r >= 0; network = network->hh.next)
                r = ask_to_restore(networks, network, HELPER_RESTORE);
        if (r >= 0 && host_has_our_interfaces())
                r = ask_to_restore(networks, NULL, HELPER_SWEEP);
        return r < 0 ? error_set_errno(error, r, "cannot restore the networks") : 0;
}
