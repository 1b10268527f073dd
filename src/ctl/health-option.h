/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* --health-*: parsers that write into the specification's HealthCheck at once. */

#include "option.h"

/* Into its `test`: a command for the shell, or a JSON list of arguments, or "none". */
int parse_health_command(const Option *option, const char *value, void *target, Error *error);
int parse_no_health_check(const Option *option, const char *value, void *target, Error *error);
/* Into an uint64_t, usec. */
int parse_health_duration(const Option *option, const char *value, void *target, Error *error);
int parse_health_retries(const Option *option, const char *value, void *target, Error *error);
int parse_health_on_failure(const Option *option, const char *value, void *target, Error *error);
