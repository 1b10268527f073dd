/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The launch document of one run, out of what is known of the container. Pure. */

#include "effective-config.h"
#include "launch-spec.h"

/* What other, running containers give to this one. */
typedef struct LaunchShared {
        LaunchNamespace user, network, pid, ipc; /* JOIN, or all zeros */
        const char *hostname;                    /* of the one whose network it is; else NULL */
} LaunchShared;

typedef struct LaunchInputs {
        const ContainerSpec *spec;
        const EffectiveConfig *effective;
        const char *unit;
        char **lower; /* absolute, topmost first */
        char *const *const
                *image_lower;  /* of each of the spec's mounts the same, where it is an image; may be NULL */
        const char *directory; /* of the container, with upper and work */
        const char *run_directory; /* with hostname, hosts and resolv.conf */
        const List *interfaces;    /* LaunchInterface */
        uint32_t rows, columns;
        const LaunchShared *shared; /* NULL: nothing */
        const List *devices;        /* LaunchDevice; NULL: none */
} LaunchInputs;

/* ERROR_INVALID: no command, unknown capability, two mounts on one target. */
int launch_make(const LaunchInputs *inputs, LaunchSpec *ret, Error *error);
