/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Whether two files, of which each may be of any type, are the same to who uses them: type, mode, owner, attributes, and
 * content, target or device number. */

#include <sys/stat.h>

#include "macro.h"

typedef enum FileDifference {
        FILE_DIFFERS_TYPE = 1 << 0,
        FILE_DIFFERS_MODE = 1 << 1,
        FILE_DIFFERS_OWNER = 1 << 2,
        FILE_DIFFERS_XATTRS = 1 << 3,
        FILE_DIFFERS_CONTENT = 1 << 4, /* of a file, the target of a link, the number of a device */
        FILE_DIFFERS_TIME = 1 << 5,    /* of modification */
} FileDifference;

/* Compares in the aspects `wanted`; what costs most comes last, and is left out once there is any difference. The fds may be
 * O_PATH; a and b are what fstat() says of them. cancelled (may be NULL) is asked now and then. Returns a mask of FileDifference,
 * or a negative errno: -ECANCELED. */
int file_compare(int fd_a, const struct stat *a, int fd_b, const struct stat *b, FileDifference wanted,
                 bool (*cancelled)(void));
