/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "bus.h"
#include "parse-util.h"
#include "path-util.h"
#include "scope-property.h"
#include "string-util.h"
#include "strv.h"
#include "time-util.h"

#define INDEX_MAX 8191 /* of a processor or memory node */
#define WEIGHT_MAX 10000
#define WEIGHT_IDLE 0 /* CPUWeight=idle on D-Bus */
#define DEVICES_MAX 128

typedef enum PropertyKind {
        PROPERTY_BOOL,
        PROPERTY_SIZE,    /* bytes, "infinity", or a share of the machine's: "50%" */
        PROPERTY_COUNT,   /* the same of a number */
        PROPERTY_WEIGHT,  /* 1 to 10000 */
        PROPERTY_CPU,     /* the same, or "idle" */
        PROPERTY_QUOTA,   /* "150%": of one processor's time; microseconds a second on D-Bus */
        PROPERTY_TIME,    /* "100ms" */
        PROPERTY_PERCENT, /* 0% to 100%, as a part of 2^32 - 1 */
        PROPERTY_SET,     /* "0-3,7" */
        PROPERTY_WORD,
        PROPERTY_DEVICE_SIZES, /* "/dev/sda 1M …" */
        PROPERTY_DEVICE_COUNTS,
        PROPERTY_DEVICE_WEIGHTS,
        PROPERTY_DEVICE_TIMES,
} PropertyKind;

typedef struct Property {
        const char *name;
        PropertyKind kind;
        const char *controller;
        const char *bus_name; /* where it has another */
        const char *words;    /* "auto|kill", the first one being the default */
        unsigned since;       /* version of systemd; 0: any that berth runs on */
} Property;

/* All of systemd.resource-control(5) that a scope can have and that is not berth's own business. */
static const Property properties[] = {
        { "AllowedCPUs", PROPERTY_SET, "cpuset" },
        { "AllowedMemoryNodes", PROPERTY_SET, "cpuset" },
        { "CPUAccounting", PROPERTY_BOOL, "cpu" },
        { "CPUQuota", PROPERTY_QUOTA, "cpu", "CPUQuotaPerSecUSec" },
        { "CPUQuotaPeriodSec", PROPERTY_TIME, "cpu", "CPUQuotaPeriodUSec" },
        { "CPUWeight", PROPERTY_CPU, "cpu" },
        { "DefaultMemoryLow", PROPERTY_SIZE, "memory" },
        { "DefaultMemoryMin", PROPERTY_SIZE, "memory" },
        { "IOAccounting", PROPERTY_BOOL, "io" },
        { "IODeviceLatencyTargetSec", PROPERTY_DEVICE_TIMES, "io", "IODeviceLatencyTargetUSec" },
        { "IODeviceWeight", PROPERTY_DEVICE_WEIGHTS, "io" },
        { "IOReadBandwidthMax", PROPERTY_DEVICE_SIZES, "io" },
        { "IOReadIOPSMax", PROPERTY_DEVICE_COUNTS, "io" },
        { "IOWeight", PROPERTY_WEIGHT, "io" },
        { "IOWriteBandwidthMax", PROPERTY_DEVICE_SIZES, "io" },
        { "IOWriteIOPSMax", PROPERTY_DEVICE_COUNTS, "io" },
        { "IPAccounting", PROPERTY_BOOL },
        { "ManagedOOMMemoryPressure", PROPERTY_WORD, "memory", .words = "auto|kill" },
        { "ManagedOOMMemoryPressureLimit", PROPERTY_PERCENT, "memory" },
        { "ManagedOOMPreference", PROPERTY_WORD, "memory", .words = "none|avoid|omit" },
        { "ManagedOOMSwap", PROPERTY_WORD, "memory", .words = "auto|kill" },
        { "MemoryAccounting", PROPERTY_BOOL, "memory" },
        { "MemoryHigh", PROPERTY_SIZE, "memory" },
        { "MemoryLow", PROPERTY_SIZE, "memory" },
        { "MemoryMax", PROPERTY_SIZE, "memory" },
        { "MemoryMin", PROPERTY_SIZE, "memory" },
        { "MemoryPressureWatch", PROPERTY_WORD, "memory", .words = "auto|on|off|skip", .since = 254 },
        { "MemorySwapMax", PROPERTY_SIZE, "memory" },
        { "MemoryZSwapMax", PROPERTY_SIZE, "memory", .since = 253 },
        { "MemoryZSwapWriteback", PROPERTY_BOOL, "memory", .since = 256 },
        { "OOMPolicy", PROPERTY_WORD, "memory", .words = "continue|stop|kill", .since = 253 },
        { "StartupAllowedCPUs", PROPERTY_SET, "cpuset" },
        { "StartupAllowedMemoryNodes", PROPERTY_SET, "cpuset" },
        { "StartupCPUWeight", PROPERTY_CPU, "cpu" },
        { "StartupIOWeight", PROPERTY_WEIGHT, "io" },
        { "StartupMemoryHigh", PROPERTY_SIZE, "memory", .since = 254 },
        { "StartupMemoryLow", PROPERTY_SIZE, "memory", .since = 254 },
        { "StartupMemoryMax", PROPERTY_SIZE, "memory", .since = 254 },
        { "StartupMemorySwapMax", PROPERTY_SIZE, "memory", .since = 254 },
        { "StartupMemoryZSwapMax", PROPERTY_SIZE, "memory", .since = 254 },
        { "TasksAccounting", PROPERTY_BOOL, "pids" },
        { "TasksMax", PROPERTY_COUNT, "pids" },
};

