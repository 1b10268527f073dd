/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "container-private.h"
#include "fd-util.h"
#include "file-util.h"
#include "parse-util.h"
#include "path-util.h"
#include "process-util.h"
#include "string-util.h"
#include "strv.h"

#define PROCESSES_MAX 4096 /* listed; a container may have more */
#define CGROUPS_MAX 256    /* looked into */
#define COMMAND_LINE_MAX 4096

typedef struct Listing {
        ContainerProcess *items;
        size_t n, allocated;
        unsigned cgroups;
} Listing;

void container_processes_free(ContainerProcess *processes, size_t n) {
        for (size_t i = 0; i < n; i++) {
                free(processes[i].name);
                free(processes[i].command_line);
        }
        free(processes);
}

/* The arguments with blanks between them; what is no text becomes "?". */
static char *read_command_line(pid_t pid) {
        char path[64], buffer[COMMAND_LINE_MAX + 1];

        snprintf(path, sizeof(path), "/proc/%d/cmdline", (int) pid);
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? 0 : read_full(fd, buffer, COMMAND_LINE_MAX);
        if (n < 0)
                n = 0;
        while (n > 0 && buffer[n - 1] == 0)
                n--;
        for (ssize_t i = 0; i < n; i++)
                if (buffer[i] == 0)
                        buffer[i] = ' ';
                else if ((unsigned char) buffer[i] < ' ' || buffer[i] == 127)
                        buffer[i] = '?';
        buffer[n] = 0;
        if (!utf8_is_valid(buffer, n))
                for (ssize_t i = 0; i < n; i++)
                        if ((unsigned char) buffer[i] > 127)
                                buffer[i] = '?';
        return strdup(buffer);
}

static int add_process(Listing *listing, pid_t pid) {
        _cleanup_free_ char *name = NULL, *command_line = NULL;
        char path[64];
        struct stat st;

        snprintf(path, sizeof(path), "/proc/%d", (int) pid);
        if (listing->n >= PROCESSES_MAX || stat(path, &st) < 0 || process_comm(pid, &name) < 0)
                return 0;
        if (!utf8_is_valid(name, strlen(name)))
                strcpy(name, "?");
        command_line = read_command_line(pid);
        int r = array_reserve(&listing->items, &listing->allocated, listing->n + 1,
                              sizeof(ContainerProcess));
        if (!command_line || r < 0)
                return -ENOMEM;
        listing->items[listing->n++] = (ContainerProcess){
                .pid = pid,
                .uid = st.st_uid,
                .name = TAKE_PTR(name),
                .command_line = TAKE_PTR(command_line),
        };
        return 0;
}

/* A delegated scope may have cgroups of the container's own below it. */
static int add_cgroup(Listing *listing, int parent_fd, const char *name) {
        _cleanup_free_ char *text = NULL;
        _cleanup_strv_free_ char **pids = NULL;
        _cleanup_closedir_ DIR *dir = opendir_at(parent_fd, name);

        if (!dir || listing->cgroups++ >= CGROUPS_MAX)
                return 0;
        if (read_file_at(dirfd(dir), "cgroup.procs", 1 * MIB, &text, NULL) >= 0) {
                int r = strv_split(text, "\n", &pids);
                for (size_t i = 0; r >= 0 && pids && pids[i]; i++) {
                        unsigned pid;
                        if (parse_unsigned(pids[i], &pid) >= 0 && pid > 0)
                                r = add_process(listing, (pid_t) pid);
                }
                if (r < 0)
                        return r;
        }
        for (struct dirent *entry; (entry = readdir_no_dot(dir));) {
                int r = entry->d_type == DT_DIR ? add_cgroup(listing, dirfd(dir), entry->d_name) : 0;
                if (r < 0)
                        return r;
        }
        return 0;
}

int container_processes(Container *c, ContainerProcess **ret, size_t *ret_n, Error *error) {
        Listing listing = {};

        if (!container_is_active(c) || !c->state.cgroup)
                return error_set(error, ERROR_NOT_RUNNING, "container \"%s\" is not running", c->spec.name);
        _cleanup_free_ char *path = string_join("/sys/fs/cgroup", c->state.cgroup);
        int r = path ? add_cgroup(&listing, AT_FDCWD, path) : -ENOMEM;
        if (r < 0) {
                container_processes_free(listing.items, listing.n);
                return error_set_errno(error, r, "cannot list the processes of \"%s\"", c->spec.name);
        }
        *ret = listing.items;
        *ret_n = listing.n;
        return 0;
}

int container_leader_command(const Container *c, char **ret) {
        if (c->state.leader > 0 && c->executed && process_comm(c->state.leader, ret) >= 0 &&
            utf8_is_valid(*ret, strlen(*ret)))
                return 0;
        free_and_replace(*ret, NULL);
        *ret = strdup("");
        return *ret ? 0 : -ENOMEM;
}
