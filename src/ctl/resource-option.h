/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Docker's resource options as properties of the scope (systemd.resource-control(5)). Pure. */

#include "create-options.h"

/* Fills options->spec.properties. */
int resource_options_apply(CreateOptions *options, Error *error);
