/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Limits on what may be written below a directory, by the project quotas of xfs and ext4. */

#include "macro.h"

/* All that is made in the directory from now on counts for the project, which may take so many bytes. Needs CAP_SYS_ADMIN.
 * -EOPNOTSUPP where the file system keeps no project quotas. */
int project_quota_set(int dir_fd, uint32_t project, uint64_t size);
/* Whether that can work there: 0 or -EOPNOTSUPP. */
int project_quota_check(int dir_fd);
