/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "firewall.h"
#include "network-definition.h"
#include "string-util.h"

/* { "berth0", "berth-x" }: the bridges of the networks, or of the internal ones only. NULL in *ret when there is none. */
static int name_bridges(const NetworkSpec *const *specs, size_t n, bool internal_only, char **ret) {
        _cleanup_(string_buffer_done) StringBuffer text = {};
        int r = 0;

        for (size_t i = 0; i < n && r >= 0; i++)
                if (!internal_only || specs[i]->internal)
                        r = string_buffer_appendf(&text, "%s\"%s\"", text.size > 0 ? ", " : "{ ",
                                                  specs[i]->interface);
        if (r >= 0 && text.size > 0)
                r = string_buffer_append_string(&text, " }");
        if (r < 0)
                return r;
        *ret = TAKE_PTR(text.data);
        return 0;
}

static int append_forward(StringBuffer *text, const NetworkSpec *const *specs, size_t n) {
        _cleanup_free_ char *all = NULL, *internal = NULL;

        int r = string_buffer_append_string(
                text, "\tchain forward {\n"
                      "\t\ttype filter hook forward priority filter; policy accept;\n");
        if (r >= 0)
                r = name_bridges(specs, n, false, &all);
        if (r >= 0)
                r = name_bridges(specs, n, true, &internal);
        if (r >= 0 && all)
                r = string_buffer_appendf(text,
                                          "\t\tiifname != %1$s oifname != %1$s accept\n"
                                          "\t\tct state established,related accept\n"
                                          "\t\tct status dnat accept\n",
                                          all);
        for (size_t i = 0; i < n && r >= 0; i++)
                r = string_buffer_appendf(text, "\t\tiifname \"%1$s\" oifname \"%1$s\" accept\n",
                                          specs[i]->interface);
        if (r >= 0 && all)
                r = string_buffer_appendf(text, "\t\toifname %s drop\n", all);
        if (r >= 0 && internal)
                r = string_buffer_appendf(text, "\t\tiifname %s drop\n", internal);
        return r < 0 ? r : string_buffer_append_string(text, "\t}\n");
}

static int append_masquerade(StringBuffer *text, const NetworkSpec *spec) {
        int r = 0;

        for (size_t i = 0; i < spec->subnets.n && r >= 0; i++) {
                char subnet[SUBNET_TEXT_MAX];
                NetworkRange range;

                r = network_range_parse(LIST_ITEM(&spec->subnets, NetworkSubnet, i), &range, NULL);
                if (r >= 0)
                        r = string_buffer_appendf(text, "\t\t%s saddr %s oifname != \"%s\" masquerade\n",
                                                  range.subnet.address.family == AF_INET ? "ip" : "ip6",
                                                  subnet_format(&range.subnet, subnet), spec->interface);
        }
        return r;
}

int firewall_ruleset_make(const NetworkSpec *const *specs, size_t n, char **ret) {
        _cleanup_(string_buffer_done) StringBuffer text = {};

        /* Naming the table first makes it exist, so that deleting it can't fail; all three happen at once. */
        int r = string_buffer_append_string(&text, "table inet " FIREWALL_TABLE "\n"
                                                   "delete table inet " FIREWALL_TABLE "\n"
                                                   "table inet " FIREWALL_TABLE " {\n");
        if (r >= 0)
                r = append_forward(&text, specs, n);
        if (r >= 0)
                r = string_buffer_append_string(
                        &text, "\tchain postrouting {\n"
                               "\t\ttype nat hook postrouting priority srcnat; policy accept;\n");
        for (size_t i = 0; i < n && r >= 0; i++)
                if (!specs[i]->internal)
                        r = append_masquerade(&text, specs[i]);
        if (r >= 0)
                r = string_buffer_append_string(&text, "\t}\n}\n");
        if (r < 0)
                return r;
        *ret = TAKE_PTR(text.data);
        return 0;
}

size_t firewall_ruleset_count(const char *ruleset) {
        size_t n = 0;

        /* Two tabs deep stand the chains' own lines and the rules. */
        for (const char *line = ruleset; line; line = strchr(line, '\n')) {
                line += line != ruleset;
                n += startswith(line, "\t\t") && !startswith(line, "\t\ttype ");
        }
        return n;
}
