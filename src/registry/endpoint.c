/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <strings.h>

#include "endpoint.h"
#include "string-util.h"
#include "strv.h"

/* Docker's own registry is not served by the host that its references name. */
#define DOCKER_REGISTRY "docker.io"
#define DOCKER_HOST "registry-1.docker.io"
#define DOCKER_INDEX "index.docker.io"

static inline void curlup(CURLU **url) {
        curl_url_cleanup(*url);
}
static inline void curl_stringp(char **s) {
        curl_free(*s);
}

/* "host" of "host:5000" and of "[::1]:5000" (brackets kept); newly allocated. */
static char *host_of(const char *registry) {
        const char *bracket = strchr(registry, ']');
        const char *colon = strchr(bracket ?: registry, ':');

        return colon ? strndup(registry, colon - registry) : strdup(registry);
}

static bool host_is_loopback(const char *host) {
        struct in_addr ipv4;

        if (strcasecmp(host, "localhost") == 0 || streq(host, "[::1]"))
                return true;
        return inet_pton(AF_INET, host, &ipv4) == 1 && ntohl(ipv4.s_addr) >> 24 == 127;
}

RegistryTrust registry_trust(const char *registry, char *const *insecure) {
        _cleanup_free_ char *host = host_of(registry);

        if (!host)
                return REGISTRY_VERIFIED;
        if (host_is_loopback(host) || strv_contains(insecure, registry) || strv_contains(insecure, host))
                return REGISTRY_INSECURE;
        return REGISTRY_VERIFIED;
}

int endpoint_urls(const char *registry, RegistryTrust trust, char *ret[static ENDPOINT_SCHEMES_MAX]) {
        const char *host = streq(registry, DOCKER_REGISTRY) ? DOCKER_HOST : registry;
        _cleanup_free_ char *secure = string_join("https://", host), *plain = string_join("http://", host);

        if (!secure || !plain)
                return -ENOMEM;
        ret[0] = TAKE_PTR(secure);
        if (trust == REGISTRY_VERIFIED)
                return 1;
        ret[1] = TAKE_PTR(plain);
        return 2;
}

const char *endpoint_address(const char *registry, bool searching) {
        return searching && streq(registry, DOCKER_REGISTRY) ? DOCKER_INDEX : registry;
}

static CURLU *url_parse(const char *text) {
        _cleanup_(curlup) CURLU *url = curl_url();

        if (!url || curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK)
                return NULL;
        return TAKE_PTR(url);
}

static bool same_part(CURLU *a, CURLU *b, CURLUPart part) {
        _cleanup_(curl_stringp) char *x = NULL, *y = NULL;

        return curl_url_get(a, part, &x, CURLU_DEFAULT_PORT) == CURLUE_OK &&
               curl_url_get(b, part, &y, CURLU_DEFAULT_PORT) == CURLUE_OK && strcasecmp(x, y) == 0;
}

bool url_same_origin(const char *a, const char *b) {
        _cleanup_(curlup) CURLU *x = url_parse(a), *y = url_parse(b);

        return x && y && same_part(x, y, CURLUPART_SCHEME) && same_part(x, y, CURLUPART_HOST) &&
               same_part(x, y, CURLUPART_PORT);
}

bool url_is_plain(const char *text) {
        _cleanup_(curlup) CURLU *url = url_parse(text);
        _cleanup_(curl_stringp) char *scheme = NULL;

        return !url || curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
               strcasecmp(scheme, "https") != 0;
}

char *url_host(const char *text) {
        _cleanup_(curlup) CURLU *url = url_parse(text);
        _cleanup_(curl_stringp) char *host = NULL, *port = NULL;

        if (!url || curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK)
                return NULL;
        if (curl_url_get(url, CURLUPART_PORT, &port, CURLU_NO_DEFAULT_PORT) != CURLUE_OK)
                return strdup(host);
        return string_join(host, ":", port);
}

char *url_without_secrets(const char *text) {
        static const CURLUPart secrets[] = { CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_QUERY,
                                             CURLUPART_FRAGMENT };
        _cleanup_(curlup) CURLU *url = url_parse(text);
        _cleanup_(curl_stringp) char *rest = NULL;

        for (size_t i = 0; url && i < ELEMENTSOF(secrets); i++)
                if (curl_url_set(url, secrets[i], NULL, 0) != CURLUE_OK)
                        return NULL;
        if (!url || curl_url_get(url, CURLUPART_URL, &rest, 0) != CURLUE_OK)
                return NULL;
        return strdup(rest);
}

char *url_resolve(const char *base, const char *location) {
        _cleanup_(curlup) CURLU *url = url_parse(base);
        _cleanup_(curl_stringp) char *text = NULL;

        if (!url || curl_url_set(url, CURLUPART_URL, location, 0) != CURLUE_OK ||
            curl_url_get(url, CURLUPART_URL, &text, 0) != CURLUE_OK)
                return NULL;
        return strdup(text);
}
