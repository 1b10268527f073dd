/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What every verb that speaks to a registry shares: the host's registries.conf, and the caller's credentials, which come
 * as the first descriptor of each such request (an empty file: none), with those in /etc/berth/auth.json behind them. */

#include "credentials.h"
#include "reference.h"
#include "registries-conf.h"
#include "registry.h"
#include "worker.h"

typedef struct Remote {
        RegistriesConf conf;
        json_t *credentials;
        json_t *system_credentials; /* for what the caller brings nothing */
} Remote;

int remote_open(Worker *worker, Remote *ret, Error *error);
void remote_done(Remote *remote);

/* ERROR_DENIED for what the administrator has blocked or rejects. */
int remote_check(const Remote *remote, const Reference *reference, const char *purpose, Error *error);

/* A client for the reference's repository, once remote_check() lets it pass; to be freed before the remote is done.
 * actions: "pull", "pull,push"; purpose: begins the sentence of errors; stop_fd: -EBADF, or a second descriptor that
 * cancels when it becomes readable. */
int remote_registry(Remote *remote, Worker *worker, const Reference *reference, const char *actions,
                    const char *purpose, int stop_fd, Registry **ret, Error *error);

/* The error of a verb, whole: what the store says lacks what it was for; what the registry's client says has it. */
int remote_complete_error(const char *purpose, int r, Error *error);
