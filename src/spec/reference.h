/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Image references as Docker's users write them, by the grammar of the distribution spec's reference package:
 *   [HOST[:PORT]/]PATH[:TAG][@DIGEST]
 * The first component is a host when it contains "." or ":" or is "localhost"; else the name may be an alias, or the
 * registry is the default one. A path of one component at docker.io lies in "library/". No tag and no digest mean the tag
 * "latest". */

#include "error.h"
#include "macro.h"

typedef struct Reference {
        char *registry;   /* "docker.io", "host:5000" */
        char *repository; /* "library/debian" */
        char *tag;        /* NULL only when there is a digest */
        char *digest;     /* "sha256:…" or NULL */
} Reference;

#define REFERENCE_MAX 1024

int reference_parse(const char *s, Reference *ret, Error *error); /* ERROR_INVALID */
void reference_done(Reference *reference);
/* "docker.io/library/debian:12@sha256:…": unique, what names in the store look like. */
char *reference_to_string(const Reference *reference);
/* "debian:12": what parses to the same without the parts that go without saying, for people. The tag is always said. */
char *reference_to_familiar(const Reference *reference);
/* Canonical form of a written name in one go. */
int reference_canonicalize(const char *s, char **ret, Error *error);

/* The written name begins with a host. */
bool reference_has_registry(const char *s) _pure_;
/* It is a repository's path alone: what an alias may be. */
bool reference_is_short_name(const char *s) _pure_;
bool registry_name_is_valid(const char *registry) _pure_; /* "HOST[:PORT]" */
/* What a written name or search begins with: the host in front of the first slash, else the default registry. *ret_rest
 * points behind it. Not validated. Returns 0 or -ENOMEM. */
int reference_split_registry(const char *s, char **ret_registry, const char **ret_rest);
/* "HOST[:PORT][/PATH]" in two canonical parts, the path "" when there is none. Returns 0, -EINVAL or -ENOMEM. */
int registry_prefix_parse(const char *prefix, char **ret_registry, char **ret_path);

/* What names without registry mean from now on in this process: the default registry (NULL: docker.io), and the map of
 * aliases, whose values are references with their registry. Copies; returns 0 or -ENOMEM. Not while other threads
 * parse. A worker leaves this alone: berthd gives it canonical names, and names in archives mean what Docker means. */
int reference_set_names(const char *registry, char *const *aliases);
