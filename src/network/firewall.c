/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "firewall.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "log.h"
#include "string-util.h"
#include "strv.h"

#define DOCKER_TABLE "filter"
#define DOCKER_CHAIN "DOCKER-USER"

void firewall_done(Firewall *firewall) {
        netlink_close(firewall->netlink);
        free(firewall->applied);
        strv_free(firewall->bridges);
        *firewall = (Firewall){};
}

static NetlinkMessage *nftables_message(int command, int flags, int family) {
        struct nfgenmsg header = { .nfgen_family = (uint8_t) family, .version = NFNETLINK_V0 };

        return netlink_message_new(NFNL_SUBSYS_NFTABLES << 8 | command, flags, &header, sizeof(header));
}

/* Every change of any table counts it up. */
static int take_generation(const struct nlmsghdr *h, void *userdata) {
        struct nlattr *a[NFTA_GEN_MAX + 1];

        if (nlmsg_parse((struct nlmsghdr *) h, sizeof(struct nfgenmsg), a, NFTA_GEN_MAX, NULL) < 0 ||
            !a[NFTA_GEN_ID])
                return -EBADMSG;
        *(uint32_t *) userdata = ntohl(nla_get_u32(a[NFTA_GEN_ID]));
        return 0;
}

static int read_generation(Firewall *firewall, uint32_t *ret) {
        _cleanup_message_ NetlinkMessage *m = nftables_message(NFT_MSG_GETGEN, 0, AF_UNSPEC);

        return m ? netlink_call(firewall->netlink, m, take_generation, ret) : -ENOMEM;
}

static int count_rule(const struct nlmsghdr *h, void *userdata) {
        struct nlattr *a[NFTA_RULE_MAX + 1];

        if (h->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE))
                return 0;
        if (nlmsg_parse((struct nlmsghdr *) h, sizeof(struct nfgenmsg), a, NFTA_RULE_MAX, NULL) < 0)
                return -EBADMSG;
        if (a[NFTA_RULE_TABLE] && streq(nla_get_string(a[NFTA_RULE_TABLE]), FIREWALL_TABLE))
                ++*(size_t *) userdata;
        return 0;
}

/* Someone may have flushed or deleted the table: then rules are missing. */
static bool is_complete(Firewall *firewall, const char *ruleset) {
        _cleanup_message_ NetlinkMessage *m = nftables_message(NFT_MSG_GETRULE, NLM_F_DUMP, NFPROTO_INET);
        size_t n = 0;

        if (!m || nla_put_string(m, NFTA_RULE_TABLE, FIREWALL_TABLE) < 0)
                return false;
        return netlink_call(firewall->netlink, m, count_rule, &n) >= 0 &&
               n == firewall_ruleset_count(ruleset);
}

static bool docker_has_chain(Firewall *firewall, int family) {
        _cleanup_message_ NetlinkMessage *m = nftables_message(NFT_MSG_GETCHAIN, 0, family);

        return m && nla_put_string(m, NFTA_CHAIN_TABLE, DOCKER_TABLE) >= 0 &&
               nla_put_string(m, NFTA_CHAIN_NAME, DOCKER_CHAIN) >= 0 &&
               netlink_call(firewall->netlink, m, NULL, NULL) >= 0;
}

/* A failure only matters where Docker drops, and is no reason not to start: it is told. */
static bool accept_beside_docker(Firewall *firewall, const char *bridge) {
        static const struct {
                int number;
                const char *name;
        } families[] = { { NFPROTO_IPV4, "ip" }, { NFPROTO_IPV6, "ip6" } };
        bool changed = false;

        for (size_t i = 0; i < ELEMENTSOF(families); i++) {
                _cleanup_error_ Error error = {};

                if (!docker_has_chain(firewall, families[i].number))
                        continue;
                int r = nftables_accept_bridge(families[i].name, DOCKER_TABLE, DOCKER_CHAIN, bridge, &error);
                if (r < 0)
                        log_warning("Docker's packet filter may keep %s from forwarding: %s", bridge,
                                    error_text(&error));
                changed |= r > 0;
        }
        return changed;
}

static int note_bridge(Firewall *firewall, uint32_t generation, const char *bridge) {
        if (generation != firewall->generation) {
                strv_free(firewall->bridges);
                firewall->bridges = NULL;
        }
        firewall->generation = generation;
        return strv_contains(firewall->bridges, bridge) ? 0 : strv_extend(&firewall->bridges, bridge);
}

static int look_and_repair(Firewall *firewall, const char *ruleset, const char *bridge, Error *error) {
        bool as_wanted = streq_ptr(firewall->applied, ruleset);
        uint32_t generation;

        int r = read_generation(firewall, &generation);
        if (r < 0)
                return error_set_errno(error, r, "cannot read the packet filter (nftables)");
        if (as_wanted && generation == firewall->generation && strv_contains(firewall->bridges, bridge))
                return 0;

        bool changed = false;
        if (!as_wanted || !is_complete(firewall, ruleset)) {
                r = nftables_run(ruleset, error);
                if (r >= 0)
                        r = free_and_strdup(&firewall->applied, ruleset);
                if (r < 0)
                        return r;
                changed = true;
        }
        changed |= accept_beside_docker(firewall, bridge);
        return changed ? 1 : note_bridge(firewall, generation, bridge);
}

int firewall_ensure(Firewall *firewall, const char *ruleset, const char *bridge, Error *error) {
        if (!firewall->netlink) {
                int r = netlink_open(NETLINK_NETFILTER, &firewall->netlink);
                if (r < 0)
                        return error_set_errno(error, r, "cannot talk to the packet filter (nftables)");
        }
        /* What was changed is looked at once more, so that what is noted has been seen. Where others change tables all the
         * time the next call looks again. */
        for (unsigned i = 0; i < 2; i++) {
                int r = look_and_repair(firewall, ruleset, bridge, error);
                if (r <= 0)
                        return r;
        }
        return 0;
}
