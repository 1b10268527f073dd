/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <linux/fs.h>
#include <linux/quota.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "project-quota.h"

#define BLOCK 1024 /* of quotactl(2)'s limits */
#define COMMAND(command, type) ((unsigned) (command) << 8 | (type))

static int quota_errno(void) {
        int code = errno;

        return code == ENOTTY || code == EOPNOTSUPP || code == ENOSYS || code == ESRCH || code == EINVAL
                       ? -EOPNOTSUPP
                       : -code;
}

int project_quota_set(int dir_fd, uint32_t project, uint64_t size) {
        struct if_dqblk limits = {
                .dqb_bhardlimit = (size + BLOCK - 1) / BLOCK,
                .dqb_bsoftlimit = (size + BLOCK - 1) / BLOCK,
                .dqb_valid = QIF_BLIMITS,
        };
        struct fsxattr attributes;

        /* The limit first: without quotas it is what fails, and the attribute alone would be no limit at all. */
        if (syscall(SYS_quotactl_fd, dir_fd, COMMAND(Q_SETQUOTA, PRJQUOTA), project, &limits) < 0 ||
            ioctl(dir_fd, FS_IOC_FSGETXATTR, &attributes) < 0)
                return quota_errno();
        attributes.fsx_projid = project;
        attributes.fsx_xflags |= FS_XFLAG_PROJINHERIT;
        return ioctl(dir_fd, FS_IOC_FSSETXATTR, &attributes) < 0 ? quota_errno() : 0;
}

int project_quota_check(int dir_fd) {
        struct if_dqblk limits;

        /* Without a limit there is nothing to be told of the project (ENOENT), which is fine. */
        if (syscall(SYS_quotactl_fd, dir_fd, COMMAND(Q_GETQUOTA, PRJQUOTA), 0, &limits) < 0 &&
            errno != ENOENT)
                return quota_errno();
        return 0;
}
