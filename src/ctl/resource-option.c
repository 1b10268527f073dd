/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>
#include <stdio.h>

#include "parse-util.h"
#include "path-util.h"
#include "resource-option.h"
#include "string-util.h"
#include "strv.h"
#include "time-util.h"

#define MEMORY_MIN (6 * MIB)
#define CPU_SHARES_MIN UINT64_C(2)
#define CPU_SHARES_MAX UINT64_C(262144)
#define CPUS_MAX 8192
#define PERIOD_DEFAULT_USEC 100000
#define PERIOD_MIN_USEC 1000
#define PERIOD_MAX_USEC 1000000
#define QUOTA_MIN_USEC 1000
#define BLKIO_MIN 10
#define BLKIO_MAX 1000

#define O(member) offsetof(ResourceOptions, member)

const Option resource_options[] = {
        { 0, "blkio-weight", "NUMBER", "Its weight when disks are busy, 10 to 1000", option_string,
          O(blkio_weight) },
        { 0, "blkio-weight-device", "DEVICE:NUMBER", "The same of one disk", option_strings,
          O(blkio_weight_device), WORD_FILE },
        { 0, "cpu-period", "MICROSECONDS", "The period that --cpu-quota is about (100000)", option_string,
          O(cpu_period) },
        { 0, "cpu-quota", "MICROSECONDS", "At most so much processor time in each period", option_string,
          O(cpu_quota) },
        { 'c', "cpu-shares", "NUMBER", "Its weight when processors are scarce, 1024 being normal",
          option_string, O(cpu_shares) },
        { 0, "cpus", "NUMBER", "At most so much processor time (1.5 is one and a half)", option_string,
          O(cpus) },
        { 0, "cpuset-cpus", "LIST", "Only these processors (0-3,7)", option_string, O(cpuset_cpus) },
        { 0, "cpuset-mems", "LIST", "Only these memory nodes", option_string, O(cpuset_mems) },
        { 0, "device-read-bps", "DEVICE:SIZE", "Read at most so much a second from a disk", option_strings,
          O(read_bps), WORD_FILE },
        { 0, "device-read-iops", "DEVICE:NUMBER", "Read at most so often a second from a disk",
          option_strings, O(read_iops), WORD_FILE },
        { 0, "device-write-bps", "DEVICE:SIZE", "Write at most so much a second to a disk", option_strings,
          O(write_bps), WORD_FILE },
        { 0, "device-write-iops", "DEVICE:NUMBER", "Write at most so often a second to a disk",
          option_strings, O(write_iops), WORD_FILE },
        { 0, "kernel-memory", "SIZE", NULL, option_string, O(kernel_memory) },
        { 'm', "memory", "SIZE", "At most so much memory (512M)", option_string, O(memory) },
        { 0, "memory-high", "SIZE", "Slow it down and reclaim memory beyond this", option_string,
          O(memory_high) },
        { 0, "memory-reservation", "SIZE", "So much memory is not taken from it", option_string,
          O(memory_reservation) },
        { 0, "memory-swap", "SIZE",
          "Memory and swap together, -1 for no limit; twice the memory if not given", option_string,
          O(memory_swap) },
        { 0, "memory-swappiness", "NUMBER", NULL, option_string, O(memory_swappiness) },
        { 0, "oom-kill-disable", NULL, NULL, option_flag, O(oom_kill_disable) },
        { 0, "pids-limit", "NUMBER", "At most so many processes, -1 for no limit", option_string,
          O(pids_limit) },
        { 0, "property", "NAME=VALUE",
          "A resource property of its scope, see berth-resources(7); an empty value takes it away",
          option_strings, O(properties) },
        {},
};

void resource_options_done(ResourceOptions *o) {
        strv_free(o->blkio_weight_device);
        strv_free(o->read_bps);
        strv_free(o->write_bps);
        strv_free(o->read_iops);
        strv_free(o->write_iops);
        strv_free(o->properties);
        *o = (ResourceOptions){};
}

/* ---- the map of properties ---- */

static int out_of_memory(Error *error) {
        return error_set_errno(error, -ENOMEM, "cannot set the limits");
}

static int set(char ***properties, const char *property, const char *value, Error *error) {
        return strv_map_set(properties, property, value) < 0 ? out_of_memory(error) : 0;
}

static int set_number(char ***properties, const char *property, uint64_t value, Error *error) {
        char text[24];

        snprintf(text, sizeof(text), "%llu", (unsigned long long) value);
        return set(properties, property, text, error);
}

/* What an option with a number asks for. */
typedef enum Wish {
        WISH_NOTHING, /* it was not given, or 0 */
        WISH_NO_LIMIT,
        WISH_VALUE,
} Wish;

