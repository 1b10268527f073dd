/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "delegate.h"
#include "fd-util.h"
#include "file-util.h"
#include "string-util.h"
#include "strv.h"

#define CGROUP_ROOT "/sys/fs/cgroup"
#define LIST "/sys/kernel/cgroup/delegate"
#define LIST_SIZE_MAX 4096

/* What may be delegated depends on the kernel, and what there is on the controllers that are on. */
static int give_files(int directory, uid_t owner) {
        _cleanup_free_ char *text = NULL;
        _cleanup_strv_free_ char **names = NULL;
        size_t size;

        int r = read_file_at(AT_FDCWD, LIST, LIST_SIZE_MAX, &text, &size);
        if (r >= 0)
                r = strv_split(text, "\n", &names);
        if (r < 0)
                return r;
        STRV_FOREACH(name, names)
                if (fchownat(directory, *name, owner, owner, AT_SYMLINK_NOFOLLOW) < 0 && errno != ENOENT)
                        return negative_errno();
        return 0;
}

int cgroup_delegate(const char *cgroup, uid_t owner, Error *error) {
        _cleanup_free_ char *path = string_join(CGROUP_ROOT, cgroup);

        if (!path)
                return error_set_errno(error, -ENOMEM, "cannot delegate the cgroup");
        _cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int r = fd < 0 || fchown(fd, owner, owner) < 0 ? negative_errno() : give_files(fd, owner);
        return r < 0 ? error_set_errno(error, r, "cannot give the cgroup %s to the container's root", cgroup)
                     : 0;
}
