/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* When a container is probed next, and what follows from how a probe ended, as Docker has it. Pure; all times but those of
 * a HealthProbe are CLOCK_MONOTONIC, usec.
 *
 *   starting   failures within the start period after the start of the container do not count, and probes come at the start
 *              interval; a success ends it, as does the failure that follows on `retries - 1` others that counted
 *   healthy    any success leads here
 *   unhealthy  `retries` failures in a row do */

#include "health-spec.h"

/* Initialise with {}. */
typedef struct HealthMachine {
        const HealthCheck *check; /* borrowed; with the defaults filled in */
        HealthState state;
        uint64_t started; /* when the container was */
        uint64_t due;     /* when the next probe is */
} HealthMachine;

void health_machine_begin(HealthMachine *machine, const HealthCheck *check, uint64_t now);
/* A probe that began at `began` has ended. Takes over its output. Returns whether the status is another now. */
bool health_machine_take(HealthMachine *machine, HealthProbe *probe, uint64_t began, uint64_t now);
/* No probe now, for a reason that says nothing of the container (it is paused). */
void health_machine_skip(HealthMachine *machine, uint64_t now);
void health_machine_done(HealthMachine *machine);

/* What a probe printed, cut at HEALTH_OUTPUT_MAX, as a text that JSON and D-Bus can hold: what is not UTF-8 becomes "?".
 * NULL when out of memory. */
char *health_output_text(const char *data, size_t size);