static int parse_wish(const char *option, const char *s, bool is_size, uint64_t *ret, Error *error) {
        int64_t sign;

        if (isempty(s))
                return WISH_NOTHING;
        if (parse_i64(s, &sign) >= 0 && sign < 0)
                return sign == -1 ? WISH_NO_LIMIT
                                  : error_set(error, ERROR_INVALID, "--%s: \"%s\" is less than -1, no limit",
                                              option, s);
        if ((is_size ? parse_size(s, ret) : parse_u64(s, ret)) < 0)
                return error_set(error, ERROR_INVALID,
                                 is_size ? "--%s: \"%s\" is not a size such as 512M"
                                         : "--%s: \"%s\" is no number",
                                 option, s);
        return *ret == 0 ? WISH_NOTHING : WISH_VALUE;
}

static int apply_number(char ***properties, const char *option, const char *s, bool is_size,
                        const char *property, Error *error) {
        uint64_t v;
        int wish = parse_wish(option, s, is_size, &v, error);

        if (wish == WISH_NO_LIMIT)
                strv_map_remove(*properties, property);
        return wish == WISH_VALUE ? set_number(properties, property, v, error) : wish < 0 ? wish : 0;
}

/* ---- memory ---- */

static uint64_t current_memory(char *const *properties) {
        const char *s = strv_map_get(properties, "MemoryMax");
        uint64_t v;

        return s && parse_size(s, &v) >= 0 ? v : 0;
}

static int apply_swap(const ResourceOptions *o, uint64_t memory, char ***properties, Error *error) {
        uint64_t both;
        int wish = parse_wish("memory-swap", o->memory_swap, true, &both, error);

        if (wish <= WISH_NOTHING)
                return wish;
        if (wish == WISH_NO_LIMIT)
                return set(properties, "MemorySwapMax", "infinity", error);
        if (memory == 0)
                return error_set(error, ERROR_INVALID,
                                 "--memory-swap needs --memory as well: it is the sum of both");
        if (both < memory)
                return error_set(
                        error, ERROR_INVALID,
                        "--memory-swap is memory and swap together, and must not be less than --memory");
        return set_number(properties, "MemorySwapMax", both - memory, error);
}

static int apply_memory(const ResourceOptions *o, char ***properties, Error *error) {
        uint64_t memory = 0;
        int r, wish = parse_wish("memory", o->memory, true, &memory, error);

        if (wish < 0)
                return wish;
        if (wish == WISH_NO_LIMIT) {
                strv_map_remove(*properties, "MemoryMax");
                strv_map_remove(*properties, "MemorySwapMax");
        } else if (wish == WISH_VALUE) {
                if (memory < MEMORY_MIN)
                        return error_set(error, ERROR_INVALID, "--memory: at least 6M are needed");
                if ((r = set_number(properties, "MemoryMax", memory, error)) < 0)
                        return r;
                /* Docker's default, where nothing was ever said about swap. */
                if (!strv_map_get(*properties, "MemorySwapMax") &&
                    (r = set_number(properties, "MemorySwapMax", memory, error)) < 0)
                        return r;
        }
        if ((r = apply_number(properties, "memory-reservation", o->memory_reservation, true, "MemoryLow",
                              error)) < 0 ||
            (r = apply_number(properties, "memory-high", o->memory_high, true, "MemoryHigh", error)) < 0)
                return r;
        return apply_swap(o, current_memory(*properties), properties, error);
}

/* What control groups of version 1 had. */
static int refuse_old_options(const ResourceOptions *o, Error *error) {
        if (o->memory_swappiness && !streq(o->memory_swappiness, "-1"))
                return error_set(
                        error, ERROR_UNSUPPORTED,
                        "--memory-swappiness: cgroup v2 has no swappiness of a container; limit its "
                        "swap by --memory-swap");
        if (o->kernel_memory && !streq(o->kernel_memory, "0"))
                return error_set(
                        error, ERROR_UNSUPPORTED,
                        "--kernel-memory: cgroup v2 counts the kernel's memory in --memory, and has "
                        "no limit for it alone");
        if (o->oom_kill_disable)
                return error_set(error, ERROR_UNSUPPORTED,
                                 "--oom-kill-disable: with cgroup v2 the kernel always kills when memory is "
                                 "used up; slow the container down before that by --memory-high");
        return 0;
}

/* ---- processors ---- */

/* In whole percents, upwards: less than 10 ms in a second can't be told apart. */
static int set_quota(char ***properties, double share, Error *error) {
        char text[32];

        snprintf(text, sizeof(text), "%.0f%%", ceil(share * 100 - 1e-6));
        return set(properties, "CPUQuota", text, error);
}

