/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Docker's resource options as properties of the scope (systemd.resource-control(5)). Pure. */

#include "option.h"

/* The first member of the options of a verb that has `resource_options` among its tables. */
typedef struct ResourceOptions {
        const char *memory, *memory_reservation, *memory_swap, *memory_high, *memory_swappiness,
                *kernel_memory;
        bool oom_kill_disable;
        const char *cpus, *cpu_shares, *cpu_period, *cpu_quota, *cpuset_cpus, *cpuset_mems;
        const char *pids_limit;
        const char *blkio_weight;
        char **blkio_weight_device;
        char **read_bps, **write_bps, **read_iops, **write_iops;
        char **properties;
        bool update; /* of a container that is there: a number of processes of 0 changes nothing either */
} ResourceOptions;

extern const Option resource_options[];

void resource_options_done(ResourceOptions *options);

/* Changes a map of properties by what was asked for: -1 takes a limit away, 0 changes nothing, as in Docker. It may hold those
 * of a container that is there already. */
int resource_options_apply(const ResourceOptions *options, char ***properties, Error *error);
