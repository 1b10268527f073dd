/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "volume-quota.h"
#include "project-quota.h"

int volume_quota_set(int dir_fd, uint32_t project, uint64_t size, Error *error) {
        int r = project_quota_set(dir_fd, project, size);

        if (r == -EOPNOTSUPP)
                return error_set(
                        error, ERROR_UNSUPPORTED,
                        "the file system of " STATE_DIRECTORY " can't limit the size of a folder, since it "
                        "is not mounted with project quotas (prjquota); a volume of the driver \"loop\" "
                        "can have a size");
        return r < 0 ? error_set_errno(error, r, "can't set the size of the volume") : 0;
}