/* What the scope has as well, but is said otherwise. */
static const struct {
        const char *name, *instead;
} elsewhere[] = {
        { "DeviceAllow", "give it devices by --device and --device-cgroup-rule" },
        { "DevicePolicy", "give it devices by --device and --device-cgroup-rule" },
        { "Delegate", "its cgroup is always its own" },
        { "KillSignal", "use --stop-signal" },
        { "Slice", "use --cgroup-parent" },
        { "TimeoutStopSec", "use --stop-timeout" },
};

typedef struct Value {
        uint64_t number;
        bool is_share; /* number: of 2^32 - 1 */
        uint8_t set[INDEX_MAX / 8 + 1];
        size_t set_size;
        char **devices; /* map of path to number as text */
} Value;

static void value_done(Value *value) {
        value->devices = strv_free(value->devices);
}

static const Property *find_property(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(properties); i++)
                if (streq(properties[i].name, name))
                        return &properties[i];
        return NULL;
}

/* ---- values ---- */

static int parse_range(const char *s, Value *ret) {
        _cleanup_free_ char *first = strndup(s, strcspn(s, "-"));
        const char *dash = strchr(s, '-');
        unsigned from, to;

        if (!first)
                return -ENOMEM;
        if (parse_unsigned(first, &from) < 0 || parse_unsigned(dash ? dash + 1 : first, &to) < 0 ||
            from > to || to > INDEX_MAX)
                return -EINVAL;
        for (unsigned i = from; i <= to; i++)
                ret->set[i / 8] |= (uint8_t) (1U << (i % 8));
        ret->set_size = MAX(ret->set_size, (size_t) (to / 8 + 1));
        return 0;
}

static int parse_set(const char *s, Value *ret) {
        _cleanup_strv_free_ char **ranges = NULL;

        int r = strv_split(s, ", ", &ranges);
        for (size_t i = 0; r >= 0 && ranges && ranges[i]; i++)
                r = parse_range(ranges[i], ret);
        return r < 0 ? r : ret->set_size > 0 ? 0 : -EINVAL;
}

