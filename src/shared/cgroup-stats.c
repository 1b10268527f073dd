/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cgroup-stats.h"
#include "fd-util.h"
#include "string-util.h"
#include "time-util.h"

#define CGROUP_ROOT "/sys/fs/cgroup"
#define FILE_MAX (64 * KIB)

/* ---- the content of files ---- */

uint64_t stat_parse_number(const char *text) {
        char *end;

        if (startswith(text, "max"))
                return STAT_UNLIMITED;
        uint64_t v = strtoull(text, &end, 10);
        return end == text ? STAT_UNKNOWN : v;
}

uint64_t stat_parse_key(const char *text, const char *key) {
        for (const char *line = text; line && *line; line = strchr(line, '\n'), line += line ? 1 : 0) {
                const char *rest = startswith(line, key);
                if (rest && *rest == ' ')
                        return stat_parse_number(rest + 1);
        }
        return STAT_UNKNOWN;
}

uint64_t stat_sum_devices(const char *text, const char *key) {
        size_t size = strlen(key);
        uint64_t sum = 0;

        for (const char *s = strstr(text, key); s; s = strstr(s + size, key))
                if (s > text && s[-1] == ' ' && s[size] == '=')
                        sum += strtoull(s + size + 1, NULL, 10);
        return sum;
}

uint64_t stat_parse_pressure(const char *text) {
        const char *average = startswith(text, "some avg10=");
        unsigned whole, part;

        if (!average || sscanf(average, "%u.%2u", &whole, &part) != 2)
                return STAT_UNKNOWN;
        return whole * 100 + part;
}

void stat_sum_interfaces(const char *text, uint64_t *ret_received, uint64_t *ret_sent) {
        unsigned long long received, sent;
        uint64_t in = 0, out = 0;

        for (const char *line = text; line && *line; line = strchr(line, '\n'), line += line ? 1 : 0) {
                const char *colon = strchr(line, ':'), *end = strchrnul(line, '\n');
                if (!colon || colon > end)
                        continue; /* the two lines of headings have none */
                const char *name = line + strspn(line, " ");
                if (colon - name == 2 && strncmp(name, "lo", 2) == 0)
                        continue;
                if (sscanf(colon + 1, "%llu %*u %*u %*u %*u %*u %*u %*u %llu", &received, &sent) == 2) {
                        in += received;
                        out += sent;
                }
        }
        *ret_received = in;
        *ret_sent = out;
}

/* ---- the files ---- */

#define O(member) offsetof(CgroupStats, member)

static void take_number(const char *text, uint64_t *value) {
        *value = stat_parse_number(text);
}

static void take_cpu(const char *text, uint64_t *value) {
        *value = stat_parse_key(text, "usage_usec");
}

static void take_cache(const char *text, uint64_t *value) {
        *value = stat_parse_key(text, "inactive_file");
}

static void take_kills(const char *text, uint64_t *value) {
        *value = stat_parse_key(text, "oom_kill");
}

static void take_read(const char *text, uint64_t *value) {
        *value = stat_sum_devices(text, "rbytes");
}

static void take_written(const char *text, uint64_t *value) {
        *value = stat_sum_devices(text, "wbytes");
}

static void take_pressure(const char *text, uint64_t *value) {
        *value = stat_parse_pressure(text);
}

typedef struct StatFile {
        const char *name;
        size_t offset; /* in CgroupStats */
        void (*take)(const char *text, uint64_t *value);
        size_t second_offset; /* of a second value in the same file */
        void (*take_second)(const char *text, uint64_t *value);
} StatFile;

static const StatFile files[] = {
        { "cpu.stat", O(cpu), take_cpu },
        { "memory.current", O(memory), take_number },
        { "memory.max", O(memory_max), take_number },
        { "memory.stat", O(memory_cache), take_cache },
        { "memory.swap.current", O(swap), take_number },
        { "memory.events", O(oom_kills), take_kills },
        { "pids.current", O(tasks), take_number },
        { "pids.max", O(tasks_max), take_number },
        { "io.stat", O(disk_read), take_read, O(disk_written), take_written },
        { "cpu.pressure", O(cpu_pressure), take_pressure },
        { "memory.pressure", O(memory_pressure), take_pressure },
        { "io.pressure", O(io_pressure), take_pressure },
};

struct CgroupReader {
        int fds[ELEMENTSOF(files)];
        int network;
        char *buffer;
};

CgroupReader *cgroup_reader_free(CgroupReader *reader) {
        if (!reader)
                return NULL;
        for (size_t i = 0; i < ELEMENTSOF(files); i++)
                safe_close(reader->fds[i]);
        safe_close(reader->network);
        free(reader->buffer);
        free(reader);
        return NULL;
}

int cgroup_reader_new(const char *path, pid_t pid, CgroupReader **ret) {
        _cleanup_(cgroup_reader_freep) CgroupReader *reader = new0(CgroupReader, 1);
        _cleanup_free_ char *directory = string_join(CGROUP_ROOT, path);
        char network[64];

        if (!reader || !directory)
                return -ENOMEM;
        reader->network = -EBADF;
        for (size_t i = 0; i < ELEMENTSOF(files); i++)
                reader->fds[i] = -EBADF;
        reader->buffer = malloc(FILE_MAX);
        _cleanup_close_ int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || !reader->buffer)
                return fd < 0 ? negative_errno() : -ENOMEM;
        for (size_t i = 0; i < ELEMENTSOF(files); i++)
                reader->fds[i] = openat(fd, files[i].name, O_RDONLY | O_CLOEXEC);
        snprintf(network, sizeof(network), "/proc/%d/net/dev", (int) pid);
        if (pid > 0)
                reader->network = open(network, O_RDONLY | O_CLOEXEC);
        *ret = TAKE_PTR(reader);
        return 0;
}

static bool read_again(CgroupReader *reader, int fd) {
        ssize_t n = fd < 0 ? -1 : pread(fd, reader->buffer, FILE_MAX - 1, 0);

        if (n < 0)
                return false;
        reader->buffer[n] = 0;
        return true;
}

void cgroup_reader_read(CgroupReader *reader, CgroupStats *ret) {
        memset(ret, 0xff, sizeof(*ret)); /* STAT_UNKNOWN */
        ret->time = now_usec(CLOCK_MONOTONIC);
        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                const StatFile *f = &files[i];
                if (!read_again(reader, reader->fds[i]))
                        continue;
                f->take(reader->buffer, (uint64_t *) ((char *) ret + f->offset));
                if (f->take_second)
                        f->take_second(reader->buffer, (uint64_t *) ((char *) ret + f->second_offset));
        }
        if (read_again(reader, reader->network))
                stat_sum_interfaces(reader->buffer, &ret->received, &ret->sent);
}
