/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sysctl.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fd-util.h"
#include "file-util.h"
#include "string-util.h"

#define ROOT "/proc/sys/net"

bool sysctl_has_ipv6(void) {
        return access(ROOT "/ipv6/conf/all", F_OK) == 0;
}

static int sysctl_read(const char *path, char **ret) {
        _cleanup_free_ char *full = string_join(ROOT "/", path), *text = NULL;
        size_t size;

        if (!full)
                return -ENOMEM;
        int r = read_file_at(AT_FDCWD, full, 4096, &text, &size);
        if (r < 0)
                return r;
        text[strcspn(text, "\n")] = 0;
        *ret = TAKE_PTR(text);
        return 0;
}

int sysctl_ensure(const char *path, const char *value) {
        _cleanup_free_ char *full = NULL, *current = NULL;

        int r = sysctl_read(path, &current);
        if (r < 0)
                return r;
        if (streq(current, value))
                return 0;

        full = string_join(ROOT "/", path);
        if (!full)
                return -ENOMEM;
        _cleanup_close_ int fd = open(full, O_WRONLY | O_CLOEXEC);
        return fd < 0 ? negative_errno() : write_full(fd, value, strlen(value));
}

static int keep_router_advertisements(void) {
        _cleanup_closedir_ DIR *dir = opendir_at(AT_FDCWD, ROOT "/ipv6/conf");
        struct dirent *entry;

        if (!dir)
                return negative_errno();
        while ((entry = readdir_no_dot(dir))) {
                _cleanup_free_ char *path = string_join("ipv6/conf/", entry->d_name, "/accept_ra"),
                                    *value = NULL;
                if (!path)
                        return -ENOMEM;
                if (sysctl_read(path, &value) < 0 || !streq(value, "1"))
                        continue;
                int r = sysctl_ensure(path, "2");
                if (r < 0)
                        return r;
        }
        return 0;
}

int sysctl_enable_forwarding(int family) {
        _cleanup_free_ char *current = NULL;

        if (family == AF_INET)
                return sysctl_ensure("ipv4/ip_forward", "1");
        int r = sysctl_read("ipv6/conf/all/forwarding", &current);
        if (r < 0 || streq(current, "1"))
                return r;
        r = keep_router_advertisements();
        return r < 0 ? r : sysctl_ensure("ipv6/conf/all/forwarding", "1");
}
