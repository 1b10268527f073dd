/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a container shares with others that run: their namespaces, and with the network also its names. */

#include "container.h"
#include "etc-files.h"
#include "launch.h"

/* *ret borrows from the other containers. ERROR_NOT_RUNNING, ERROR_NO_SUCH_CONTAINER. */
int container_find_shared(Container *container, LaunchShared *ret, Error *error);
/* The files in /etc of the one whose network it shares, as they are now. */
int container_copy_etc_files(Container *container, EtcFiles *ret, Error *error);
