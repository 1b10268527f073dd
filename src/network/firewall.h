/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Packet filter and address translation: one nftables table, "inet berth".
 *
 *   forward      hook forward, priority filter (0)        decides only about packets from or to our bridges: out is
 *                                                         allowed; in only what answers or was published (dnat);
 *                                                         between two of our networks nothing
 *   postrouting  hook postrouting, priority srcnat (100)  masquerades what leaves a network by another interface
 *
 * As always with netfilter, what these chains accept another table can still drop, and the other way round; tables do
 * not see each other. Published ports will get chains at prerouting and output, priority dstnat (-100), each with one
 * rule that looks up a map: one element per port, and the only part that changes while containers come and go.
 *
 * The whole table is made of the definitions and replaced in one transaction; nothing in it is edited. The one thing
 * outside of it: Docker drops whatever is forwarded on a host where it found forwarding disabled. Where its chain for
 * the rules of others (DOCKER-USER) exists, our bridges are accepted there. */

#include "error.h"
#include "netlink.h"
#include "network-spec.h"

#define FIREWALL_TABLE "berth"

/* The text that makes the table for these networks. Pure. */
int firewall_ruleset_make(const NetworkSpec *const *specs, size_t n, char **ret);
/* How many rules there will be. */
size_t firewall_ruleset_count(const char *ruleset) _pure_;

/* What is known to hold. Initialise with {}. */
typedef struct Firewall {
        Netlink *netlink;
        char *applied;       /* the text that was applied last, or NULL */
        uint32_t generation; /* the kernel's, at which all was looked at and found right … */
        char **bridges;      /* … for these bridges */
} Firewall;
void firewall_done(Firewall *firewall);

/* Makes the kernel have this ruleset, and Docker's accept the bridge. Takes microseconds when nothing in any table has
 * changed since the last time, tens of milliseconds when the table has to be made. */
int firewall_ensure(Firewall *firewall, const char *ruleset, const char *bridge, Error *error);

/* nftables-process.c: libnftables in a process of its own, since it keeps two megabytes and is rarely needed. */
int nftables_run(const char *commands, Error *error);
/* Puts rules for the bridge into the chain unless it is mentioned there. Returns 1 when it was not. */
int nftables_accept_bridge(const char *family, const char *table, const char *chain, const char *bridge,
                           Error *error);
