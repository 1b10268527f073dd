/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "etc-files.h"

#include <fcntl.h>
#include <string.h>

#include "address.h"
#include "file-util.h"
#include "string-util.h"

#define HOST_FILE_MAX (1 * MIB)
#define RESOLVED_UPSTREAM "/run/systemd/resolve/resolv.conf"

void etc_files_done(EtcFiles *files) {
        free(files->hostname);
        free(files->hosts);
        free(files->resolv_conf);
        *files = (EtcFiles){};
}

/* ---- hosts ---- */

static int append_own_names(StringBuffer *text, const char *hostname, const List *endpoints) {
        size_t n = 0;
        int r = 0;

        for (size_t i = 0; i < endpoints->n; i++) {
                const NetworkEndpoint *endpoint = LIST_ITEM(endpoints, NetworkEndpoint, i);
                const char *const addresses[] = { endpoint->ipv4_address, endpoint->ipv6_address };
                for (size_t k = 0; k < ELEMENTSOF(addresses) && r >= 0; k++) {
                        if (isempty(addresses[k]))
                                continue;
                        r = string_buffer_appendf(text, "%.*s\t%s\n", (int) strcspn(addresses[k], "/"),
                                                  addresses[k], hostname);
                        n++;
                }
        }
        return r < 0 || n > 0 ? r : string_buffer_appendf(text, "127.0.1.1\t%s\n", hostname);
}

/* Where the container finds the host. */
static const char *host_gateway(const List *endpoints) {
        for (size_t i = 0; i < endpoints->n; i++) {
                const NetworkEndpoint *endpoint = LIST_ITEM(endpoints, NetworkEndpoint, i);
                if (!isempty(endpoint->ipv4_gateway))
                        return endpoint->ipv4_gateway;
                if (!isempty(endpoint->ipv6_gateway))
                        return endpoint->ipv6_gateway;
        }
        return "127.0.0.1"; /* in the host's own network */
}

/* IPv6 addresses may stand in brackets. */
static int parse_host_address(const char *text, const List *endpoints, Address *ret) {
        char buffer[ADDRESS_TEXT_MAX + 2];
        size_t n = strlen(text);

        if (streq(text, "host-gateway"))
                return address_parse(host_gateway(endpoints), ret);
        if (text[0] != '[')
                return address_parse(text, ret);
        if (n >= sizeof(buffer) || text[n - 1] != ']')
                return -EINVAL;
        memcpy(buffer, text + 1, n - 2);
        buffer[n - 2] = 0;
        return address_parse(buffer, ret);
}

static int append_extra_host(StringBuffer *text, const char *entry, const List *endpoints, Error *error) {
        static const char name_charset[] =
                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
        size_t length = strspn(entry, name_charset);
        char address_text[ADDRESS_TEXT_MAX];
        Address address;

        if (length == 0 || !entry[length] || !strchr(":=", entry[length]) ||
            parse_host_address(entry + length + 1, endpoints, &address) < 0)
                return error_set(error, ERROR_INVALID, "extra host \"%s\" is not of the form NAME:ADDRESS",
                                 entry);
        return string_buffer_appendf(text, "%s\t%.*s\n", address_format(&address, address_text),
                                     (int) length, entry);
}

int etc_hosts_make(const char *hostname, const List *endpoints, char *const *extra_hosts,
                   const char *host_hosts, char **ret, Error *error) {
        _cleanup_(string_buffer_done) StringBuffer text = {};
        int r;

        if (host_hosts) {
                r = string_buffer_append_string(&text, host_hosts);
                if (r >= 0 && text.size > 0 && text.data[text.size - 1] != '\n')
                        r = string_buffer_append_string(&text, "\n");
        } else {
                r = string_buffer_append_string(&text, "127.0.0.1\tlocalhost\n"
                                                       "::1\tlocalhost ip6-localhost ip6-loopback\n"
                                                       "ff02::1\tip6-allnodes\n"
                                                       "ff02::2\tip6-allrouters\n");
                if (r >= 0)
                        r = append_own_names(&text, hostname, endpoints);
        }
        for (size_t i = 0; extra_hosts && extra_hosts[i] && r >= 0; i++)
                r = append_extra_host(&text, extra_hosts[i], endpoints, error);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(text.data) ?: strdup("");
        return *ret ? 0 : -ENOMEM;
}

/* ---- all of them ---- */

static int read_host_file(const char *path, char **ret) {
        size_t size;

        int r = read_file_at(AT_FDCWD, path, HOST_FILE_MAX, ret, &size);
        if (r == -ENOENT) {
                *ret = strdup("");
                r = *ret ? 0 : -ENOMEM;
        }
        return r;
}

static int read_resolv_conf(bool private_namespace, char **ret) {
        _cleanup_free_ char *text = NULL, *upstream = NULL;
        size_t size;

        int r = read_host_file("/etc/resolv.conf", &text);
        if (r < 0)
                return r;
        if (private_namespace && resolv_conf_is_stub(text) &&
            read_file_at(AT_FDCWD, RESOLVED_UPSTREAM, HOST_FILE_MAX, &upstream, &size) >= 0)
                *ret = TAKE_PTR(upstream);
        else
                *ret = TAKE_PTR(text);
        return 0;
}

static int make(const ContainerSpec *spec, const char *hostname, const List *endpoints, EtcFiles *files,
                Error *error) {
        _cleanup_free_ char *host_hosts = NULL, *host_resolv_conf = NULL;
        bool private_namespace = spec->network != NETWORK_HOST;
        int r;

        files->hostname = string_join(hostname, "\n");
        if (!files->hostname)
                return -ENOMEM;
        r = private_namespace ? 0 : read_host_file("/etc/hosts", &host_hosts);
        if (r < 0)
                return error_set_errno(error, r, "cannot read /etc/hosts");
        r = etc_hosts_make(hostname, endpoints, spec->extra_hosts, host_hosts, &files->hosts, error);
        if (r < 0)
                return r;
        r = read_resolv_conf(private_namespace, &host_resolv_conf);
        if (r < 0)
                return error_set_errno(error, r, "cannot read /etc/resolv.conf");
        return resolv_conf_make(host_resolv_conf, spec->dns, spec->dns_search, spec->dns_options,
                                private_namespace, &files->resolv_conf, error);
}

int etc_files_make(const ContainerSpec *spec, const char *hostname, const List *endpoints, EtcFiles *ret,
                   Error *error) {
        EtcFiles files = {};

        int r = make(spec, hostname, endpoints, &files, error);
        if (r < 0) {
                etc_files_done(&files);
                return r;
        }
        *ret = files;
        return 0;
}
