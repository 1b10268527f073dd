/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <linux/if_addr.h>
#include <string.h>

#include "link.h"

static NetlinkMessage *address_message(int type, int flags, int index, const Subnet *address) {
        struct ifaddrmsg header = {
                .ifa_family = (uint8_t) address->address.family,
                .ifa_prefixlen = (uint8_t) address->prefix,
                .ifa_index = (unsigned) index,
                .ifa_flags = address->address.family == AF_INET6 ? IFA_F_NODAD : 0,
        };
        _cleanup_message_ NetlinkMessage *m = netlink_message_new(type, flags, &header, sizeof(header));

        if (!m || nla_put(m, IFA_LOCAL, (int) address_size(&address->address), address->address.bytes) < 0 ||
            nla_put(m, IFA_ADDRESS, (int) address_size(&address->address), address->address.bytes) < 0)
                return NULL;
        return TAKE_PTR(m);
}

int link_add_address(Netlink *netlink, int index, const Subnet *address) {
        _cleanup_message_ NetlinkMessage *m =
                address_message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, index, address);

        return m ? netlink_call(netlink, m, NULL, NULL) : -ENOMEM;
}

int link_remove_address(Netlink *netlink, int index, const Subnet *address) {
        _cleanup_message_ NetlinkMessage *m = address_message(RTM_DELADDR, 0, index, address);

        return m ? netlink_call(netlink, m, NULL, NULL) : -ENOMEM;
}

typedef struct Each {
        int index;
        AddressEach each;
        void *userdata;
} Each;

static bool take_address(const struct nlattr *attribute, unsigned family, Address *ret) {
        Address address = { .family = family };

        if (!attribute || nla_len(attribute) != (int) address_size(&address))
                return false;
        memcpy(address.bytes, nla_data(attribute), address_size(&address));
        *ret = address;
        return true;
}

static int take_interface_address(const struct nlmsghdr *h, void *userdata) {
        const struct ifaddrmsg *header = nlmsg_data(h);
        struct nlattr *a[IFA_MAX + 1];
        const Each *context = userdata;

        if (nlmsg_parse((struct nlmsghdr *) h, sizeof(*header), a, IFA_MAX, NULL) < 0)
                return -EBADMSG;

        Subnet address = { .prefix = header->ifa_prefixlen };
        if (context->index > 0 && (int) header->ifa_index != context->index)
                return 0; /* a kernel that does not filter */
        if (!take_address(a[IFA_LOCAL] ?: a[IFA_ADDRESS], header->ifa_family, &address.address))
                return 0;
        return context->each((int) header->ifa_index, &address, context->userdata);
}

int link_each_address(Netlink *netlink, int index, AddressEach each, void *userdata) {
        struct ifaddrmsg header = { .ifa_family = AF_UNSPEC, .ifa_index = (unsigned) index };
        _cleanup_message_ NetlinkMessage *m =
                netlink_message_new(RTM_GETADDR, NLM_F_DUMP, &header, sizeof(header));

        return m ? netlink_call(netlink, m, take_interface_address, &(Each){ index, each, userdata })
                 : -ENOMEM;
}

static int take_route(const struct nlmsghdr *h, void *userdata) {
        const struct rtmsg *header = nlmsg_data(h);
        struct nlattr *a[RTA_MAX + 1];
        const Each *context = userdata;

        if (nlmsg_parse((struct nlmsghdr *) h, sizeof(*header), a, RTA_MAX, NULL) < 0)
                return -EBADMSG;

        Subnet destination = { .prefix = header->rtm_dst_len };
        if (header->rtm_table != RT_TABLE_MAIN || header->rtm_dst_len == 0 ||
            !take_address(a[RTA_DST], header->rtm_family, &destination.address))
                return 0;
        return context->each(a[RTA_OIF] ? (int) nla_get_u32(a[RTA_OIF]) : 0, &destination,
                             context->userdata);
}

int link_each_route(Netlink *netlink, AddressEach each, void *userdata) {
        static const uint8_t families[] = { AF_INET, AF_INET6 };

        for (size_t i = 0; i < ELEMENTSOF(families); i++) {
                struct rtmsg header = { .rtm_family = families[i] };
                _cleanup_message_ NetlinkMessage *m =
                        netlink_message_new(RTM_GETROUTE, NLM_F_DUMP, &header, sizeof(header));
                if (!m)
                        return -ENOMEM;
                int r = netlink_call(netlink, m, take_route, &(Each){ 0, each, userdata });
                if (r < 0)
                        return r;
        }
        return 0;
}