static int apply_cpus(const ResourceOptions *o, char ***properties, Error *error) {
        char *end;

        if (!o->cpus)
                return 0;
        if (o->cpu_quota || o->cpu_period)
                return error_set(
                        error, ERROR_INVALID,
                        "--cpus says the same as --cpu-quota and --cpu-period, and can't stand beside them");
        double cpus = strtod(o->cpus, &end);
        if (*end || end == o->cpus || !(cpus == -1 || cpus == 0 || (cpus >= 0.01 && cpus <= CPUS_MAX)))
                return error_set(error, ERROR_INVALID,
                                 "--cpus: \"%s\" is not a number of processors such as 1.5", o->cpus);
        if (cpus < 0) {
                strv_map_remove(*properties, "CPUQuota");
                strv_map_remove(*properties, "CPUQuotaPeriodSec");
        }
        return cpus > 0 ? set_quota(properties, cpus, error) : 0;
}

static int set_period(char ***properties, uint64_t usec, Error *error) {
        _cleanup_free_ char *text = format_string("%lluus", (unsigned long long) usec);

        return text ? set(properties, "CPUQuotaPeriodSec", text, error) : out_of_memory(error);
}

static int apply_quota(const ResourceOptions *o, char ***properties, Error *error) {
        uint64_t period = PERIOD_DEFAULT_USEC, quota;
        int r, period_wish = parse_wish("cpu-period", o->cpu_period, false, &period, error),
               quota_wish = parse_wish("cpu-quota", o->cpu_quota, false, &quota, error);

        if (period_wish < 0 || quota_wish < 0)
                return MIN(period_wish, quota_wish);
        if (period_wish == WISH_VALUE && (period < PERIOD_MIN_USEC || period > PERIOD_MAX_USEC))
                return error_set(error, ERROR_INVALID,
                                 "--cpu-period: %s is not between 1000 and 1000000 microseconds",
                                 o->cpu_period);
        if (period_wish == WISH_VALUE && (r = set_period(properties, period, error)) < 0)
                return r;
        if (quota_wish == WISH_NO_LIMIT)
                strv_map_remove(*properties, "CPUQuota");
        if (quota_wish != WISH_VALUE)
                return 0;
        if (quota < QUOTA_MIN_USEC)
                return error_set(error, ERROR_INVALID, "--cpu-quota: at least 1000 microseconds are needed");
        const char *kept = strv_map_get(*properties, "CPUQuotaPeriodSec");
        if (period_wish != WISH_VALUE && (!kept || parse_duration(kept, &period) < 0))
                period = PERIOD_DEFAULT_USEC;
        return set_quota(properties, (double) quota / (double) period, error);
}

/* The curve that maps shares to weights so that the least, the normal and the most of both meet (2 → 1, 1024 → 100,
 * 262144 → 10000): it is linear in the square of the logarithm. */
static int apply_shares(const ResourceOptions *o, char ***properties, Error *error) {
        uint64_t v;
        int wish = parse_wish("cpu-shares", o->cpu_shares, false, &v, error);

        if (wish == WISH_NO_LIMIT)
                strv_map_remove(*properties, "CPUWeight");
        if (wish != WISH_VALUE)
                return wish < 0 ? wish : 0;
        v = MAX(v, CPU_SHARES_MIN);
        double l = log2((double) MIN(v, CPU_SHARES_MAX));
        double weight = fmax(ceil(pow(10, (l * l + 125 * l) / 612 - 7.0 / 34)), 1);
        return set_number(properties, "CPUWeight", (uint64_t) fmin(weight, 10000), error);
}

/* ---- disks ---- */

/* 10 to 1000 becomes 1 to 10000. */
static int convert_blkio(const char *option, const char *text, uint64_t v, uint64_t *ret, Error *error) {
        if (v < BLKIO_MIN || v > BLKIO_MAX)
                return error_set(error, ERROR_INVALID, "--%s: %s is not between 10 and 1000", option, text);
        *ret = 1 + (v - BLKIO_MIN) * 9999 / (BLKIO_MAX - BLKIO_MIN);
        return 0;
}

static int apply_blkio_weight(const ResourceOptions *o, char ***properties, Error *error) {
        uint64_t v;
        int r, wish = parse_wish("blkio-weight", o->blkio_weight, false, &v, error);

        if (wish == WISH_NO_LIMIT)
                strv_map_remove(*properties, "IOWeight");
        if (wish != WISH_VALUE)
                return wish < 0 ? wish : 0;
        r = convert_blkio("blkio-weight", o->blkio_weight, v, &v, error);
        return r < 0 ? r : set_number(properties, "IOWeight", v, error);
}

