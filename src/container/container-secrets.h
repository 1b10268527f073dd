/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The secrets that a container is given. Before each start a worker decrypts them into a file system in memory, which is
 * mounted on "secrets" in the run directory and has
 *
 *   dir/TARGET     those that belong below /run/secrets, which shows this folder
 *   files/NUMBER   each of the others, mounted on its target
 *
 * It goes with the end of the run. */

#include "container.h"
#include "launch.h"
#include "worker-message.h"

#define SECRETS_MOUNT "secrets"

/* A Preparation (container-prepare.c). */
int container_prepare_secrets(Container *container, WorkerRequest *request, Error *error);
/* The run directory's mount of secrets goes, if there is one. */
void container_drop_secrets(int run_fd, const char *id);
/* The launch document's mounts. 0 or -ENOMEM. */
int launch_secrets_make(const LaunchInputs *inputs, LaunchSpec *launch);
/* Their targets are paths of their own, and their ids exist in the container. */
int container_check_secrets(const ContainerSpec *spec, Error *error);
