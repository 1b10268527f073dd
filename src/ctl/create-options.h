/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The options of create and run, and the specification that they become. */

#include "container-spec.h"
#include "option.h"
#include "resource-option.h"

typedef struct CreateOptions {
        ResourceOptions resources; /* must stand first */
        ContainerSpec spec;        /* most options write into it at once */

        const char *name;
        char **environment, **env_files;
        char **labels, **label_files;
        const char *entrypoint;
        const char *network, *ipv4, *ipv6, *mac;
        char **aliases;
        const char *restart;
        OptionDuration stop_timeout;

        const char *pull, *platform, *cidfile;
        bool quiet;

        /* run */
        bool detach;
        char **attach;
        const char *detach_keys;
        bool sig_proxy;
} CreateOptions;

extern const Option create_options[];
extern const Option run_options[];

void create_options_init(void *options);
void create_options_done(void *options);

/* "NAME=VALUE" of files, then of the command line, into a map; lookup: gives the value of one without, may be NULL. */
int create_fill_map(char **files, char **assignments, const char *(*lookup)(const char *name), char ***map,
                    Error *error);
/* "on-failure:3"; NULL changes nothing. */
int create_fill_restart(const char *policy, RestartPolicy *ret, Error *error);
/* Completes options->spec from the options and the arguments, IMAGE [COMMAND…]. */
int create_options_finish(CreateOptions *options, char *const *arguments, Error *error);
