/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "netlink.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fd-util.h"

#define CALL_MANY_MAX 16
#define RECEIVE_SIZE (32 * 1024) /* the kernel makes no larger packets of a dump */
#define SOL_NETLINK_LEVEL 270    /* SOL_NETLINK, which libc's headers lack */

struct Netlink {
        int fd;
        uint32_t sequence;
        char explanation[160];
        char buffer[RECEIVE_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
};

NetlinkMessage *netlink_message_new(int type, int flags, const void *header, size_t size) {
        _cleanup_message_ NetlinkMessage *m = nlmsg_alloc_simple(type, NLM_F_REQUEST | flags);

        if (!m || nlmsg_append(m, (void *) header, size, NLMSG_ALIGNTO) < 0)
                return NULL;
        return TAKE_PTR(m);
}

int netlink_open(int protocol, Netlink **ret) {
        _cleanup_(netlink_closep) Netlink *netlink = new0(Netlink, 1);
        const int on = 1;

        if (!netlink)
                return -ENOMEM;
        netlink->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
        if (netlink->fd < 0)
                return negative_errno();

        /* All optional: the reason in words, short errors, and filters in dumps. */
        (void) setsockopt(netlink->fd, SOL_NETLINK_LEVEL, NETLINK_EXT_ACK, &on, sizeof(on));
        (void) setsockopt(netlink->fd, SOL_NETLINK_LEVEL, NETLINK_CAP_ACK, &on, sizeof(on));
        (void) setsockopt(netlink->fd, SOL_NETLINK_LEVEL, NETLINK_GET_STRICT_CHK, &on, sizeof(on));

        const struct sockaddr_nl address = { .nl_family = AF_NETLINK };
        if (bind(netlink->fd, (const struct sockaddr *) &address, sizeof(address)) < 0)
                return negative_errno();
        *ret = TAKE_PTR(netlink);
        return 0;
}

Netlink *netlink_close(Netlink *netlink) {
        if (!netlink)
                return NULL;
        safe_close(netlink->fd);
        free(netlink);
        return NULL;
}

const char *netlink_explanation(const Netlink *netlink) {
        return netlink->explanation;
}

static int send_all(Netlink *netlink, NetlinkMessage **messages, size_t n) {
        struct iovec iov[CALL_MANY_MAX];

        for (size_t i = 0; i < n; i++) {
                struct nlmsghdr *header = nlmsg_hdr(messages[i]);
                header->nlmsg_seq = ++netlink->sequence;
                header->nlmsg_pid = 0;
                if ((header->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
                        header->nlmsg_flags |= NLM_F_ACK;
                iov[i] = (struct iovec){ header, header->nlmsg_len };
        }

        struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
        struct msghdr packet = {
                .msg_name = &kernel, .msg_namelen = sizeof(kernel), .msg_iov = iov, .msg_iovlen = n
        };
        return sendmsg(netlink->fd, &packet, 0) < 0 ? negative_errno() : 0;
}

/* The reason in words stands behind the error, and behind the request unless that was left out. */
static void keep_explanation(Netlink *netlink, const struct nlmsghdr *h) {
        const struct nlmsgerr *e = nlmsg_data(h);
        struct nlattr *attributes[NLMSGERR_ATTR_MAX + 1];

        if (!(h->nlmsg_flags & NLM_F_ACK_TLVS))
                return;
        size_t skip = sizeof(*e);
        if (!(h->nlmsg_flags & NLM_F_CAPPED))
                skip += NLMSG_ALIGN(e->msg.nlmsg_len) - NLMSG_HDRLEN;
        if (NLMSG_HDRLEN + skip > h->nlmsg_len)
                return;
        if (nla_parse(attributes, NLMSGERR_ATTR_MAX, (struct nlattr *) ((char *) nlmsg_data(h) + skip),
                      (int) (h->nlmsg_len - NLMSG_HDRLEN - skip), NULL) < 0)
                return;
        if (attributes[NLMSGERR_ATTR_MSG])
                snprintf(netlink->explanation, sizeof(netlink->explanation), "%s",
                         (const char *) nla_data(attributes[NLMSGERR_ATTR_MSG]));
}

/* The requests first..last, of which `done` have ended, and what became of each. */
typedef struct Calls {
        uint32_t first;
        size_t n, done;
        int *results;
        NetlinkAnswer answer;
        void *userdata;
} Calls;

static void take_message(Netlink *netlink, Calls *calls, const struct nlmsghdr *h) {
        uint32_t i = h->nlmsg_seq - calls->first;

        if (i >= calls->n)
                return; /* the late answer to a call that was given up */
        if (h->nlmsg_flags & NLM_F_DUMP_INTR && calls->results[i] == 0)
                calls->results[i] = -EINTR;
        if (h->nlmsg_type == NLMSG_ERROR || h->nlmsg_type == NLMSG_DONE) {
                int status = h->nlmsg_len >= NLMSG_HDRLEN + sizeof(int) ? *(const int *) nlmsg_data(h) : 0;
                if (status < 0 && calls->results[i] == 0)
                        calls->results[i] = status;
                if (status < 0 && h->nlmsg_type == NLMSG_ERROR)
                        keep_explanation(netlink, h);
                calls->done++;
        } else if (calls->answer && calls->results[i] == 0) {
                int r = calls->answer(h, calls->userdata);
                if (r < 0)
                        calls->results[i] = r;
        }
}

static int receive(Netlink *netlink, Calls *calls) {
        while (calls->done < calls->n) {
                ssize_t size = recv(netlink->fd, netlink->buffer, sizeof(netlink->buffer), MSG_TRUNC);
                if (size < 0 && errno == EINTR)
                        continue;
                if (size < 0)
                        return negative_errno();
                if ((size_t) size > sizeof(netlink->buffer))
                        return -EMSGSIZE;

                int left = (int) size;
                for (struct nlmsghdr *h = (struct nlmsghdr *) netlink->buffer; nlmsg_ok(h, left);
                     h = nlmsg_next(h, &left))
                        take_message(netlink, calls, h);
        }
        return 0;
}

static int call(Netlink *netlink, NetlinkMessage **messages, Calls *calls) {
        netlink->explanation[0] = 0;
        calls->first = netlink->sequence + 1;

        int r = send_all(netlink, messages, calls->n);
        return r < 0 ? r : receive(netlink, calls);
}

int netlink_call(Netlink *netlink, NetlinkMessage *m, NetlinkAnswer answer, void *userdata) {
        int result = 0;

        int r = call(netlink, &m,
                     &(Calls){ .n = 1, .results = &result, .answer = answer, .userdata = userdata });
        return r < 0 ? r : result;
}

int netlink_call_many(Netlink *netlink, NetlinkMessage **messages, size_t n, int *ret_results) {
        int results[CALL_MANY_MAX] = {};

        if (n > CALL_MANY_MAX)
                return -E2BIG;
        int r = call(netlink, messages, &(Calls){ .n = n, .results = results });
        if (r < 0)
                return r;
        for (size_t i = n; i-- > 0;) {
                ret_results[i] = results[i];
                if (results[i] < 0)
                        r = results[i];
        }
        return r;
}
