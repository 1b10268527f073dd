/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the files that make a plan share. */

#include "plan.h"

/* A page, less what mount(2) needs itself. */
#define OVERLAY_OPTIONS_MAX 4095
#define OVERLAY_LAYERS_MAX 500 /* the kernel's own limit */

int plan_add(Plan *plan, const Op *op);
/* Hands the string to the plan. NULL when out of memory, also when s is NULL. */
const char *plan_keep(Plan *plan, char *s);

/* ---- plan-mounts.c ---- */

/* The mounts that were asked for, in the order of the LaunchSpec. */
int plan_mounts(Plan *plan, const LaunchSpec *spec, Error *error);
/* Those whose files change their owner, which the container's own /etc/passwd tells. */
int plan_owners(Plan *plan, const LaunchSpec *spec);
