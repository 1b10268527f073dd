/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How it is found out whether a container does what it should (HealthCheck: Docker's HEALTHCHECK and --health-*), and what was
 * found (HealthState). */

#include "object.h"

#define HEALTH_LOG_MAX 5       /* the last so many probes are kept */
#define HEALTH_OUTPUT_MAX 4096 /* bytes of output of each */

typedef enum HealthOnFailure {
        HEALTH_ON_FAILURE_NONE,
        HEALTH_ON_FAILURE_RESTART,
        HEALTH_ON_FAILURE_KILL,
        HEALTH_ON_FAILURE_STOP,
} HealthOnFailure;
extern const char *const health_on_failure_words[];

typedef struct HealthCheck {
        char **test; /* as Docker's: "CMD", arguments … | "CMD-SHELL", command | "NONE"; empty: the image's */
        /* usec; 0: the image's, then the default (30 s, 30 s, 0, 5 s, 3) */
        uint64_t interval, timeout, start_period, start_interval;
        uint32_t retries;
        HealthOnFailure on_failure;
} HealthCheck;
extern const ObjectType health_check_type;

/* Anything of it differs from what is without it. */
bool health_check_is_set(const HealthCheck *check) _pure_;
/* There is something to execute. */
bool health_check_is_active(const HealthCheck *check) _pure_;
/* What is set in `over` replaces what is in check. 0 or -ENOMEM. */
int health_check_overlay(HealthCheck *check, const HealthCheck *over);
/* What a container is checked by: its own wishes, field by field, then its image's, then the defaults. Without a command,
 * or switched off: all zeros. 0 or -ENOMEM. */
int health_check_merge(const HealthCheck *own, const HealthCheck *image, HealthCheck *ret);

typedef enum HealthStatus {
        HEALTH_NONE, /* nothing is checked, or it does not run */
        HEALTH_STARTING,
        HEALTH_HEALTHY,
        HEALTH_UNHEALTHY,
} HealthStatus;
extern const char *const health_status_words[];

typedef struct HealthProbe {
        uint64_t started, finished; /* realtime usec */
        int exit_code;              /* of the command; -1: it could not be executed, or took too long */
        char *output;               /* what it printed, cut off */
} HealthProbe;
extern const ObjectType health_probe_type;

typedef struct HealthState {
        HealthStatus status;
        uint32_t failing_streak;
        List log; /* HealthProbe, oldest first */
} HealthState;
extern const ObjectType health_state_type;
