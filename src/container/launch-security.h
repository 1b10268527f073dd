/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a container may do, see and change: the part of the launch document that berth-security(7) is about. Pure. */

#include "launch.h"

int launch_security_make(const LaunchInputs *inputs, LaunchSpec *l, Error *error);

/* Docker's default set, with cap_add and cap_drop applied in that order, as "CAP_CHOWN", in the kernel's order; all
 * there are when privileged. ERROR_INVALID for a name that does not exist. */
int capabilities_make(const ContainerSpec *spec, char ***ret, Error *error);

/* Whether its system calls are filtered at all. */
bool spec_filters_calls(const ContainerSpec *spec);
/* The label that its processes get under SELinux, out of the parts that were asked for; NULL: none was. */
int selinux_label_make(const ContainerSpec *spec, char **ret);
