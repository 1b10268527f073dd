/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the user of berthctl has to show to registries: out of the files of docker, podman and berthctl, and the helpers that these
 * name. */

#include "credentials.h"
#include "ctl.h"

/* Appends the entry "Credentials" to the options (an open a{sv}) of a method that makes a remote job: what there is for the reference's
 * registry and for the mirrors that registries.conf gives it, and nothing else. Nothing at all is appended when there is none. */
int ctl_append_credentials(Ctl *ctl, sd_bus_message *m, const char *reference, Error *error);
/* The same for a registry, or a repository of one ("" or NULL: none). */
int ctl_append_registry_credentials(Ctl *ctl, sd_bus_message *m, const char *registry,
                                    const char *repository, Error *error);

/* Returns 1, or 0 when there is none. file: look only there; NULL: in all of them. *ret_file (may be NULL): where it was. */
int ctl_find_credential(const char *file, const char *registry, const char *repository, Credential *ret,
                        char **ret_file, Error *error);

/* key: "host[:port][/path]". Stores it in the file; NULL: $REGISTRY_AUTH_FILE, or the one that has the key already, or docker's.
 * *ret_place: the file, or the helper it names. */
int ctl_store_credential(const char *file, const char *key, const Credential *credential, char **ret_place,
                         Error *error);
/* The keys that the files have something for, in the form of `key`, as often as they are there; helpers are not asked. For completion. */
int ctl_list_logins(char ***ret);
/* Removes what the file (NULL: each of them) has for the key (NULL: for all). Returns how many there were. */
int ctl_erase_credentials(const char *file, const char *key, Error *error);
