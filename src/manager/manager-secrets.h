/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Secrets of this host: encrypted files that only a worker reads (secret-spec.h). berthd itself never has one in clear. */

#include "manager.h"
#include "secret-spec.h"

#define SECRETS_MAX 1000

typedef struct SecretOptions {
        char **labels; /* map */
        bool replace;  /* one of this name that is there already */
} SecretOptions;
extern const ObjectType secret_options_type;

/* Called exactly once, unless the function itself failed. error: NULL when it went well. */
typedef void (*SecretDone)(const Error *error, void *userdata);

/* Reads what there is; deletes what is half-made. */
int manager_load_secrets(Manager *manager, Error *error);
void manager_free_secrets(Manager *manager);
/* content: a descriptor that the worker reads to its end; borrowed. ERROR_NAME_TAKEN, ERROR_LIMIT. */
int manager_create_secret(Manager *manager, const char *name, int content, const SecretOptions *options,
                          SecretDone done, void *userdata, Error *error);
/* ERROR_NO_SUCH_SECRET; ERROR_IN_USE names a container that has it. */
int manager_remove_secret(Manager *manager, const char *name, Error *error);
int manager_find_secret(Manager *manager, const char *name, const SecretSpec **ret, Error *error);
/* The names of the containers that are given it. */
int manager_secret_users(Manager *manager, const char *name, char ***ret);
/* What a new container asks for exists, and has a place of its own. */
int manager_check_secrets(Manager *manager, const ContainerSpec *spec, Error *error);
