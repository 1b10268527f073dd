/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "option.h"

/* --systemd: an int of SystemdMode. Also "true" and "false", which mean auto and never, as podman has it. */
int option_systemd_mode(const Option *option, const char *value, void *target, Error *error);
