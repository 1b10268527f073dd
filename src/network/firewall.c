/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "firewall.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <nftables/libnftables.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd-util.h"
#include "string-util.h"

void firewall_done(Firewall *firewall) {
        firewall->netlink = netlink_close(firewall->netlink);
        free_and_replace(firewall->applied, NULL);
}

/* ---- looking ---- */

static NetlinkMessage *nftables_message(int command, int flags, int family) {
        struct nfgenmsg header = { .nfgen_family = (uint8_t) family, .version = NFNETLINK_V0 };

        return netlink_message_new(NFNL_SUBSYS_NFTABLES << 8 | command, flags, &header, sizeof(header));
}

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

static int count_rules(Firewall *firewall, size_t *ret) {
        _cleanup_message_ NetlinkMessage *m = nftables_message(NFT_MSG_GETRULE, NLM_F_DUMP, NFPROTO_INET);

        *ret = 0;
        if (!m || nla_put_string(m, NFTA_RULE_TABLE, FIREWALL_TABLE) < 0)
                return -ENOMEM;
        return netlink_call(firewall->netlink, m, count_rule, ret);
}

/* Someone may have flushed all tables or ours. Every change of any table counts the generation up, so an old one means
 * that there is nothing to look at; otherwise the rules are counted. */
static bool holds(Firewall *firewall, const char *ruleset) {
        uint32_t generation;
        size_t n;

        if (!streq_ptr(firewall->applied, ruleset) || read_generation(firewall, &generation) < 0)
                return false;
        if (generation == firewall->generation)
                return true;
        if (count_rules(firewall, &n) < 0 || n != firewall->n_rules)
                return false;
        firewall->generation = generation;
        return true;
}

/* ---- doing ---- */

static _noreturn_ void run_transaction(const char *ruleset, int report) {
        struct nft_ctx *context = nft_ctx_new(NFT_CTX_DEFAULT);

        if (!context)
                _exit(EXIT_FAILURE);
        (void) nft_ctx_buffer_error(context);
        if (nft_run_cmd_from_buffer(context, ruleset) == 0)
                _exit(EXIT_SUCCESS);
        const char *text = nft_ctx_get_error_buffer(context);
        (void) write_full(report, text, strlen(text));
        _exit(EXIT_FAILURE);
}

/* What nft said, for a message of one line: it shows the place in the text below the first line. */
static void describe(int fd, char *buffer, size_t size) {
        ssize_t n = read_full(fd, buffer, size - 1);

        buffer[MAX(n, 0)] = 0;
        buffer[strcspn(buffer, "\n")] = 0;
}

/* In a process of its own: libnftables keeps two megabytes, and is needed once in the life of a host. */
static int apply(const char *ruleset, Error *error) {
        _cleanup_close_ int reader = -EBADF, writer = -EBADF;
        char said[256];
        int fds[2], status;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return error_set_errno(error, negative_errno(), "cannot make a pipe");
        reader = fds[0];
        writer = fds[1];

        pid_t pid = fork();
        if (pid < 0)
                return error_set_errno(error, negative_errno(), "cannot fork to change the packet filter");
        if (pid == 0)
                run_transaction(ruleset, writer);
        writer = safe_close(writer);
        describe(reader, said, sizeof(said));
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return error_set_errno(error, negative_errno(), "cannot wait for the packet filter");
        if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS)
                return 0;
        return error_set(error, ERROR_FAILED, "cannot set up the packet filter (nftables): %s",
                         isempty(said) ? "the helper ended early" : said);
}

int firewall_ensure(Firewall *firewall, const char *ruleset, Error *error) {
        if (!firewall->netlink) {
                int r = netlink_open(NETLINK_NETFILTER, &firewall->netlink);
                if (r < 0)
                        return error_set_errno(error, r, "cannot talk to the packet filter");
        }
        if (holds(firewall, ruleset))
                return 0;

        free_and_replace(firewall->applied, NULL);
        int r = apply(ruleset, error);
        if (r < 0)
                return r;
        /* Without these the next call merely does it again. */
        if (read_generation(firewall, &firewall->generation) >= 0 &&
            count_rules(firewall, &firewall->n_rules) >= 0)
                firewall->applied = strdup(ruleset);
        return 0;
}
