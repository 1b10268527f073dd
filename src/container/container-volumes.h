/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a container's volumes need before it can start. */

#include "container.h"
#include "volume-store.h"
#include "worker-message.h"

/* A Preparation (container-prepare.c): mounts those volumes that are not yet, for all containers of the host. */
int container_prepare_volumes(Container *container, WorkerRequest *request, Error *error);
/* One more volume for a request to mount some. 0 or -ENOMEM. */
int container_volume_request(const Volume *volume, WorkerRequest *request);
