/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fd-util.h"
#include "interface.h"
#include "parse-util.h"
#include "string-util.h"

/* A batch of requests. Each has a sequence number, which is the index of what is said when it fails. */
typedef struct Batch {
        StringBuffer data;
        char *what[256];
        size_t n;
} Batch;

static void batch_done(Batch *batch) {
        string_buffer_done(&batch->data);
        for (size_t i = 0; i < batch->n; i++)
                free(batch->what[i]);
}

typedef struct Address {
        int family;
        unsigned char bytes[16];
        unsigned length; /* of bytes */
        unsigned prefix;
} Address;

static int parse_address(const char *s, bool with_prefix, Address *ret) {
        _cleanup_free_ char *copy = strdup(s);
        unsigned prefix = 0;

        if (!copy)
                return -ENOMEM;
        char *slash = strchr(copy, '/');
        if ((slash != NULL) != with_prefix)
                return -EINVAL;
        if (slash) {
                *slash = 0;
                int r = parse_unsigned(slash + 1, &prefix);
                if (r < 0)
                        return r;
        }
        *ret = (Address){ .family = strchr(copy, ':') ? AF_INET6 : AF_INET, .prefix = prefix };
        ret->length = ret->family == AF_INET6 ? 16 : 4;
        if (inet_pton(ret->family, copy, ret->bytes) != 1 || prefix > ret->length * 8)
                return -EINVAL;
        return 0;
}

/* Begins a request; *ret_start is its offset, for request_end(). what: taken over, for the message. */
static int request_begin(Batch *batch, uint16_t type, uint16_t flags, const void *header, size_t size,
                         char *what, size_t *ret_start) {
        struct nlmsghdr h = {
                .nlmsg_type = type,
                .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags,
                .nlmsg_seq = batch->n,
        };

        if (!what || batch->n >= ELEMENTSOF(batch->what)) {
                free(what);
                return what ? -E2BIG : -ENOMEM;
        }
        batch->what[batch->n++] = what;
        *ret_start = batch->data.size;
        int r = string_buffer_append(&batch->data, &h, sizeof(h));
        return r < 0 ? r : string_buffer_append(&batch->data, header, size);
}

static int request_attribute(Batch *batch, uint16_t type, const void *data, size_t size) {
        static const char zeros[NLMSG_ALIGNTO];
        struct rtattr a = { .rta_len = RTA_LENGTH(size), .rta_type = type };

        int r = string_buffer_append(&batch->data, &a, sizeof(a));
        if (r >= 0)
                r = string_buffer_append(&batch->data, data, size);
        return r < 0 ? r : string_buffer_append(&batch->data, zeros, RTA_ALIGN(size) - size);
}

static void request_end(Batch *batch, size_t start) {
        uint32_t length = batch->data.size - start;

        memcpy(batch->data.data + start + offsetof(struct nlmsghdr, nlmsg_len), &length, sizeof(length));
}

static int add_up(Batch *batch, unsigned index, const char *name) {
        struct ifinfomsg header = { .ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
        size_t start;

        int r = request_begin(batch, RTM_NEWLINK, 0, &header, sizeof(header),
                              format_string("cannot set the interface %s up", name), &start);
        if (r >= 0)
                request_end(batch, start);
        return r;
}

static int add_address(Batch *batch, unsigned index, const char *name, const char *text) {
        Address a;
        size_t start;

        int r = parse_address(text, true, &a);
        if (r < 0)
                return r;
        /* The address is berthd's choice and unique on its bridge: waiting for duplicates would delay the first packets. */
        uint32_t flags = IFA_F_PERMANENT | (a.family == AF_INET6 ? IFA_F_NODAD : 0);
        struct ifaddrmsg header = { .ifa_family = a.family, .ifa_prefixlen = a.prefix, .ifa_index = index };
        r = request_begin(batch, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, &header, sizeof(header),
                          format_string("cannot give the address %s to the interface %s", text, name),
                          &start);
        if (r >= 0)
                r = request_attribute(batch, IFA_LOCAL, a.bytes, a.length);
        if (r >= 0)
                r = request_attribute(batch, IFA_ADDRESS, a.bytes, a.length);
        if (r >= 0)
                r = request_attribute(batch, IFA_FLAGS, &flags, sizeof(flags));
        if (r >= 0 && a.family == AF_INET && a.prefix < 31) {
                uint32_t broadcast;
                memcpy(&broadcast, a.bytes, 4);
                broadcast |= htonl(a.prefix == 0 ? UINT32_MAX : (UINT32_C(1) << (32 - a.prefix)) - 1);
                r = request_attribute(batch, IFA_BROADCAST, &broadcast, sizeof(broadcast));
        }
        if (r >= 0)
                request_end(batch, start);
        return r;
}

static int add_default_route(Batch *batch, unsigned index, const char *name, const char *gateway) {
        Address a;
        size_t start;

        int r = parse_address(gateway, false, &a);
        if (r < 0)
                return r;
        struct rtmsg header = {
                .rtm_family = a.family,
                .rtm_table = RT_TABLE_MAIN,
                .rtm_protocol = RTPROT_STATIC,
                .rtm_scope = RT_SCOPE_UNIVERSE,
                .rtm_type = RTN_UNICAST,
        };
        uint32_t oif = index;
        r = request_begin(
                batch, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &header, sizeof(header),
                format_string("cannot set the default route over %s on the interface %s", gateway, name),
                &start);
        if (r >= 0)
                r = request_attribute(batch, RTA_GATEWAY, a.bytes, a.length);
        if (r >= 0)
                r = request_attribute(batch, RTA_OIF, &oif, sizeof(oif));
        if (r >= 0)
                request_end(batch, start);
        return r;
}

/* Addresses and routes come from berthd alone. */
int interfaces_ignore_routers(int conf_fd, const LaunchInterface *interfaces, size_t n, Error *error) {
        static const char *const switches[] = { "accept_ra", "autoconf" };

        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < ELEMENTSOF(switches); k++) {
                        _cleanup_free_ char *path = string_join(interfaces[i].name, "/", switches[k]);
                        if (!path)
                                return -ENOMEM;
                        _cleanup_close_ int fd = openat(conf_fd, path, O_WRONLY | O_CLOEXEC);
                        int r = fd < 0 ? negative_errno() : write_full(fd, "0", 1);
                        if (r < 0)
                                return error_set_errno(error, r, "cannot switch off %s of the interface %s",
                                                       switches[k], interfaces[i].name);
                }
        return 0;
}

