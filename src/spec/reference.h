/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Image references as Docker's users write them, by the grammar of the distribution spec's reference package:
 *   [HOST[:PORT]/]PATH[:TAG][@DIGEST]
 * The first component is a host when it contains "." or ":" or is "localhost"; else the registry is docker.io, and a
 * path of one component lies in "library/". No tag and no digest mean the tag "latest". */

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
