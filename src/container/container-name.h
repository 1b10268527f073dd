/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "container-spec.h"

/* A new id: 64 random hex digits, of which the first 12 are not all decimal (they serve as a host name). */
int container_id_make(char **ret);
/* "brave_otter", out of about 10,000. */
int container_name_make_random(char **ret);
/* "berth-web.scope"; distinct: "berth-web-0123456789ab.scope", for when another one has that. */
char *container_unit_name(const char *name, const char *id, bool distinct);
