/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What berthd and its network helper say to each other, each a JSON object in one packet. Every request is answered by
 * one reply, in order. ATTACH carries the network namespace as a file descriptor. */

#include "container-spec.h"
#include "network-spec.h"

#define HELPER_PACKET_MAX (192 * 1024)

typedef enum HelperVerb {
        HELPER_SETUP,    /* make sure that `network` is there */
        HELPER_ATTACH,   /* `endpoint` of `network` */
        HELPER_DETACH,   /* the same, away with it */
        HELPER_RESTORE,  /* `members` belong to `network`, which is set up first */
        HELPER_SWEEP,    /* remove the host interfaces that are not among `members` */
        HELPER_TEARDOWN, /* remove what was set up for `network` */
} HelperVerb;

typedef struct HelperRequest {
        HelperVerb verb;
        NetworkSpec network;
        NetworkEndpoint endpoint;
        char **members; /* names of host interfaces */
        char *ruleset;  /* what firewall_ruleset_make made of all networks */
} HelperRequest;
extern const ObjectType helper_request_type;

typedef struct HelperReply {
        char *kind; /* error_kind_to_string; empty: done */
        char *message;
        bool repaired; /* links were made anew: their members have to be restored */
} HelperReply;
extern const ObjectType helper_reply_type;
