/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* AppArmor and SELinux, as far as this kernel has them. */

#include "container-spec.h"

/* ERROR_UNSUPPORTED: the kernel has not what the spec asks for. ERROR_INVALID: a profile that is not loaded, no label, a path
 * to mask that is not absolute. */
int security_check(const ContainerSpec *spec, Error *error);
