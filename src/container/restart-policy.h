/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* When a container that has ended is started again, and after how long. Pure. */

#include "container-spec.h"

#define RESTART_DELAY_MIN_USEC UINT64_C(100000)
#define RESTART_DELAY_MAX_USEC UINT64_C(60000000)
/* A run of this length counts as good: the next delay is the shortest again. */
#define RESTART_GOOD_RUN_USEC UINT64_C(10000000)

/* It has just ended. state: exit code, restart count and whether a person stopped it. */
bool restart_policy_applies(const RestartPolicy *policy, const ContainerState *state) _pure_;
/* The host has come up; the container ended with the last boot or before. always is for ever, also for one that a
 * person had stopped; what has never run is not started. */
bool restart_policy_applies_at_boot(const RestartPolicy *policy, const ContainerState *state) _pure_;
/* last_delay: the one before this run, 0 when a person started it. */
uint64_t restart_policy_delay(uint64_t last_delay, uint64_t ran_usec) _const_;