/* Several interfaces may have a gateway: the first one of each family becomes the default route. */
static int add_interface(Batch *batch, const LaunchInterface *interface, bool *has_ipv4, bool *has_ipv6) {
        unsigned index = if_nametoindex(interface->name);
        int r;

        if (index == 0)
                return -ENODEV;
        r = add_up(batch, index, interface->name);
        for (size_t i = 0; r >= 0 && interface->addresses && interface->addresses[i]; i++)
                r = add_address(batch, index, interface->name, interface->addresses[i]);
        if (r >= 0 && !isempty(interface->ipv4_gateway) && !*has_ipv4) {
                r = add_default_route(batch, index, interface->name, interface->ipv4_gateway);
                *has_ipv4 = true;
        }
        if (r >= 0 && !isempty(interface->ipv6_gateway) && !*has_ipv6) {
                r = add_default_route(batch, index, interface->name, interface->ipv6_gateway);
                *has_ipv6 = true;
        }
        return r;
}

/* Reads an acknowledgement for each request. */
static int receive_answers(int fd, const Batch *batch, Error *error) {
        char buffer[16 * 1024] __attribute__((aligned(NLMSG_ALIGNTO)));

        for (size_t answered = 0; answered < batch->n;) {
                ssize_t n = recv(fd, buffer, sizeof(buffer), 0);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return error_set_errno(error, negative_errno(), "cannot read rtnetlink's answer");
                size_t left = n;
                for (struct nlmsghdr *h = (void *) buffer; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
                        struct nlmsgerr e;
                        if (h->nlmsg_type != NLMSG_ERROR || h->nlmsg_len < NLMSG_LENGTH(sizeof(e)))
                                continue;
                        memcpy(&e, NLMSG_DATA(h), sizeof(e));
                        answered++;
                        if (e.error < 0 && h->nlmsg_seq < batch->n)
                                return error_set(error, ERROR_START_FAILED, "%s: %s",
                                                 batch->what[h->nlmsg_seq], strerror(-e.error));
                }
        }
        return 0;
}

int interfaces_configure(const LaunchInterface *interfaces, size_t n, Error *error) {
        _cleanup_(batch_done) Batch batch = {};
        bool has_ipv4 = false, has_ipv6 = false;

        int r = add_up(&batch, 1, "lo");
        for (size_t i = 0; i < n && r >= 0; i++) {
                r = add_interface(&batch, &interfaces[i], &has_ipv4, &has_ipv6);
                if (r < 0)
                        return error_set_errno(error, r, "cannot configure the interface %s",
                                               interfaces[i].name);
        }
        if (r < 0)
                return error_set_errno(error, r, "cannot configure the interface lo");

        _cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
        if (fd < 0 || send(fd, batch.data.data, batch.data.size, 0) < 0)
                return error_set_errno(error, negative_errno(), "cannot talk to rtnetlink");
        return receive_answers(fd, &batch, error);
}
