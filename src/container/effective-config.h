/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a container really runs: its image's configuration and its own, merged by Docker's rules. Pure. */

#include "container-spec.h"
#include "image-spec.h"

typedef struct EffectiveConfig {
        char **arguments; /* entrypoint, then command; empty when neither gives any */
        char **environment;
        char *working_directory;
        char *user;
        char *hostname;
        char **labels; /* map: the image's, overridden by the container's */
        int stop_signal;
        bool systemd;       /* the command is a systemd, see systemd-mode.h */
        HealthCheck health; /* all zeros: nothing is checked */
} EffectiveConfig;

/* host_name: what the container is called when it shares the host's network and asks for no name of its own.
 * Returns 0 or -ENOMEM.
 *
 * An entrypoint of the container's own (also an empty one, reset_entrypoint) makes the image's command meaningless
 * as well, since that was written for the image's entrypoint. */
int effective_config_make(const ContainerSpec *spec, const ImageConfig *image, const char *host_name,
                          EffectiveConfig *ret);
void effective_config_done(EffectiveConfig *config);
