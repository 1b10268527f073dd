/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "fd-util.h"
#include "security-label.h"
#include "string-util.h"

#define PROC_ROOT_INODE 1

/* Only procfs itself, and nothing that is mounted inside of it: what is written here must not land in another of its
 * files. */
static int open_attribute(const char *name) {
        struct open_how how = { .flags = O_WRONLY | O_CLOEXEC,
                                .resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS };
        struct statfs fs;
        struct stat st;
        char path[64];

        _cleanup_close_ int proc = open("/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (proc < 0 || fstatfs(proc, &fs) < 0 || fstat(proc, &st) < 0)
                return negative_errno();
        if (fs.f_type != PROC_SUPER_MAGIC || st.st_ino != PROC_ROOT_INODE)
                return -EXDEV;
        snprintf(path, sizeof(path), "%d/attr/%s", (int) getpid(), name);
        int fd = syscall(SYS_openat2, proc, path, &how, sizeof(how));
        return fd < 0 ? negative_errno() : fd;
}

static int write_attribute(const char *name, const char *prefix, const char *value) {
        _cleanup_free_ char *text = string_join(prefix, value);
        _cleanup_close_ int fd = open_attribute(name);

        if (!text)
                return -ENOMEM;
        return fd < 0 ? fd : write_full(fd, text, strlen(text));
}

int security_label_set(const char *apparmor_profile, const char *selinux_label, Error *error) {
        if (!isempty(apparmor_profile)) {
                int r = write_attribute("apparmor/exec", "exec ", apparmor_profile);
                if (r == -ENOENT) /* before Linux 5.8, where it had the file for itself */
                        r = write_attribute("exec", "exec ", apparmor_profile);
                if (r < 0)
                        return error_set_errno(error, r, "cannot use the AppArmor profile %s",
                                               apparmor_profile);
        }
        if (!isempty(selinux_label)) {
                int r = write_attribute("exec", "", selinux_label);
                if (r < 0)
                        return error_set_errno(error, r, "cannot use the SELinux label %s", selinux_label);
        }
        return 0;
}