typedef struct DeviceOption {
        const char *option;
        size_t offset; /* in ResourceOptions */
        const char *property;
        bool is_size, is_weight;
} DeviceOption;

static const DeviceOption device_options[] = {
        { "blkio-weight-device", O(blkio_weight_device), "IODeviceWeight", .is_weight = true },
        { "device-read-bps", O(read_bps), "IOReadBandwidthMax", .is_size = true },
        { "device-write-bps", O(write_bps), "IOWriteBandwidthMax", .is_size = true },
        { "device-read-iops", O(read_iops), "IOReadIOPSMax" },
        { "device-write-iops", O(write_iops), "IOWriteIOPSMax" },
};

/* "/dev/sda:1mb" behind what the property says of other devices. */
static int append_device(const DeviceOption *d, const char *s, StringBuffer *value, Error *error) {
        const char *colon = strrchr(s, ':');
        _cleanup_free_ char *path = colon ? strndup(s, colon - s) : NULL;
        uint64_t v = 0;
        int r;

        if (!path || !path_is_absolute(path) || strpbrk(path, " \t="))
                return error_set(error, ERROR_INVALID, "--%s: \"%s\" has not the form /dev/NAME:%s",
                                 d->option, s, d->is_size ? "SIZE" : "NUMBER");
        if ((d->is_size ? parse_size(colon + 1, &v) : parse_u64(colon + 1, &v)) < 0 || v == 0)
                return error_set(error, ERROR_INVALID, "--%s: \"%s\" is not %s above 0", d->option,
                                 colon + 1, d->is_size ? "a size" : "a number");
        if (d->is_weight && (r = convert_blkio(d->option, colon + 1, v, &v, error)) < 0)
                return r;
        r = string_buffer_appendf(value, "%s%s %llu", value->size > 0 ? " " : "", path,
                                  (unsigned long long) v);
        return r < 0 ? out_of_memory(error) : 0;
}

static int apply_devices(const ResourceOptions *o, char ***properties, Error *error) {
        for (size_t i = 0; i < ELEMENTSOF(device_options); i++) {
                const DeviceOption *d = &device_options[i];
                char **given = *(char ***) ((char *) o + d->offset);
                _cleanup_(string_buffer_done) StringBuffer value = {};
                int r;
                if (!given)
                        continue;
                STRV_FOREACH(s, given)
                        if ((r = append_device(d, *s, &value, error)) < 0)
                                return r;
                if ((r = set(properties, d->property, value.data, error)) < 0)
                        return r;
        }
        return 0;
}

/* ---- all of them ---- */

static int apply_pids(const ResourceOptions *o, char ***properties, Error *error) {
        uint64_t v;
        int wish = parse_wish("pids-limit", o->pids_limit, false, &v, error);

        if (wish == WISH_NO_LIMIT || (wish == WISH_NOTHING && o->pids_limit && !o->update))
                return set(properties, "TasksMax", "infinity", error);
        return wish == WISH_VALUE ? set_number(properties, "TasksMax", v, error) : wish < 0 ? wish : 0;
}

static int apply_properties(const ResourceOptions *o, char ***properties, Error *error) {
        STRV_FOREACH(property, o->properties) {
                const char *equal = strchr(*property, '=');
                if (!equal || equal == *property)
                        return error_set(error, ERROR_INVALID,
                                         "--property: \"%s\" has not the form NAME=VALUE", *property);
                _cleanup_free_ char *name = strndup(*property, equal - *property);
                if (!name)
                        return out_of_memory(error);
                if (!equal[1])
                        strv_map_remove(*properties, name);
                else if (strv_map_put(properties, *property) < 0)
                        return out_of_memory(error);
        }
        return 0;
}

int resource_options_apply(const ResourceOptions *o, char ***properties, Error *error) {
        int r;

        if ((r = refuse_old_options(o, error)) < 0 || (r = apply_memory(o, properties, error)) < 0 ||
            (r = apply_cpus(o, properties, error)) < 0 || (r = apply_quota(o, properties, error)) < 0 ||
            (r = apply_shares(o, properties, error)) < 0 || (r = apply_pids(o, properties, error)) < 0 ||
            (r = apply_blkio_weight(o, properties, error)) < 0 ||
            (r = apply_devices(o, properties, error)) < 0)
                return r;
        if (!isempty(o->cpuset_cpus) && (r = set(properties, "AllowedCPUs", o->cpuset_cpus, error)) < 0)
                return r;
        if (!isempty(o->cpuset_mems) &&
            (r = set(properties, "AllowedMemoryNodes", o->cpuset_mems, error)) < 0)
                return r;
        return apply_properties(o, properties, error);
}
