/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* --security-opt. */

#include "container-spec.h"

/* For the shell: what an option begins with. */
#define SECURITY_OPTION_WORDS                                                                               \
        "no-new-privileges|seccomp=|seccomp=unconfined|apparmor=|apparmor=unconfined|label=|label=disable|" \
        "mask=|unmask=|unmask=ALL|systempaths=unconfined"

int security_option_apply(const char *option, ContainerSpec *spec, Error *error);
