/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The content of the files in /etc that depend on the network: hostname, hosts and resolv.conf. berthd writes them to
 * the container's run directory and binds them over what the image has. The makers are pure: text from data. */

#include "container-spec.h"
#include "error.h"

typedef struct EtcFiles {
        char *hostname, *hosts, *resolv_conf;
} EtcFiles;
void etc_files_done(EtcFiles *files);

/* All three, with what they take from the host (/etc/hosts in the host's network, resolv.conf) read from there.
 * hostname: what the container will have. endpoints: of networks_reserve. ERROR_INVALID names a malformed
 * --add-host or --dns. */
int etc_files_make(const ContainerSpec *spec, const char *hostname, const List *endpoints, EtcFiles *ret,
                   Error *error);

/* hosts(5). In a container without endpoints 127.0.1.1 stands for its name. host_hosts: what to begin
 * with instead of the loopback names (the host's network), or NULL. extra_hosts: "name:address" or "name=address"; the
 * address "host-gateway" is the first endpoint's gateway. */
int etc_hosts_make(const char *hostname, const List *endpoints, char *const *extra_hosts,
                   const char *host_hosts, char **ret, Error *error);

/* resolv.conf(5). host: the text to start from, where each of dns, search and options replaces the host's lines of its
 * kind when it is not empty; search "." means none. private_namespace: resolvers that can't be reached from a network
 * namespace of its own (loopback, link-local with a zone) are left out; when none is left, public ones stand in, as
 * with Docker. */
int resolv_conf_make(const char *host, char *const *dns, char *const *search, char *const *options,
                     bool private_namespace, char **ret, Error *error);
/* The host only has a local stub (systemd-resolved's), which a container can't reach. */
bool resolv_conf_is_stub(const char *text) _pure_;
