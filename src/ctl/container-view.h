/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A container's properties in words. */

#include "ctl.h"
#include "human.h"
#include "terminal.h"

bool container_is_running(const json_t *properties);
/* "running", "exited 1", "paused" */
char *container_state_text(const json_t *properties);
Color container_state_color(const json_t *properties);
/* When it got into this state, usec. */
uint64_t container_since(const json_t *properties);
/* "Up 4 seconds", "Exited (1) 3 hours ago": what docker calls the status. */
char *container_docker_status(const json_t *properties);
/* A list of texts, joined by ", "; "" when empty. */
char *json_join(const json_t *array, const char *separator);
/* Adds what docker's templates ask for ({{.Names}}, {{.ID}}, {{.RunningFor}}, …) to an object of properties. */
int container_add_docker_fields(json_t *properties);
