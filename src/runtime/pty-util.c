/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "fd-util.h"
#include "file-util.h"
#include "pty-util.h"

int pty_open(int root_fd, int *ret_master, int *ret_slave) {
        struct stat st;
        int unlock = 0;

        _cleanup_close_ int master =
                open_in_root(root_fd, "/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK, 0);
        if (master < 0)
                return master;
        /* In a running container anything may have been put there. */
        if (fstat(master, &st) < 0)
                return negative_errno();
        if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(5, 2))
                return -ENOTTY;
        if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
                return negative_errno();
        int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (slave < 0)
                return negative_errno();
        *ret_master = TAKE_FD(master);
        *ret_slave = slave;
        return 0;
}

int pty_resize(int fd, unsigned rows, unsigned columns) {
        struct winsize size = { .ws_row = MIN(rows, (unsigned) UINT16_MAX),
                                .ws_col = MIN(columns, (unsigned) UINT16_MAX) };

        return ioctl(fd, TIOCSWINSZ, &size) < 0 ? negative_errno() : 0;
}

int pty_take(int slave) {
        if (setsid() < 0 && errno != EPERM)
                return negative_errno();
        return ioctl(slave, TIOCSCTTY, 0) < 0 ? negative_errno() : 0;
}
