/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "address.h"
#include "etc-files.h"
#include "string-util.h"
#include "strv.h"

/* What Docker uses when it has nothing else, Google's public resolvers: users of `docker run` know that a container on
 * such a host can look names up. */
static const char *const public_resolvers[] = { "8.8.8.8", "8.8.4.4", "2001:4860:4860::8888",
                                                "2001:4860:4860::8844" };

typedef struct ResolvConf {
        char **nameservers, **search, **options, **other;
} ResolvConf;

static void resolv_conf_done(ResolvConf *conf) {
        strv_free(conf->nameservers);
        strv_free(conf->search);
        strv_free(conf->options);
        strv_free(conf->other);
}

/* As the C library reads it: comments begin a line, the last of "search" and "domain" counts, options add up. */
static int parse_line(const char *line, ResolvConf *conf) {
        _cleanup_strv_free_ char **words = NULL;

        int r = strv_split(line, " \t\r", &words);
        if (r < 0)
                return r;
        if (strv_length(words) < 2 || strchr("#;", line[0]))
                return 0;
        if (streq(words[0], "nameserver"))
                return strv_extend(&conf->nameservers, words[1]);
        if (streq(words[0], "search") || streq(words[0], "domain")) {
                strv_free(conf->search);
                conf->search = NULL;
                return strv_copy_into(words + 1, &conf->search);
        }
        if (!streq(words[0], "options"))
                return strv_extend(&conf->other, line);
        for (char **word = words + 1; *word && r >= 0; word++)
                r = strv_extend(&conf->options, *word);
        return r;
}

static int parse(const char *text, ResolvConf *conf) {
        _cleanup_strv_free_ char **lines = NULL;

        int r = strv_split(text, "\n", &lines);
        for (size_t i = 0; lines && lines[i] && r >= 0; i++)
                r = parse_line(lines[i], conf);
        return r;
}

static int replace(char ***list, char *const *by) {
        if (strv_isempty(by))
                return 0;
        strv_free(*list);
        *list = NULL;
        return strv_copy_into(by, list);
}

static bool is_local_stub(const char *nameserver) {
        return streq(nameserver, "127.0.0.53") || streq(nameserver, "127.0.0.54");
}

bool resolv_conf_is_stub(const char *text) {
        _cleanup_(resolv_conf_done) ResolvConf conf = {};
        size_t n = 0;

        if (parse(text, &conf) < 0)
                return false;
        STRV_FOREACH(nameserver, conf.nameservers) {
                if (!is_local_stub(*nameserver))
                        return false;
                n++;
        }
        return n > 0;
}

/* A zone ("fe80::1%eth0") names an interface of the host. */
static bool is_reachable(const char *nameserver) {
        Address address;

        return address_parse(nameserver, &address) >= 0 && !address_is_loopback(&address) &&
               !address_is_link_local(&address);
}

static int keep_reachable(char ***nameservers) {
        _cleanup_strv_free_ char **kept = NULL;
        int r = 0;

        STRV_FOREACH(nameserver, *nameservers)
                if (r >= 0 && is_reachable(*nameserver))
                        r = strv_extend(&kept, *nameserver);
        bool none = strv_isempty(kept);
        for (size_t i = 0; none && i < ELEMENTSOF(public_resolvers) && r >= 0; i++)
                r = strv_extend(&kept, public_resolvers[i]);
        if (r < 0)
                return r;
        strv_free(*nameservers);
        *nameservers = TAKE_PTR(kept);
        return 0;
}

static int check_nameservers(char *const *dns, Error *error) {
        for (size_t i = 0; dns && dns[i]; i++) {
                Address address;
                if (address_parse(dns[i], &address) < 0)
                        return error_set(error, ERROR_INVALID, "name server \"%s\" is not an IP address",
                                         dns[i]);
        }
        return 0;
}

/* What goes into a line must not begin another one. */
static int check_words(char *const *words, const char *what, Error *error) {
        for (size_t i = 0; words && words[i]; i++)
                if (isempty(words[i]) || strpbrk(words[i], " \t\r\n"))
                        return error_set(error, ERROR_INVALID, "%s \"%s\" must be one word", what, words[i]);
        return 0;
}

static int append_line(StringBuffer *text, const char *keyword, char *const *words) {
        if (strv_isempty(words))
                return 0;
        _cleanup_free_ char *joined = strv_join(words, " ");
        return joined ? string_buffer_appendf(text, "%s %s\n", keyword, joined) : -ENOMEM;
}

static int format(const ResolvConf *conf, char **ret) {
        _cleanup_(string_buffer_done) StringBuffer text = {};
        bool no_search = strv_length(conf->search) == 1 && streq(conf->search[0], ".");
        int r = 0;

        for (size_t i = 0; conf->nameservers && conf->nameservers[i] && r >= 0; i++)
                r = string_buffer_appendf(&text, "nameserver %s\n", conf->nameservers[i]);
        if (r >= 0 && !no_search)
                r = append_line(&text, "search", conf->search);
        if (r >= 0)
                r = append_line(&text, "options", conf->options);
        for (size_t i = 0; conf->other && conf->other[i] && r >= 0; i++)
                r = string_buffer_appendf(&text, "%s\n", conf->other[i]);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(text.data) ?: strdup("");
        return *ret ? 0 : -ENOMEM;
}

int resolv_conf_make(const char *host, char *const *dns, char *const *search, char *const *options,
                     bool private_namespace, char **ret, Error *error) {
        _cleanup_(resolv_conf_done) ResolvConf conf = {};

        int r = check_nameservers(dns, error);
        if (r >= 0)
                r = check_words(search, "search domain", error);
        if (r >= 0)
                r = check_words(options, "resolver option", error);
        if (r >= 0)
                r = parse(host, &conf);
        if (r >= 0)
                r = replace(&conf.nameservers, dns);
        if (r >= 0)
                r = replace(&conf.search, search);
        if (r >= 0)
                r = replace(&conf.options, options);
        /* Resolvers that were asked for stay, whatever they are. */
        if (r >= 0 && private_namespace && strv_isempty(dns))
                r = keep_reachable(&conf.nameservers);
        return r < 0 ? r : format(&conf, ret);
}
