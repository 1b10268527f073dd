/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/utsname.h>

#include "capability.h"
#include "json-util.h"
#include "seccomp-profile.h"
#include "string-util.h"

#define ERRNO_MAX 4095
#define PLACE_SIZE 64

static const struct {
        const char *name;
        uint32_t action;
        bool has_number; /* errnoRet */
} actions[] = {
        { "SCMP_ACT_ALLOW", SCMP_ACT_ALLOW },
        { "SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(0), true },
        { "SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD },
        { "SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS },
        { "SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD },
        { "SCMP_ACT_LOG", SCMP_ACT_LOG },
        { "SCMP_ACT_TRACE", SCMP_ACT_TRACE(0), true },
        { "SCMP_ACT_TRAP", SCMP_ACT_TRAP },
};

static const struct {
        const char *name;
        int operation;
} operations[] = {
        { "SCMP_CMP_NE", SCMP_CMP_NE },
        { "SCMP_CMP_LT", SCMP_CMP_LT },
        { "SCMP_CMP_LE", SCMP_CMP_LE },
        { "SCMP_CMP_EQ", SCMP_CMP_EQ },
        { "SCMP_CMP_GE", SCMP_CMP_GE },
        { "SCMP_CMP_GT", SCMP_CMP_GT },
        { "SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ },
};

static const struct {
        const char *name;
        uint32_t flag;
} flags[] = {
        { "SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG },
        { "SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW },
        { "SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC },
};

/* Where architectures of uname(2) have other names in profiles. */
static const struct {
        const char *machine, *architecture;
} architectures[] = {
        { "x86_64", "amd64" },        { "i386", "386" },   { "i686", "386" },
        { "aarch64", "arm64" },       { "armv7l", "arm" }, { "armv6l", "arm" },
        { "loongarch64", "loong64" },
};

int seccomp_target_get(uint64_t capabilities, SeccompTarget *ret) {
        static struct utsname name;

        if (uname(&name) < 0)
                return negative_errno();
        *ret = (SeccompTarget){ .capabilities = capabilities, .architecture = name.machine };
        for (size_t i = 0; i < ELEMENTSOF(architectures); i++)
                if (streq(architectures[i].machine, name.machine))
                        ret->architecture = architectures[i].architecture;
        return sscanf(name.release, "%u.%u", &ret->kernel[0], &ret->kernel[1]) == 2 ? 0 : -EINVAL;
}

static int wrong_type(Error *error, const char *place, const char *key, const char *type) {
        return error_set(error, ERROR_INVALID, "%s%s%s is not %s", place, isempty(place) ? "" : ".", key,
                         type);
}

/* The member, or NULL when it is missing or null, which some tools write instead. */
static json_t *member(const json_t *object, const char *key) {
        json_t *value = json_object_get(object, key);

        return json_is_null(value) ? NULL : value;
}

static int read_array(const json_t *object, const char *key, const char *place, json_t **ret, Error *error) {
        *ret = member(object, key);
        return *ret && !json_is_array(*ret) ? wrong_type(error, place, key, "a list") : 0;
}

static int read_string(const json_t *object, const char *key, const char *place, const char **ret,
                       Error *error) {
        json_t *value = member(object, key);

        if (value && !json_is_string(value))
                return wrong_type(error, place, key, "a text");
        *ret = json_string_value(value);
        return 0;
}

static int read_number(const json_t *object, const char *key, const char *place, uint64_t max, uint64_t *ret,
                       Error *error) {
        json_t *value = member(object, key);

        if (!value)
                return 0;
        if (!json_is_integer(value) || json_integer_value(value) < 0)
                return wrong_type(error, place, key, "a number from 0 on");
        *ret = json_integer_value(value);
        return *ret > max ? error_set(error, ERROR_LIMIT, "%s%s%s is more than %llu", place,
                                      isempty(place) ? "" : ".", key, (unsigned long long) max)
                          : 0;
}

static int read_action(const json_t *object, const char *key, const char *number_key, const char *place,
                       uint32_t *ret, Error *error) {
        const char *name = NULL, *dot = isempty(place) ? "" : ".";
        uint64_t number = EPERM;
        int r;

        if ((r = read_string(object, key, place, &name, error)) < 0 ||
            (r = read_number(object, number_key, place, ERRNO_MAX, &number, error)) < 0)
                return r;
        if (!name)
                return error_set(error, ERROR_INVALID, "%s%s%s is missing", place, dot, key);
        if (streq(name, "SCMP_ACT_NOTIFY"))
                return error_set(
                        error, ERROR_UNSUPPORTED,
                        "%s%s%s is SCMP_ACT_NOTIFY, which needs a program that answers; berth has none",
                        place, dot, key);
        for (size_t i = 0; i < ELEMENTSOF(actions); i++)
                if (streq(actions[i].name, name)) {
                        *ret = actions[i].action | (actions[i].has_number ? number : 0);
                        return 0;
                }
        return error_set(error, ERROR_INVALID, "%s%s%s \"%s\" is no action", place, dot, key, name);
}

static int read_flags(const json_t *root, uint32_t *ret, Error *error) {
        json_t *list;

        int r = read_array(root, "flags", "", &list, error);
        for (size_t i = 0; r >= 0 && i < json_array_size(list); i++) {
                const char *name = strempty(json_string_value(json_array_get(list, i)));
                size_t k = 0;
                while (k < ELEMENTSOF(flags) && !streq(flags[k].name, name))
                        k++;
                if (k == ELEMENTSOF(flags))
                        return error_set(error, ERROR_INVALID, "flags[%zu] \"%s\" is no flag", i, name);
                *ret |= flags[k].flag;
        }
        return r;
}

/* "SCMP_ARCH_X86_64", which libseccomp calls "x86_64". */
static int read_architecture(const json_t *value, uint32_t *ret, Error *error) {
        const char *name = strempty(json_string_value(value)), *p = startswith(name, "SCMP_ARCH_");
        char lower[32] = {};

        for (size_t i = 0; p && i < sizeof(lower) - 1 && p[i]; i++)
                lower[i] = tolower((unsigned char) p[i]);
        *ret = p ? seccomp_arch_resolve_name(lower) : 0;
        return *ret == 0 ? error_set(error, ERROR_INVALID, "\"%s\" is no architecture", name) : 0;
}

static int add_architectures(SeccompProfile *profile, const json_t *list, Error *error) {
        size_t n = json_array_size(list);

        profile->architectures = new_array(uint32_t, n + 1);
        if (!profile->architectures)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                int r = read_architecture(json_array_get(list, i), &profile->architectures[i], error);
                if (r < 0)
                        return error_prefix(error, r, "architectures[%zu]", i);
        }
        profile->n_architectures = n;
        return 0;
}

/* Either a list of them, or a map which says what comes along with this machine's own. */
static int read_architectures(SeccompProfile *profile, Error *error) {
        json_t *list, *map, *parts;
        uint32_t own;
        int r;

        if ((r = read_array(profile->json, "architectures", "", &list, error)) < 0 ||
            (r = read_array(profile->json, "archMap", "", &map, error)) < 0)
                return r;
        if (json_array_size(list) > 0 && json_array_size(map) > 0)
                return error_set(error, ERROR_INVALID,
                                 "it has architectures and archMap, of which there can be one only");
        if (json_array_size(list) > 0)
                return add_architectures(profile, list, error);
        for (size_t i = 0; i < json_array_size(map); i++) {
                char place[PLACE_SIZE];
                const json_t *entry = json_array_get(map, i);
                snprintf(place, sizeof(place), "archMap[%zu]", i);
                if ((r = read_architecture(member(entry, "architecture"), &own, error)) < 0)
                        return error_prefix(error, r, "%s", place);
                if (own != seccomp_arch_native())
                        continue;
                if ((r = read_array(entry, "subArchitectures", place, &parts, error)) < 0)
                        return r;
                return add_architectures(profile, parts, error);
        }
        return 0;
}

static bool list_has(const json_t *list, const char *word) {
        for (size_t i = 0; i < json_array_size(list); i++)
                if (streq(strempty(json_string_value(json_array_get(list, i))), word))
                        return true;
        return false;
}

/* How many of the listed capabilities the target has. One that does not exist here nobody has. */
static size_t count_capabilities(const json_t *list, const SeccompTarget *target) {
        size_t n = 0;

        for (size_t i = 0; i < json_array_size(list); i++) {
                int number = capability_from_name(strempty(json_string_value(json_array_get(list, i))));
                if (number >= 0 && (target->capabilities & UINT64_C(1) << number))
                        n++;
        }
        return n;
}

typedef struct Filter {
        json_t *capabilities, *architectures;
        bool has_kernel, kernel_is_there;
} Filter;

/* "includes" or "excludes". */
static int read_filter(const json_t *entry, const char *key, const char *place, const SeccompTarget *target,
                       Filter *ret, Error *error) {
        const json_t *filter = member(entry, key);
        char within[2 * PLACE_SIZE];
        const char *kernel = NULL;
        unsigned major, minor;
        int r;

        if (!filter)
                return 0;
        snprintf(within, sizeof(within), "%s.%s", place, key);
        if (!json_is_object(filter))
                return wrong_type(error, place, key, "an object");
        if ((r = read_array(filter, "caps", within, &ret->capabilities, error)) < 0 ||
            (r = read_array(filter, "arches", within, &ret->architectures, error)) < 0 ||
            (r = read_string(filter, "minKernel", within, &kernel, error)) < 0)
                return r;
        if (isempty(kernel))
                return 0;
        if (sscanf(kernel, "%u.%u", &major, &minor) != 2)
                return error_set(error, ERROR_INVALID, "%s.minKernel \"%s\" is no version such as 4.8",
                                 within, kernel);
        ret->has_kernel = true;
        ret->kernel_is_there =
                target->kernel[0] > major || (target->kernel[0] == major && target->kernel[1] >= minor);
        return 0;
}

/* Returns whether the entry is for this target. */
static int applies(const json_t *entry, const char *place, const SeccompTarget *target, Error *error) {
        Filter in = {}, out = {};
        int r;

        if ((r = read_filter(entry, "includes", place, target, &in, error)) < 0 ||
            (r = read_filter(entry, "excludes", place, target, &out, error)) < 0)
                return r;
        if (list_has(out.architectures, target->architecture) ||
            count_capabilities(out.capabilities, target) > 0 || (out.has_kernel && out.kernel_is_there))
                return false;
        return (json_array_size(in.architectures) == 0 ||
                list_has(in.architectures, target->architecture)) &&
               count_capabilities(in.capabilities, target) == json_array_size(in.capabilities) &&
               (!in.has_kernel || in.kernel_is_there);
}

static int read_condition(const json_t *value, const char *place, SeccompCondition *ret, Error *error) {
        const char *name = NULL;
        uint64_t index = 0;
        int r;

        if ((r = read_number(value, "index", place, SECCOMP_CONDITIONS_MAX - 1, &index, error)) < 0 ||
            (r = read_number(value, "value", place, UINT64_MAX, &ret->value, error)) < 0 ||
            (r = read_number(value, "valueTwo", place, UINT64_MAX, &ret->value_two, error)) < 0 ||
            (r = read_string(value, "op", place, &name, error)) < 0)
                return r;
        ret->index = index;
        for (size_t i = 0; i < ELEMENTSOF(operations); i++)
                if (streq(operations[i].name, strempty(name))) {
                        ret->operation = operations[i].operation;
                        return 0;
                }
        return error_set(error, ERROR_INVALID, "%s.op \"%s\" is no comparison", place, strempty(name));
}

static int read_conditions(const json_t *entry, const char *place, SeccompRule *rule, Error *error) {
        json_t *list;

        int r = read_array(entry, "args", place, &list, error);
        if (r >= 0 && json_array_size(list) > SECCOMP_CONDITIONS_MAX)
                return error_set(error, ERROR_LIMIT, "%s.args has more than %d", place,
                                 SECCOMP_CONDITIONS_MAX);
        for (size_t i = 0; r >= 0 && i < json_array_size(list); i++) {
                char within[2 * PLACE_SIZE];
                snprintf(within, sizeof(within), "%s.args[%zu]", place, i);
                r = read_condition(json_array_get(list, i), within, &rule->conditions[rule->n_conditions++],
                                   error);
        }
        return r;
}

static int add_rule(SeccompProfile *profile, const SeccompRule *rule, const char *name, Error *error) {
        if (profile->n_rules >= SECCOMP_RULES_MAX)
                return error_set(error, ERROR_LIMIT, "it has more than %d rules", SECCOMP_RULES_MAX);
        int r = array_reserve(&profile->rules, &profile->n_allocated, profile->n_rules + 1,
                              sizeof(SeccompRule));
        if (r < 0)
                return r;
        profile->rules[profile->n_rules] = *rule;
        profile->rules[profile->n_rules++].name = name;
        return 0;
}

static int read_entry(SeccompProfile *profile, const json_t *entry, const char *place,
                      const SeccompTarget *target, Error *error) {
        const char *single = NULL;
        SeccompRule rule = {};
        json_t *names;
        int r;

        if (!json_is_object(entry))
                return error_set(error, ERROR_INVALID, "%s is not an object", place);
        if ((r = read_string(entry, "name", place, &single, error)) < 0 ||
            (r = read_array(entry, "names", place, &names, error)) < 0 ||
            (r = read_action(entry, "action", "errnoRet", place, &rule.action, error)) < 0 ||
            (r = read_conditions(entry, place, &rule, error)) < 0)
                return r;
        if (!isempty(single) == (json_array_size(names) > 0))
                return error_set(error, ERROR_INVALID, "%s must have either name or names", place);
        if ((r = applies(entry, place, target, error)) <= 0)
                return r;
        if (!isempty(single))
                return add_rule(profile, &rule, single, error);
        for (size_t i = 0; i < json_array_size(names) && r >= 0; i++) {
                const char *name = json_string_value(json_array_get(names, i));
                r = name ? add_rule(profile, &rule, name, error)
                         : error_set(error, ERROR_INVALID, "%s.names[%zu] is not a text", place, i);
        }
        return r;
}

static int read_profile(SeccompProfile *profile, const SeccompTarget *target, Error *error) {
        json_t *list;
        int r;

        if (!json_is_object(profile->json))
                return error_set(error, ERROR_INVALID, "it is not a JSON object");
        if ((r = read_action(profile->json, "defaultAction", "defaultErrnoRet", "", &profile->default_action,
                             error)) < 0 ||
            (r = read_flags(profile->json, &profile->flags, error)) < 0 ||
            (r = read_architectures(profile, error)) < 0 ||
            (r = read_array(profile->json, "syscalls", "", &list, error)) < 0)
                return r;
        for (size_t i = 0; i < json_array_size(list) && r >= 0; i++) {
                char place[PLACE_SIZE];
                snprintf(place, sizeof(place), "syscalls[%zu]", i);
                r = read_entry(profile, json_array_get(list, i), place, target, error);
        }
        return r;
}

int seccomp_profile_read(const char *text, size_t size, const SeccompTarget *target, SeccompProfile *ret,
                         Error *error) {
        SeccompProfile profile = {};
        json_error_t why;

        profile.json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &why);
        if (!profile.json)
                return error_set(error, ERROR_INVALID, "line %d: %s", why.line, why.text);
        int r = read_profile(&profile, target, error);
        if (r < 0) {
                seccomp_profile_done(&profile);
                return error_set_errno(error, r, "it can't be read");
        }
        *ret = profile;
        return 0;
}

void seccomp_profile_done(SeccompProfile *profile) {
        json_decref(profile->json);
        free(profile->architectures);
        free(profile->rules);
        *profile = (SeccompProfile){};
}
