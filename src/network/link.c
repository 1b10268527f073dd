/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "link.h"

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/veth.h>
#include <stdio.h>
#include <string.h>

#include "string-util.h"

static int parse_link(const struct nlmsghdr *h, Link *ret) {
        struct nlattr *a[IFLA_MAX + 1], *info[IFLA_INFO_MAX + 1];
        const struct ifinfomsg *header = nlmsg_data(h);
        Link link = {};

        if (h->nlmsg_type != RTM_NEWLINK ||
            nlmsg_parse((struct nlmsghdr *) h, sizeof(*header), a, IFLA_MAX, NULL) < 0)
                return -EBADMSG;
        link.index = header->ifi_index;
        link.flags = header->ifi_flags;
        if (a[IFLA_MASTER])
                link.master = (int) nla_get_u32(a[IFLA_MASTER]);
        if (a[IFLA_IFNAME])
                snprintf(link.name, sizeof(link.name), "%s", nla_get_string(a[IFLA_IFNAME]));
        if (a[IFLA_LINKINFO] && nla_parse_nested(info, IFLA_INFO_MAX, a[IFLA_LINKINFO], NULL) >= 0 &&
            info[IFLA_INFO_KIND])
                snprintf(link.kind, sizeof(link.kind), "%s", nla_get_string(info[IFLA_INFO_KIND]));
        *ret = link;
        return 0;
}

static int take_link(const struct nlmsghdr *h, void *userdata) {
        return parse_link(h, userdata);
}

/* Statistics are most of an answer, and nobody wants them. */
#define SKIP_STATISTICS (1 << 3) /* RTEXT_FILTER_SKIP_STATS */

static NetlinkMessage *link_message(int type, int flags, int index, unsigned set_flags) {
        struct ifinfomsg header = {
                .ifi_family = AF_UNSPEC, .ifi_index = index, .ifi_flags = set_flags, .ifi_change = set_flags
        };

        return netlink_message_new(type, flags, &header, sizeof(header));
}

int link_find(Netlink *netlink, const char *name, Link *ret) {
        _cleanup_message_ NetlinkMessage *m = link_message(RTM_GETLINK, 0, 0, 0);
        Link link = {};

        if (!m || nla_put_string(m, IFLA_IFNAME, name) < 0 ||
            nla_put_u32(m, IFLA_EXT_MASK, SKIP_STATISTICS) < 0)
                return -ENOMEM;
        int r = netlink_call(netlink, m, take_link, &link);
        if (r < 0)
                return r;
        if (link.index == 0)
                return -ENODEV;
        *ret = link;
        return 0;
}

typedef struct EachLink {
        const char *kind;
        LinkEach each;
        void *userdata;
} EachLink;

static int take_each_link(const struct nlmsghdr *h, void *userdata) {
        EachLink *context = userdata;
        Link link;

        int r = parse_link(h, &link);
        if (r < 0 || !streq(link.kind, context->kind))
                return r;
        return context->each(&link, context->userdata);
}

int link_each(Netlink *netlink, const char *kind, LinkEach each, void *userdata) {
        _cleanup_message_ NetlinkMessage *m = link_message(RTM_GETLINK, NLM_F_DUMP, 0, 0);

        if (!m || nla_put_u32(m, IFLA_EXT_MASK, SKIP_STATISTICS) < 0)
                return -ENOMEM;
        return netlink_call(netlink, m, take_each_link, &(EachLink){ kind, each, userdata });
}

int link_add_bridge(Netlink *netlink, const char *name, const uint8_t mac[static 6], uint32_t mtu) {
        _cleanup_message_ NetlinkMessage *m =
                link_message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, IFF_UP);
        struct nlattr *info;
        int r = 0;

        if (!m)
                return -ENOMEM;
        r |= nla_put_string(m, IFLA_IFNAME, name);
        r |= nla_put(m, IFLA_ADDRESS, 6, mac);
        if (mtu > 0)
                r |= nla_put_u32(m, IFLA_MTU, mtu);
        info = nla_nest_start(m, IFLA_LINKINFO);
        if (r < 0 || !info || nla_put_string(m, IFLA_INFO_KIND, "bridge") < 0)
                return -ENOMEM;
        nla_nest_end(m, info);
        return netlink_call(netlink, m, NULL, NULL);
}

