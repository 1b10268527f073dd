/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "parse-util.h"
#include "scope-property.h"
#include "string-util.h"
#include "strv.h"
#include "time-util.h"

#define INDEX_MAX 8191 /* of a processor or memory node */

typedef enum PropertyKind {
        PROPERTY_SIZE,   /* bytes, or "infinity" */
        PROPERTY_COUNT,  /* or "infinity" */
        PROPERTY_WEIGHT, /* 1 to 10000 */
        PROPERTY_QUOTA,  /* "150%": of one processor's time; microseconds a second on D-Bus */
        PROPERTY_SET,    /* "0-3,7" */
        PROPERTY_WORD,
} PropertyKind;

typedef struct Property {
        const char *name;
        PropertyKind kind;
        const char *controller;
        const char *bus_name; /* where it has another */
} Property;

static const Property properties[] = {
        { "AllowedCPUs", PROPERTY_SET, "cpuset" },
        { "AllowedMemoryNodes", PROPERTY_SET, "cpuset" },
        { "CPUQuota", PROPERTY_QUOTA, "cpu", "CPUQuotaPerSecUSec" },
        { "CPUWeight", PROPERTY_WEIGHT, "cpu" },
        { "IOWeight", PROPERTY_WEIGHT, "io" },
        { "ManagedOOMMemoryPressure", PROPERTY_WORD, "memory" },
        { "ManagedOOMSwap", PROPERTY_WORD, "memory" },
        { "MemoryHigh", PROPERTY_SIZE, "memory" },
        { "MemoryLow", PROPERTY_SIZE, "memory" },
        { "MemoryMax", PROPERTY_SIZE, "memory" },
        { "MemoryMin", PROPERTY_SIZE, "memory" },
        { "MemorySwapMax", PROPERTY_SIZE, "memory" },
        { "OOMPolicy", PROPERTY_WORD, "memory" },
        { "TasksMax", PROPERTY_COUNT, "pids" },
};

typedef struct Value {
        uint64_t number;
        uint8_t set[INDEX_MAX / 8 + 1];
        size_t set_size;
} Value;

static const Property *find_property(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(properties); i++)
                if (streq(properties[i].name, name))
                        return &properties[i];
        return NULL;
}

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

static int parse_quota(const char *s, uint64_t *ret) {
        const char *percent = endswith(s, "%");
        _cleanup_free_ char *digits = percent ? strndup(s, percent - s) : NULL;
        uint64_t v;

        if (!digits || parse_u64(digits, &v) < 0 || v == 0 || v > 1000000)
                return -EINVAL;
        *ret = v * USEC_PER_SEC / 100;
        return 0;
}

static int parse_value(const Property *p, const char *s, Value *ret) {
        *ret = (Value){};
        switch (p->kind) {
        case PROPERTY_SIZE:
        case PROPERTY_COUNT:
                if (streq(s, "infinity")) {
                        ret->number = UINT64_MAX;
                        return 0;
                }
                return p->kind == PROPERTY_SIZE ? parse_size(s, &ret->number) : parse_u64(s, &ret->number);
        case PROPERTY_WEIGHT:
                return parse_u64(s, &ret->number) < 0 || ret->number < 1 || ret->number > 10000 ? -EINVAL
                                                                                                : 0;
        case PROPERTY_QUOTA:
                return parse_quota(s, &ret->number);
        case PROPERTY_SET:
                return parse_set(s, ret);
        case PROPERTY_WORD:
                return isempty(s) ? -EINVAL : 0;
        }
        return -EINVAL;
}

static int property_parse(const char *name, const char *value, const Property **ret, Value *ret_value,
                          Error *error) {
        const Property *p = find_property(name);

        if (!p)
                return error_set(error, ERROR_INVALID, "\"%s\" is not a property that a container can have",
                                 name);
        if (parse_value(p, value, ret_value) < 0)
                return error_set(error, ERROR_INVALID, "\"%s\" is not a value for %s", value, name);
        *ret = p;
        return 0;
}

int scope_property_check(const char *name, const char *value, Error *error) {
        const Property *p;
        Value parsed;

        return property_parse(name, value, &p, &parsed, error);
}

static int append_value(sd_bus_message *m, const Property *p, const char *text, const Value *value) {
        const char *name = p->bus_name ?: p->name;
        int r;

        if (p->kind == PROPERTY_WORD)
                return sd_bus_message_append(m, "(sv)", name, "s", text);
        if (p->kind != PROPERTY_SET)
                return sd_bus_message_append(m, "(sv)", name, "t", value->number);
        if ((r = sd_bus_message_open_container(m, 'r', "sv")) < 0 ||
            (r = sd_bus_message_append(m, "s", name)) < 0 ||
            (r = sd_bus_message_open_container(m, 'v', "ay")) < 0 ||
            (r = sd_bus_message_append_array(m, 'y', value->set, value->set_size)) < 0 ||
            (r = sd_bus_message_close_container(m)) < 0)
                return r;
        return sd_bus_message_close_container(m);
}

int scope_property_append(sd_bus_message *m, const char *name, const char *value, Error *error) {
        const Property *p;
        Value parsed;

        int r = property_parse(name, value, &p, &parsed, error);
        if (r < 0)
                return r;
        r = append_value(m, p, value, &parsed);
        return r < 0 ? error_set_errno(error, r, "cannot send property %s", name) : 0;
}

const char *scope_property_controller(const char *name) {
        const Property *p = find_property(name);

        return p ? p->controller : NULL;
}
