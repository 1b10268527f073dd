/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "volume-quota.h"

#include <linux/fs.h>
#include <linux/quota.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BLOCK 1024 /* of quotactl(2)'s limits */
#define COMMAND(command, type) ((unsigned) (command) << 8 | (type))

static int unsupported(Error *error) {
        return error_set(error, ERROR_UNSUPPORTED,
                         "the file system of " STATE_DIRECTORY " can't limit the size of a folder, since it "
                         "is not mounted with project quotas (prjquota); a volume of the driver \"loop\" "
                         "can have a size");
}

static bool is_unsupported(int code) {
        return code == ENOTTY || code == EOPNOTSUPP || code == ENOSYS || code == ESRCH || code == EINVAL;
}

int volume_quota_set(int dir_fd, uint32_t project, uint64_t size, Error *error) {
        struct if_dqblk limits = {
                .dqb_bhardlimit = (size + BLOCK - 1) / BLOCK,
                .dqb_bsoftlimit = (size + BLOCK - 1) / BLOCK,
                .dqb_valid = QIF_BLIMITS,
        };
        struct fsxattr attributes;

        /* The limit first: without quotas it is what fails, and the attribute alone would be no limit at all. */
        if (syscall(SYS_quotactl_fd, dir_fd, COMMAND(Q_SETQUOTA, PRJQUOTA), project, &limits) < 0)
                return is_unsupported(errno) ? unsupported(error)
                                             : error_set_errno(error, negative_errno(),
                                                               "can't set the size of the volume");
        if (ioctl(dir_fd, FS_IOC_FSGETXATTR, &attributes) < 0)
                return is_unsupported(errno) ? unsupported(error)
                                             : error_set_errno(error, negative_errno(),
                                                               "can't read the attributes of the volume");
        attributes.fsx_projid = project;
        attributes.fsx_xflags |= FS_XFLAG_PROJINHERIT;
        if (ioctl(dir_fd, FS_IOC_FSSETXATTR, &attributes) < 0)
                return is_unsupported(errno) ? unsupported(error)
                                             : error_set_errno(error, negative_errno(),
                                                               "can't set the attributes of the volume");
        return 0;
}
