/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a cgroup and the network namespace of a process in it have used so far. The files stay open between two readings, as
 * looking up a hundred paths a second costs more than reading them. */

#include "macro.h"

#define STAT_UNKNOWN UINT64_MAX /* there is no such controller, or the cgroup is gone */
#define STAT_UNLIMITED (UINT64_MAX - 1)

typedef struct CgroupStats {
        uint64_t time; /* of the reading, CLOCK_MONOTONIC, usec */
        uint64_t cpu;  /* usec */
        uint64_t memory, memory_max;
        uint64_t memory_cache; /* of `memory`: files that nobody used lately */
        uint64_t swap;
        uint64_t tasks, tasks_max;
        uint64_t disk_read, disk_written; /* bytes, of all disks */
        uint64_t received, sent;          /* bytes, of all interfaces but lo */
        uint64_t oom_kills;
        uint64_t cpu_pressure, memory_pressure,
                io_pressure; /* some, of the last 10 s, in hundredths of a percent */
} CgroupStats;

typedef struct CgroupReader CgroupReader;

/* path: below the root of the tree. pid: whose network is counted; 0: nobody's. */
int cgroup_reader_new(const char *path, pid_t pid, CgroupReader **ret);
CgroupReader *cgroup_reader_free(CgroupReader *reader);
DEFINE_CLEANUP(CgroupReader *, cgroup_reader_free);
void cgroup_reader_read(CgroupReader *reader, CgroupStats *ret);

/* ---- the pure part: the content of the kernel's files ---- */

/* "max" or a number. */
uint64_t stat_parse_number(const char *text) _pure_;
/* "key 12": of memory.stat, memory.events, cpu.stat. STAT_UNKNOWN without that key. */
uint64_t stat_parse_key(const char *text, const char *key) _pure_;
/* io.stat: the sum over all devices of "key=12". */
uint64_t stat_sum_devices(const char *text, const char *key) _pure_;
/* *.pressure: avg10 of the line "some". */
uint64_t stat_parse_pressure(const char *text) _pure_;
/* /proc/PID/net/dev. */
void stat_sum_interfaces(const char *text, uint64_t *ret_received, uint64_t *ret_sent);