/* "12%" or "12.5%", in hundredths of a percent. */
static int parse_permyriad(const char *s, uint64_t max, uint64_t *ret) {
        const char *percent = endswith(s, "%"), *point = memchr(s, '.', strlen(s));
        size_t whole_size = percent ? (point ? (size_t) (point - s) : (size_t) (percent - s)) : 0;
        _cleanup_free_ char *whole = strndup(s, whole_size);
        uint64_t v, hundredths = 0;

        if (!whole || parse_u64(whole, &v) < 0 || v > max)
                return -EINVAL;
        if (point) {
                size_t digits = percent - point - 1;
                _cleanup_free_ char *part = strndup(point + 1, digits);
                if (!part || digits < 1 || digits > 2 || parse_u64(part, &hundredths) < 0)
                        return -EINVAL;
                hundredths *= digits == 1 ? 10 : 1;
        }
        *ret = v * 100 + hundredths;
        return *ret > max * 100 ? -EINVAL : 0;
}

static int parse_share(const char *s, Value *ret) {
        uint64_t permyriad;

        int r = parse_permyriad(s, 100, &permyriad);
        if (r < 0)
                return r;
        ret->is_share = true;
        ret->number = permyriad * UINT32_MAX / 10000;
        return 0;
}

static int parse_limit(PropertyKind kind, const char *s, Value *ret) {
        if (streq(s, "infinity")) {
                ret->number = UINT64_MAX;
                return 0;
        }
        if (endswith(s, "%"))
                return parse_share(s, ret);
        return kind == PROPERTY_SIZE ? parse_size(s, &ret->number) : parse_u64(s, &ret->number);
}

static int parse_quota(const char *s, uint64_t *ret) {
        uint64_t permyriad;

        if (parse_permyriad(s, 1000000, &permyriad) < 0 || permyriad == 0)
                return -EINVAL;
        *ret = permyriad * (USEC_PER_SEC / 10000);
        return 0;
}

static int parse_weight(const char *s, uint64_t *ret) {
        return parse_u64(s, ret) < 0 || *ret < 1 || *ret > WEIGHT_MAX ? -EINVAL : 0;
}

static int parse_device_number(PropertyKind kind, const char *s, uint64_t *ret) {
        switch (kind) {
        case PROPERTY_DEVICE_SIZES:
                return parse_size_decimal(s, ret);
        case PROPERTY_DEVICE_COUNTS:
                return parse_u64(s, ret);
        case PROPERTY_DEVICE_WEIGHTS:
                return parse_weight(s, ret);
        default:
                return parse_duration(s, ret);
        }
}

static int parse_devices(PropertyKind kind, const char *s, Value *ret) {
        _cleanup_strv_free_ char **words = NULL;
        uint64_t number;

        int r = strv_split(s, " \t", &words);
        size_t n = strv_length(words);
        if (r < 0 || n == 0 || n % 2 != 0 || n / 2 > DEVICES_MAX)
                return r < 0 ? r : -EINVAL;
        for (size_t i = 0; i < n; i += 2) {
                _cleanup_free_ char *text = NULL;
                if (!path_is_absolute(words[i]) || strchr(words[i], '=') ||
                    parse_device_number(kind, words[i + 1], &number) < 0)
                        return -EINVAL;
                text = format_string("%llu", (unsigned long long) number);
                if (!text || strv_map_set(&ret->devices, words[i], text) < 0)
                        return -ENOMEM;
        }
        return 0;
}

static int parse_word(const char *words, const char *s) {
        _cleanup_strv_free_ char **all = NULL;

        int r = strv_split(words, "|", &all);
        return r < 0 ? r : strv_contains(all, s) ? 0 : -EINVAL;
}

