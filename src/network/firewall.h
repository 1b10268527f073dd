/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Packet filter and address translation: one nftables table, "inet berth", which is all that berth ever touches.
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
 * The whole table is made of the definitions and replaced in one transaction; nothing in it is edited. */

#include "error.h"
#include "netlink.h"
#include "network-spec.h"

#define FIREWALL_TABLE "berth"

/* The text that makes the table for these networks. Pure. */
int firewall_ruleset_make(const NetworkSpec *const *specs, size_t n, char **ret);

/* What was done last, to see cheaply whether it still holds. Initialise with {}. */
typedef struct Firewall {
        Netlink *netlink;
        char *applied;       /* the text, or NULL */
        uint32_t generation; /* the kernel's, at which `applied` was last seen to hold */
        size_t n_rules;      /* in our table after applying */
} Firewall;
void firewall_done(Firewall *firewall);

/* Makes the kernel have this ruleset. Takes microseconds when nothing in any table has changed since the last time,
 * tens of milliseconds when the table has to be made. */
int firewall_ensure(Firewall *firewall, const char *ruleset, Error *error);
