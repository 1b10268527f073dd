/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The options of create and run about namespaces, kernel parameters, limits and devices: values for `parse` of an Option,
 * whose target is the ContainerSpec. */

#include "container-spec.h"
#include "option.h"

int namespace_parse_pid(const Option *option, const char *value, void *spec, Error *error);
int namespace_parse_ipc(const Option *option, const char *value, void *spec, Error *error);
int namespace_parse_uts(const Option *option, const char *value, void *spec, Error *error);
int namespace_parse_cgroup(const Option *option, const char *value, void *spec, Error *error);
int namespace_parse_user(const Option *option, const char *value, void *spec, Error *error);
/* "boottime=+1d": a duration, with a sign. */
int namespace_parse_time_offset(const Option *option, const char *value, void *spec, Error *error);
/* NAME=VALUE into a map. */
int option_map(const Option *option, const char *value, void *map, Error *error);
int option_oom_score(const Option *option, const char *value, void *target, Error *error);
int option_bytes(const Option *option, const char *value, void *target, Error *error);
