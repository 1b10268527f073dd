/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* /etc/berth/registries.conf and its drop-ins (berth.registries.conf(5)): where names lead, and what is trusted.
 *
 *      [Names]
 *      Default=docker.io                  the registry of names without one
 *      Alias=web registry.example/web/front   a short name, and what it stands for (each line one)
 *
 *      [Registry docker.io]               or a part of one: [Registry quay.io/team], [Registry *.example.com]
 *      Mirror=mirror.example:5000/hub     asked first, in this order; each line adds some
 *      MirrorOnly=no                      yes: the registry itself is never asked
 *      Insecure=no                        no TLS, or any certificate
 *      Blocked=no
 *      Policy=accept                      accept, reject, digest (references must have one), signature
 *      Key=/etc/berth/keys/team.pem       public keys, of which one must have signed; each line adds some
 *
 * Of several sections the one with the longest prefix that ends at a "/" or at the end counts, and "*.example.com" after any plain
 * one; what it does not say is inherited from the next shorter one, and at last from "[Registry *]".
 * A mistake in these files is an error wherever they matter, since ignoring one could mean trusting too much. */

#include "object.h"

typedef enum TrustPolicy {
        TRUST_ACCEPT,
        TRUST_REJECT,
        TRUST_DIGEST,
        TRUST_SIGNATURE,
} TrustPolicy;

typedef struct RegistryRule {
        char *prefix;    /* "docker.io", "quay.io/team", "*.example.com", "*" */
        char **mirrors;  /* "host[:port][/path]" */
        int mirror_only; /* these four: -1 where the section does not say */
        int insecure;
        int blocked;
        int policy;  /* TrustPolicy */
        char **keys; /* absolute paths */
} RegistryRule;
extern const ObjectType registry_rule_type;

typedef struct RegistriesConf {
        char *default_registry; /* NULL: docker.io */
        char **aliases;         /* map */
        List rules;             /* RegistryRule, as they stand in the files; equal prefixes are one */
} RegistriesConf;
extern const ObjectType registries_conf_type;

/* root: see conf_read(). ERROR_INVALID "file:line: …". Fills *ret (object_done). */
int registries_conf_load(const char *root, RegistriesConf *ret, Error *error);
/* One text, for tests and fuzzers. */
int registries_conf_parse(const char *file, const char *text, size_t size, RegistriesConf *ret,
                          Error *error);

/* What counts for "registry/repository": all members are set (-1 nowhere); borrows texts and lists from conf, so it is
 * not to be freed. Pure. */
void registries_conf_find(const RegistriesConf *conf, const char *registry, const char *repository,
                          RegistryRule *ret);

/* Makes names without registry, and aliases, mean what conf says, for all of reference.h in this process. Copies. */
int registries_conf_apply_names(const RegistriesConf *conf);
/* The same with the host's files. On failure names keep their built-in meaning: berthd logs that, and its workers refuse
 * what needs the files. */
int registries_conf_load_names(Error *error);
