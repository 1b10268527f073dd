/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "error.h"

/* All that is made in the directory from now on counts for the project, which may take so many bytes. Needs CAP_SYS_ADMIN.
 * ERROR_UNSUPPORTED where the file system keeps no project quotas. */
int volume_quota_set(int dir_fd, uint32_t project, uint64_t size, Error *error);
