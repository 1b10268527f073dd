/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The files in which docker, podman and berthctl keep what registries are shown (spec/credentials.h). */

#include <jansson.h>

#include "error.h"

/* Root's, for everybody who may use berthd: the worker reads it where a caller brings nothing. */
#define AUTH_FILE_SYSTEM CONFIG_DIRECTORY "/auth.json"

/* In the order in which they are read: $REGISTRY_AUTH_FILE, podman's two, docker's. Those that need a variable which is not
 * set are left out. */
int auth_file_paths(char ***ret);
/* docker's config.json, where a login goes when nothing else is said; NULL when nobody knows where home is. */
char *auth_file_docker(void);

/* The document. Returns 1, or 0 when there is no such file (*ret is then an empty document). The error names the file. */
int auth_file_load(const char *path, json_t **ret, Error *error);

/* Returns 1 when the document is to be written, 0 when nothing has changed, or a negative errno. */
typedef int (*AuthFileChange)(json_t *document, void *userdata, Error *error);

/* Reads, changes and replaces the file, which is made when it is missing, with mode 0600; nobody else of us does so at the same
 * time. What the file has beside credentials stays. A link is followed. Returns what `change` returned. */
int auth_file_change(const char *path, AuthFileChange change, void *userdata, Error *error);
