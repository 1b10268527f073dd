/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Where the registry of a reference is to be asked, and how far it is trusted. Pure. */

#include "macro.h"

/* How the connection to a registry must be protected. */
typedef enum RegistryTrust {
        REGISTRY_VERIFIED, /* HTTPS with a certificate that the system trusts */
        REGISTRY_INSECURE, /* HTTPS with any certificate, then plain HTTP: as Docker treats loopback and the
                            * registries that are listed as insecure */
} RegistryTrust;

/* The one place where that is decided. `insecure` lists "host:port" and "host" (any port). */
RegistryTrust registry_trust(const char *registry, char *const *insecure);

/* Who is to be asked, named like a registry: Docker Hub's searches are answered elsewhere. */
const char *endpoint_address(const char *registry, bool searching);

#define ENDPOINT_SCHEMES_MAX 2

/* The URLs to try in this order, without a slash at the end: "https://registry-1.docker.io". Returns their number, or
 * -ENOMEM. */
int endpoint_urls(const char *registry, RegistryTrust trust, char *ret[static ENDPOINT_SCHEMES_MAX]);

/* Scheme, host and port are the same, so that what is secret for the one may be shown to the other. URLs that do not
 * parse equal nothing. */
bool url_same_origin(const char *a, const char *b);
bool url_is_plain(const char *url); /* not HTTPS */
/* "host:port" of a URL, for people (the port only where it is not the scheme's own). NULL when it does not parse. */
char *url_host(const char *url);
/* Without what nobody but the host may know, for logs: user, password, query and fragment. NULL when it does not parse. */
char *url_without_secrets(const char *url);
/* The URL that a Location header in an answer from `base` means, which may be relative. NULL when it makes none. */
char *url_resolve(const char *base, const char *location);
