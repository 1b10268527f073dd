/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>
#include <stdio.h>

#include "parse-util.h"
#include "resource-option.h"
#include "string-util.h"
#include "strv.h"

#define MEMORY_MIN (6 * MIB)
#define CPU_SHARES_MIN 2
#define CPU_SHARES_MAX 262144

static int set(CreateOptions *o, const char *property, const char *value, Error *error) {
        int r = strv_map_set(&o->spec.properties, property, value);

        return r < 0 ? error_set_errno(error, r, "cannot create the container") : 0;
}

static int set_number(CreateOptions *o, const char *property, uint64_t value, Error *error) {
        char text[24];

        snprintf(text, sizeof(text), "%llu", (unsigned long long) value);
        return set(o, property, text, error);
}

static int parse_bytes(const char *option, const char *s, uint64_t *ret, Error *error) {
        if (parse_size(s, ret) < 0)
                return error_set(error, ERROR_INVALID, "--%s: \"%s\" is not a size such as 512M", option, s);
        return 0;
}

static int apply_swap(CreateOptions *o, uint64_t memory, Error *error) {
        uint64_t both;
        int r;

        if (!o->memory_swap)
                return 0;
        if (streq(o->memory_swap, "-1"))
                return set(o, "MemorySwapMax", "infinity", error);
        if (!o->memory)
                return error_set(error, ERROR_INVALID,
                                 "--memory-swap needs --memory as well: it is the sum of both");
        if ((r = parse_bytes("memory-swap", o->memory_swap, &both, error)) < 0)
                return r;
        if (both < memory)
                return error_set(
                        error, ERROR_INVALID,
                        "--memory-swap is memory and swap together, and must not be less than --memory");
        return set_number(o, "MemorySwapMax", both - memory, error);
}

static int apply_memory(CreateOptions *o, Error *error) {
        uint64_t memory = 0, reservation;
        int r;

        if (o->memory) {
                if ((r = parse_bytes("memory", o->memory, &memory, error)) < 0)
                        return r;
                if (memory < MEMORY_MIN)
                        return error_set(error, ERROR_INVALID, "--memory: at least 6M are needed");
                if ((r = set_number(o, "MemoryMax", memory, error)) < 0)
                        return r;
        }
        if (o->memory_reservation &&
            ((r = parse_bytes("memory-reservation", o->memory_reservation, &reservation, error)) < 0 ||
             (r = set_number(o, "MemoryLow", reservation, error)) < 0))
                return r;
        return apply_swap(o, memory, error);
}

/* "1.5" processors are a quota of 150 %. */
static int apply_cpus(CreateOptions *o, Error *error) {
        char text[32], *end;

        if (!o->cpus)
                return 0;
        double cpus = strtod(o->cpus, &end);
        if (*end || !(cpus >= 0.01) || cpus > 8192)
                return error_set(error, ERROR_INVALID,
                                 "--cpus: \"%s\" is not a number of processors such as 1.5", o->cpus);
        snprintf(text, sizeof(text), "%.0f%%", cpus * 100);
        return set(o, "CPUQuota", text, error);
}

/* The curve that maps shares to weights so that the least, the normal and the most of both meet (2 → 1, 1024 → 100,
 * 262144 → 10000): it is linear in the square of the logarithm. */
static int apply_shares(CreateOptions *o, Error *error) {
        if (o->cpu_shares == 0)
                return 0;
        double shares = o->cpu_shares;
        shares = shares < CPU_SHARES_MIN   ? CPU_SHARES_MIN
                 : shares > CPU_SHARES_MAX ? CPU_SHARES_MAX
                                           : shares;
        double l = log2(shares), weight = ceil(pow(10, (l * l + 125 * l) / 612 - 7.0 / 34));
        return set_number(o, "CPUWeight",
                          weight < 1       ? 1
                          : weight > 10000 ? 10000
                                           : (uint64_t) weight,
                          error);
}

static int apply_pids(CreateOptions *o, Error *error) {
        int64_t n;

        if (!o->pids_limit)
                return 0;
        if (parse_i64(o->pids_limit, &n) < 0)
                return error_set(error, ERROR_INVALID, "--pids-limit: \"%s\" is no number", o->pids_limit);
        return n <= 0 ? set(o, "TasksMax", "infinity", error)
                      : set_number(o, "TasksMax", (uint64_t) n, error);
}

int resource_options_apply(CreateOptions *o, Error *error) {
        int r;

        if ((r = apply_memory(o, error)) < 0 || (r = apply_cpus(o, error)) < 0 ||
            (r = apply_shares(o, error)) < 0 || (r = apply_pids(o, error)) < 0)
                return r;
        if (o->cpuset_cpus && (r = set(o, "AllowedCPUs", o->cpuset_cpus, error)) < 0)
                return r;
        if (o->cpuset_mems && (r = set(o, "AllowedMemoryNodes", o->cpuset_mems, error)) < 0)
                return r;
        STRV_FOREACH(property, o->properties) {
                if (!strchr(*property, '=') || **property == '=')
                        return error_set(error, ERROR_INVALID,
                                         "--property: \"%s\" has not the form NAME=VALUE", *property);
                if (strv_map_put(&o->spec.properties, *property) < 0)
                        return error_set_errno(error, -ENOMEM, "cannot create the container");
        }
        return 0;
}
