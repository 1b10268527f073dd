/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Requests to the kernel over netlink, several at once where they belong together. Messages are built with libnl;
 * sending and receiving is done here, since libnl folds the kernel's error numbers into fewer of its own. */

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#include "macro.h"

typedef struct nl_msg NetlinkMessage;

static inline void netlink_messagep(NetlinkMessage **m) {
        if (*m)
                nlmsg_free(*m);
}
#define _cleanup_message_ _cleanup_(netlink_messagep)

/* A request of the type with its fixed header (struct ifinfomsg, …). NULL when out of memory. */
NetlinkMessage *netlink_message_new(int type, int flags, const void *header, size_t size);

typedef struct Netlink Netlink;

int netlink_open(int protocol, Netlink **ret);
Netlink *netlink_close(Netlink *netlink); /* returns NULL */
DEFINE_CLEANUP(Netlink *, netlink_close);

/* Gets each message of an answer. A negative return ends the call with it, after the rest has been read. */
typedef int (*NetlinkAnswer)(const struct nlmsghdr *message, void *userdata);

/* Sends one request (or dump) and reads its whole answer. `answer` may be NULL. Returns 0 or the kernel's negative
 * errno. A dump that was disturbed by a change is -EINTR. */
int netlink_call(Netlink *netlink, NetlinkMessage *m, NetlinkAnswer answer, void *userdata);
/* Sends the requests in one go; the kernel does them in order, each one whatever became of those before. ret_results[i]
 * is 0 or a negative errno. Returns the first of these that is an error, or 0. */
int netlink_call_many(Netlink *netlink, NetlinkMessage **messages, size_t n, int *ret_results);

/* What the kernel said about the last failed call, or "". */
const char *netlink_explanation(const Netlink *netlink) _pure_;
