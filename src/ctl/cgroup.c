/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdio.h>

#include "cgroup.h"
#include "fd-util.h"
#include "file-util.h"
#include "parse-util.h"
#include "string-util.h"
#include "strv.h"
#include "terminal.h"

#define CGROUP_ROOT "/sys/fs/cgroup"
#define DEPTH_MAX 16
#define PROCESSES_SHOWN_MAX 500

static int open_cgroup(const char *path) {
        _cleanup_free_ char *full = string_join(CGROUP_ROOT, path);

        if (!full)
                return -ENOMEM;
        int fd = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? negative_errno() : fd;
}

/* A file with one number, or "max". */
static uint64_t read_number(int dir_fd, const char *file) {
        _cleanup_free_ char *text = NULL;
        uint64_t v;

        if (read_file_at(dir_fd, file, 4096, &text, NULL) < 0)
                return CGROUP_UNKNOWN;
        text[strcspn(text, "\n")] = 0;
        if (streq(text, "max"))
                return CGROUP_UNLIMITED;
        return parse_u64(text, &v) < 0 ? CGROUP_UNKNOWN : v;
}

static uint64_t read_cpu(int dir_fd) {
        _cleanup_free_ char *text = NULL;

        if (read_file_at(dir_fd, "cpu.stat", 64 * KIB, &text, NULL) < 0)
                return CGROUP_UNKNOWN;
        const char *usage = startswith(text, "usage_usec ");
        return usage ? strtoull(usage, NULL, 10) : CGROUP_UNKNOWN;
}

void cgroup_usage(const char *path, CgroupUsage *ret) {
        *ret = (CgroupUsage){ CGROUP_UNKNOWN, CGROUP_UNKNOWN, CGROUP_UNKNOWN, CGROUP_UNKNOWN,
                              CGROUP_UNKNOWN };
        if (isempty(path))
                return;
        _cleanup_close_ int fd = open_cgroup(path);
        if (fd < 0)
                return;
        *ret = (CgroupUsage){
                .cpu_usec = read_cpu(fd),
                .memory = read_number(fd, "memory.current"),
                .memory_max = read_number(fd, "memory.max"),
                .tasks = read_number(fd, "pids.current"),
                .tasks_max = read_number(fd, "pids.max"),
        };
}

/* ---- the tree ---- */

typedef struct Tree {
        unsigned width;
        size_t shown;
} Tree;

/* The command line with spaces, or "[name]" of a kernel thread or a zombie. */
static char *command_line(unsigned pid) {
        _cleanup_free_ char *text = NULL, *comm = NULL;
        char path[64];
        size_t size;

        snprintf(path, sizeof(path), "/proc/%u/cmdline", pid);
        if (read_file_at(AT_FDCWD, path, MIB, &text, &size) >= 0 && size > 0) {
                for (size_t i = 0; i + 1 < size; i++)
                        if (!text[i])
                                text[i] = ' ';
                return TAKE_PTR(text);
        }
        snprintf(path, sizeof(path), "/proc/%u/comm", pid);
        if (read_file_at(AT_FDCWD, path, 4096, &comm, &size) < 0)
                return strdup("[gone]");
        comm[strcspn(comm, "\n")] = 0;
        return string_join("[", comm, "]");
}

static int print_line(Tree *tree, const char *prefix, bool last, const char *text) {
        _cleanup_free_ char *line =
                string_join(prefix, glyph(last ? GLYPH_TREE_LAST : GLYPH_TREE_BRANCH), text);
        _cleanup_free_ char *cut =
                line ? (tree->width > 0 ? text_ellipsize(line, tree->width) : text_sanitize(line)) : NULL;

        if (!cut)
                return -ENOMEM;
        puts(cut);
        return 0;
}

static int read_children(int fd, char ***ret) {
        _cleanup_closedir_ DIR *dir = opendir_at(fd, ".");
        struct dirent *entry;

        if (!dir)
                return negative_errno();
        while ((entry = readdir_no_dot(dir)))
                if (entry->d_type == DT_DIR) {
                        int r = strv_extend(ret, entry->d_name);
                        if (r < 0)
                                return r;
                }
        strv_sort(*ret);
        return 0;
}

static int print_level(Tree *tree, int fd, const char *prefix, unsigned depth) {
        _cleanup_strv_free_ char **children = NULL, **pids = NULL;
        _cleanup_free_ char *procs = NULL;
        int r;

        if (depth == 0)
                return 0;
        if ((r = read_file_at(fd, "cgroup.procs", MIB, &procs, NULL)) < 0 ||
            (r = strv_split(procs, "\n", &pids)) < 0 || (r = read_children(fd, &children)) < 0)
                return r;
        STRV_FOREACH(pid, pids) {
                unsigned n;
                if (tree->shown++ >= PROCESSES_SHOWN_MAX || parse_unsigned(*pid, &n) < 0)
                        break;
                _cleanup_free_ char *command = command_line(n);
                _cleanup_free_ char *text = command ? string_join(*pid, " ", command) : NULL;
                if (!text || print_line(tree, prefix, !pid[1] && strv_isempty(children), text) < 0)
                        return -ENOMEM;
        }
        STRV_FOREACH(child, children) {
                bool last = !child[1];
                _cleanup_close_ int below = openat(fd, *child, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                _cleanup_free_ char *deeper = string_join(prefix, last ? "  " : glyph(GLYPH_TREE_VERTICAL));
                if (!deeper || print_line(tree, prefix, last, *child) < 0)
                        return -ENOMEM;
                if (below >= 0 && (r = print_level(tree, below, deeper, depth - 1)) < 0)
                        return r;
        }
        return 0;
}

int cgroup_print_tree(const char *path, unsigned indent, unsigned width) {
        _cleanup_free_ char *prefix = format_string("%*s", (int) indent, "");
        Tree tree = { .width = width };

        if (!prefix)
                return -ENOMEM;
        _cleanup_close_ int fd = open_cgroup(path);
        return fd < 0 ? fd : print_level(&tree, fd, prefix, DEPTH_MAX);
}