static int put_peer(NetlinkMessage *m, const VethPair *pair) {
        struct ifinfomsg header = { .ifi_family = AF_UNSPEC };
        struct nlattr *peer = nla_nest_start(m, VETH_INFO_PEER);
        int r = 0;

        if (!peer)
                return -ENOMEM;
        r |= nlmsg_append(m, &header, sizeof(header), NLMSG_ALIGNTO);
        r |= nla_put_string(m, IFLA_IFNAME, pair->peer_name);
        r |= nla_put_u32(m, IFLA_NET_NS_FD, (uint32_t) pair->peer_namespace);
        r |= nla_put(m, IFLA_ADDRESS, 6, pair->peer_mac);
        if (pair->mtu > 0)
                r |= nla_put_u32(m, IFLA_MTU, pair->mtu);
        nla_nest_end(m, peer);
        return r < 0 ? -ENOMEM : 0;
}

static NetlinkMessage *veth_message(const VethPair *pair) {
        _cleanup_message_ NetlinkMessage *m =
                link_message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, IFF_UP);
        struct nlattr *info, *data;
        int r = 0;

        if (!m)
                return NULL;
        r |= nla_put_string(m, IFLA_IFNAME, pair->name);
        r |= nla_put(m, IFLA_ADDRESS, 6, pair->mac);
        r |= nla_put_u32(m, IFLA_MASTER, (uint32_t) pair->master);
        if (pair->mtu > 0)
                r |= nla_put_u32(m, IFLA_MTU, pair->mtu);
        info = nla_nest_start(m, IFLA_LINKINFO);
        if (r < 0 || !info || nla_put_string(m, IFLA_INFO_KIND, "veth") < 0)
                return NULL;
        data = nla_nest_start(m, IFLA_INFO_DATA);
        if (!data || put_peer(m, pair) < 0)
                return NULL;
        nla_nest_end(m, data);
        nla_nest_end(m, info);
        return TAKE_PTR(m);
}

/* Names the interface instead of its index, which is not known before the first answer. */
static NetlinkMessage *no_link_local_message(const char *name) {
        _cleanup_message_ NetlinkMessage *m = link_message(RTM_SETLINK, 0, 0, 0);
        struct nlattr *families, *six;

        if (!m || nla_put_string(m, IFLA_IFNAME, name) < 0)
                return NULL;
        families = nla_nest_start(m, IFLA_AF_SPEC);
        six = families ? nla_nest_start(m, AF_INET6) : NULL;
        if (!six || nla_put_u8(m, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE) < 0)
                return NULL;
        nla_nest_end(m, six);
        nla_nest_end(m, families);
        return TAKE_PTR(m);
}

int link_add_veth(Netlink *netlink, const VethPair *pair) {
        _cleanup_message_ NetlinkMessage *create = veth_message(pair),
                                         *plain = no_link_local_message(pair->name);
        int results[2];

        if (!create || !plain)
                return -ENOMEM;
        /* It is up at once, but a link-local address would come only with the carrier, that is when the peer is up too. */
        int r = netlink_call_many(netlink, (NetlinkMessage *[]){ create, plain }, 2, results);
        /* A kernel without IPv6 knows nothing of its link-local addresses either. */
        return r < 0 && results[0] == 0 ? 0 : r;
}

int link_set_up(Netlink *netlink, int index) {
        _cleanup_message_ NetlinkMessage *m = link_message(RTM_SETLINK, 0, index, IFF_UP);

        return m ? netlink_call(netlink, m, NULL, NULL) : -ENOMEM;
}

int link_set_master(Netlink *netlink, int index, int master) {
        _cleanup_message_ NetlinkMessage *m = link_message(RTM_SETLINK, 0, index, IFF_UP);

        if (!m || nla_put_u32(m, IFLA_MASTER, (uint32_t) master) < 0)
                return -ENOMEM;
        return netlink_call(netlink, m, NULL, NULL);
}

int link_remove(Netlink *netlink, int index) {
        _cleanup_message_ NetlinkMessage *m = link_message(RTM_DELLINK, 0, index, 0);

        return m ? netlink_call(netlink, m, NULL, NULL) : -ENOMEM;
}
