/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Namespaces, ids, kernel parameters and limits of processes in a launch document. Pure. */

#include "launch.h"

int launch_namespaces_make(const LaunchInputs *inputs, LaunchSpec *l, Error *error);
