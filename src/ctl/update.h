/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The options of update. */

#include "resource-option.h"

typedef struct UpdateOptions {
        ResourceOptions resources; /* must stand first */
        char **environment, **env_files, **env_removed;
        char **labels, **labels_removed;
        const char *restart, *stop_signal;
        OptionDuration stop_timeout;
        bool dry_run, force;
} UpdateOptions;

/* Those fields of a specification that options change in part. */
typedef struct UpdatedMaps {
        char **properties, **labels, **environment;
} UpdatedMaps;

extern const Option update_options[];
void update_options_done(void *options);