static int parse_value(const Property *p, const char *s, Value *ret) {
        int r;

        *ret = (Value){};
        switch (p->kind) {
        case PROPERTY_BOOL:
                r = parse_bool(s);
                ret->number = r > 0;
                return r < 0 ? r : 0;
        case PROPERTY_SIZE:
        case PROPERTY_COUNT:
                return parse_limit(p->kind, s, ret);
        case PROPERTY_CPU:
                if (!streq(s, "idle"))
                        return parse_weight(s, &ret->number);
                ret->number = WEIGHT_IDLE;
                return 0;
        case PROPERTY_WEIGHT:
                return parse_weight(s, &ret->number);
        case PROPERTY_QUOTA:
                return parse_quota(s, &ret->number);
        case PROPERTY_TIME:
                return parse_duration(s, &ret->number);
        case PROPERTY_PERCENT:
                return parse_share(s, ret);
        case PROPERTY_SET:
                return parse_set(s, ret);
        case PROPERTY_WORD:
                return parse_word(p->words, s);
        case PROPERTY_DEVICE_SIZES:
        case PROPERTY_DEVICE_COUNTS:
        case PROPERTY_DEVICE_WEIGHTS:
        case PROPERTY_DEVICE_TIMES:
                return parse_devices(p->kind, s, ret);
        }
        return -EINVAL;
}

static int no_such_property(const char *name, Error *error) {
        for (size_t i = 0; i < ELEMENTSOF(elsewhere); i++)
                if (streq(elsewhere[i].name, name))
                        return error_set(error, ERROR_INVALID, "%s can't be set as a property: %s", name,
                                         elsewhere[i].instead);
        for (size_t i = 0; i < ELEMENTSOF(properties); i++)
                if (strcasecmp(properties[i].name, name) == 0 || streq_ptr(properties[i].bus_name, name))
                        return error_set(
                                error, ERROR_INVALID,
                                "\"%s\" is not a property that a container can have; do you mean %s?", name,
                                properties[i].name);
        return error_set(
                error, ERROR_INVALID,
                "\"%s\" is not a property that a container can have (berth-resources(7) lists them)", name);
}

static int property_parse(const char *name, const char *value, const Property **ret, Value *ret_value,
                          Error *error) {
        const Property *p = find_property(name);

        if (!p)
                return no_such_property(name, error);
        int r = parse_value(p, value, ret_value);
        if (r < 0)
                value_done(ret_value);
        if (r < 0 && p->words)
                return error_set(error, ERROR_INVALID, "\"%s\" is not a value for %s, which is %s", value,
                                 name, p->words);
        if (r < 0)
                return error_set(error, ERROR_INVALID, "\"%s\" is not a value for %s", value, name);
        *ret = p;
        return 0;
}

int scope_property_check(const char *name, const char *value, unsigned systemd_version, Error *error) {
        _cleanup_(value_done) Value parsed = {};
        const Property *p;

        int r = property_parse(name, value, &p, &parsed, error);
        if (r < 0)
                return r;
        if (p->since > systemd_version && systemd_version > 0)
                return error_set(error, ERROR_UNSUPPORTED,
                                 "%s needs systemd %u, and the one that runs here is %u", name, p->since,
                                 systemd_version);
        return 0;
}

/* A slice lies in those that its name spells out, so a dash is never first, last or doubled. */
int scope_slice_check(const char *slice, Error *error) {
        const char *suffix = endswith(slice, ".slice");
        size_t size = suffix ? (size_t) (suffix - slice) : 0;
        _cleanup_free_ char *name = strndup(slice, size);

        if (!name)
                return error_set_errno(error, -ENOMEM, "cannot check the slice");
        if (streq(name, "-"))
                return 0;
        if (size == 0 ||
            !string_in_charset(name,
                               "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_.\\-") ||
            name[0] == '-' || name[size - 1] == '-' || strstr(name, "--"))
                return error_set(error, ERROR_INVALID,
                                 "--cgroup-parent: \"%s\" is not the name of a slice such as work-db.slice",
                                 slice);
        return 0;
}

/* ---- on the bus ---- */

static int append_set(sd_bus_message *m, const char *name, const Value *value) {
        int r;

        if ((r = sd_bus_message_open_container(m, 'r', "sv")) < 0 ||
            (r = sd_bus_message_append(m, "s", name)) < 0 ||
            (r = sd_bus_message_open_container(m, 'v', "ay")) < 0 ||
            (r = sd_bus_message_append_array(m, 'y', value->set, value->set_size)) < 0 ||
            (r = sd_bus_message_close_container(m)) < 0)
                return r;
        return sd_bus_message_close_container(m);
}

