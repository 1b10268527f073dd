/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Whether what a specification says of namespaces, kernel parameters, limits and devices can be: what contradicts itself is
 * refused when the container is made, and not when it starts. Pure. ERROR_INVALID, ERROR_UNSUPPORTED. */

#include "container-spec.h"

int namespaces_check(const ContainerSpec *spec, Error *error);
