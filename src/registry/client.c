/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A registry's client as an object: what it knows, and of which endpoints. */
#include "reference.h"
#include "session.h"
#include "strv.h"

/* ---- endpoints ---- */

static bool host_is_insecure(const Registry *registry, const char *host, const char *repository) {
        RegistryRule rule = {};

        if (registry->conf)
                registries_conf_find(registry->conf, host, repository, &rule);
        return rule.insecure || registry_trust(host, registry->insecure) == REGISTRY_INSECURE;
}

/* The machine's own go to nobody whom a caller alone has declared trustworthy. */
static int find_credential(const Registry *registry, Endpoint *endpoint, const json_t *const *credentials) {
        bool doubtful = strv_contains(registry->insecure, endpoint->host);
        int r = 0;

        for (size_t i = 0; r == 0 && i < (doubtful ? 1 : REGISTRY_CREDENTIALS); i++)
                if (credentials[i])
                        r = credentials_find(credentials[i], endpoint->host, endpoint->repository,
                                             &endpoint->credential);
        return r;
}

/* Takes over host and repository, also on failure. */
static int add_endpoint(Registry *registry, char *host, char *repository, bool is_mirror,
                        const json_t *const *credentials) {
        Endpoint *endpoint = &registry->endpoints[registry->n_endpoints];

        *endpoint = (Endpoint){ .host = host, .repository = repository, .is_mirror = is_mirror };
        pthread_mutex_init(&endpoint->lock, NULL);
        registry->n_endpoints++;
        if (!host || !repository)
                return -ENOMEM;
        endpoint->insecure = host_is_insecure(registry, host, repository);
        return find_credential(registry, endpoint, credentials);
}

static void endpoint_done(Endpoint *endpoint) {
        free(endpoint->complaint);
        erase_and_free(endpoint->refresh_token);
        challenge_done(&endpoint->challenge);
        erase_and_free(endpoint->token);
        free(endpoint->base);
        pthread_mutex_destroy(&endpoint->lock);
        credential_done(&endpoint->credential);
        free(endpoint->repository);
        free(endpoint->host);
}

/* A mirror that is itself blocked is none. */
static int add_mirror(Registry *registry, const char *mirror, const json_t *const *credentials) {
        _cleanup_free_ char *host = NULL, *path = NULL;
        RegistryRule rule = {};

        int r = registry_prefix_parse(mirror, &host, &path);
        if (r < 0)
                return r;
        char *repository = string_join(path, *path ? "/" : "", registry->repository);
        if (repository)
                registries_conf_find(registry->conf, host, repository, &rule);
        if (rule.blocked) {
                free(repository);
                return 0;
        }
        return add_endpoint(registry, TAKE_PTR(host), repository, true, credentials);
}

/* Mirrors are for what is pulled. */
static int add_endpoints(Registry *registry, const json_t *const *credentials) {
        RegistryRule rule = {};

        if (registry->conf && streq(registry->actions, "pull"))
                registries_conf_find(registry->conf, registry->name, registry->repository, &rule);
        registry->endpoints = new0(Endpoint, strv_length(rule.mirrors) + 1);
        if (!registry->endpoints)
                return -ENOMEM;
        STRV_FOREACH(mirror, rule.mirrors) {
                int r = add_mirror(registry, *mirror, credentials);
                if (r < 0)
                        return r;
        }
        if (rule.mirror_only)
                return 0;
        return add_endpoint(registry, strdup(registry->name), strdup(registry->repository), false,
                            credentials);
}

/* ---- the client ---- */

static int copy_options(Registry *registry, const RegistryOptions *options) {
        const struct {
                char **target;
                const char *value;
        } strings[] = {
                { &registry->name, options->registry },
                { &registry->repository, options->repository },
                { &registry->actions, options->actions },
                { &registry->purpose, options->purpose },
        };

        for (size_t i = 0; i < ELEMENTSOF(strings); i++)
                if (free_and_strdup(strings[i].target, strings[i].value) < 0)
                        return -ENOMEM;
        memcpy(registry->cancel_fds, options->cancel_fds, sizeof(registry->cancel_fds));
        registry->conf = options->conf;
        return strv_copy_into(options->insecure, &registry->insecure);
}

