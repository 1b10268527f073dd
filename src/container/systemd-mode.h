/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Containers whose first process is a systemd. What such a one needs is said in systemd's "Container Interface": that it
 * runs in a container, and who it is, in two variables; tmpfs on /run and /run/lock; its own part of the cgroup tree to
 * divide; and SIGRTMIN+3 as the signal to end. Pure. */

#include "container-spec.h"

#define SYSTEMD_STOP_SIGNAL "SIGRTMIN+3"

/* In SYSTEMD_AUTO when the command has the name of an init, and berth has not put its own in front of it. */
bool systemd_mode_applies(const ContainerSpec *spec, char *const *arguments) _pure_;
/* Sets the variables by which it knows. Returns 0 or -ENOMEM. */
int systemd_mode_environment(const ContainerSpec *spec, char ***environment);