/* systemd adds to such a list; an empty one empties it. */
static int append_devices(sd_bus_message *m, const char *name, char *const *devices) {
        int r;

        if ((r = sd_bus_message_append(m, "(sv)", name, "a(st)", 0)) < 0 || strv_isempty(devices))
                return r;
        if ((r = sd_bus_message_open_container(m, 'r', "sv")) < 0 ||
            (r = sd_bus_message_append(m, "s", name)) < 0 ||
            (r = sd_bus_message_open_container(m, 'v', "a(st)")) < 0 ||
            (r = sd_bus_message_open_container(m, 'a', "(st)")) < 0)
                return r;
        for (size_t i = 0; devices[i]; i++) {
                const char *equal = strchr(devices[i], '=');
                _cleanup_free_ char *path = strndup(devices[i], equal - devices[i]);
                uint64_t number;
                if (!path || parse_u64(equal + 1, &number) < 0)
                        return -ENOMEM;
                if ((r = sd_bus_message_append(m, "(st)", path, number)) < 0)
                        return r;
        }
        return bus_close_containers(m, 3);
}

static int append_share(sd_bus_message *m, const char *name, uint64_t number) {
        _cleanup_free_ char *scale = string_join(name, "Scale");

        return scale ? sd_bus_message_append(m, "(sv)", scale, "u", (uint32_t) number) : -ENOMEM;
}

static int append_value(sd_bus_message *m, const Property *p, const char *text, const Value *value) {
        const char *name = p->bus_name ?: p->name;

        switch (p->kind) {
        case PROPERTY_BOOL:
                return sd_bus_message_append(m, "(sv)", name, "b", (int) value->number);
        case PROPERTY_WORD:
                return sd_bus_message_append(m, "(sv)", name, "s", text);
        case PROPERTY_SET:
                return append_set(m, name, value);
        case PROPERTY_PERCENT:
                return sd_bus_message_append(m, "(sv)", name, "u", (uint32_t) value->number);
        case PROPERTY_DEVICE_SIZES:
        case PROPERTY_DEVICE_COUNTS:
        case PROPERTY_DEVICE_WEIGHTS:
        case PROPERTY_DEVICE_TIMES:
                return append_devices(m, name, value->devices);
        default:
                return value->is_share ? append_share(m, name, value->number)
                                       : sd_bus_message_append(m, "(sv)", name, "t", value->number);
        }
}

int scope_property_append(sd_bus_message *m, const char *name, const char *value, Error *error) {
        _cleanup_(value_done) Value parsed = {};
        const Property *p;

        int r = property_parse(name, value, &p, &parsed, error);
        if (r < 0)
                return r;
        r = append_value(m, p, value, &parsed);
        return r < 0 ? error_set_errno(error, r, "cannot send property %s", name) : 0;
}

/* Of weights, quotas and times systemd's "not set" is the highest number too; what protects memory begins at none. */
static uint64_t default_number(const Property *p) {
        bool protects = endswith(p->name, "Low") || endswith(p->name, "Min");

        return p->kind == PROPERTY_BOOL || p->kind == PROPERTY_PERCENT || protects ? 0 : UINT64_MAX;
}

int scope_property_append_default(sd_bus_message *m, const char *name, Error *error) {
        const Property *p = find_property(name);

        if (!p)
                return no_such_property(name, error);
        _cleanup_free_ char *word = p->words ? strndup(p->words, strcspn(p->words, "|")) : NULL;
        Value value = { .number = default_number(p) };
        int r = p->words && !word ? -ENOMEM : append_value(m, p, word, &value);
        return r < 0 ? error_set_errno(error, r, "cannot send property %s", name) : 0;
}

const char *scope_property_controller(const char *name) {
        const Property *p = find_property(name);

        return p ? p->controller : NULL;
}