int registry_new(const RegistryOptions *options, Registry **ret, Error *error) {
        _cleanup_(registry_freep) Registry *registry = new0(Registry, 1);

        if (registry)
                pthread_mutex_init(&registry->tls_lock, NULL);
        int r = registry ? copy_options(registry, options) : -ENOMEM;
        if (r >= 0)
                r = add_endpoints(registry, options->credentials);
        if (r < 0)
                return error_set_errno(error, r, "%s", options->purpose);
        if (registry->n_endpoints == 0)
                return error_set(error, ERROR_DENIED,
                                 "%s: only mirrors of %s may be asked, and it has none (MirrorOnly= in "
                                 "registries.conf)",
                                 options->purpose, options->registry);
        *ret = TAKE_PTR(registry);
        return 0;
}

static HostTls *host_tls_free(HostTls *host) {
        free(host->host);
        tls_files_done(&host->files);
        free(host);
        return NULL;
}

Registry *registry_free(Registry *registry) {
        if (!registry)
                return NULL;
        for (HostTls *host = registry->tls, *next; host; host = next) {
                next = host->next;
                host_tls_free(host);
        }
        pthread_mutex_destroy(&registry->tls_lock);
        for (size_t i = 0; i < registry->n_endpoints; i++)
                endpoint_done(&registry->endpoints[i]);
        free(registry->endpoints);
        strv_free(registry->insecure);
        free(registry->purpose);
        free(registry->actions);
        free(registry->repository);
        free(registry->name);
        free(registry);
        return NULL;
}

int registry_session_new(Registry *registry, RegistrySession **ret, Error *error) {
        _cleanup_(registry_session_freep) RegistrySession *session = new0(RegistrySession, 1);

        if (!session)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        session->registry = registry;
        int r = transfer_new(registry->cancel_fds, &session->transfer, error);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(session);
        return 0;
}

RegistrySession *registry_session_free(RegistrySession *session) {
        if (!session)
                return NULL;
        transfer_free(session->transfer);
        free(session);
        return NULL;
}

bool registry_url_is_insecure(const Registry *registry, const char *url) {
        _cleanup_free_ char *host = url_host(url);

        return host && host_is_insecure(registry, host, "");
}

bool registry_allows_url(const Registry *registry, const char *base, const char *url) {
        return !url_is_plain(url) || url_is_plain(base) || registry_url_is_insecure(registry, url);
}

/* ---- TLS ---- */

static int load_host_tls(Registry *registry, const char *host, const char *name, HostTls **ret,
                         Error *error) {
        _cleanup_free_ char *with_port = strchr(host, ':') ? NULL : string_join(host, ":443");
        const char *names[] = { name, host, with_port };
        HostTls *tls = new0(HostTls, 1);

        if (!tls || free_and_strdup(&tls->host, host) < 0) {
                free(tls);
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        }
        int r = tls_files_load("", names, ELEMENTSOF(names), &tls->files, error);
        if (r < 0) {
                host_tls_free(tls);
                return r;
        }
        tls->next = registry->tls;
        *ret = registry->tls = tls;
        return 0;
}

int registry_tls_files(Registry *registry, const Endpoint *endpoint, const char *url, const TlsFiles **ret,
                       Error *error) {
        _cleanup_free_ char *host = url_host(url);
        HostTls *tls;
        int r = 0;

        *ret = NULL;
        if (!host || url_is_plain(url))
                return 0;
        pthread_mutex_lock(&registry->tls_lock);
        for (tls = registry->tls; tls && !streq(tls->host, host); tls = tls->next)
                ;
        if (!tls)
                r = load_host_tls(registry, host, endpoint ? endpoint->host : NULL, &tls, error);
        pthread_mutex_unlock(&registry->tls_lock);
        if (r >= 0)
                *ret = &tls->files;
        return r;
}
