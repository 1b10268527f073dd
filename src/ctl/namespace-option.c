/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "namespace-option.h"
#include "parse-util.h"
#include "string-util.h"
#include "strv.h"
#include "time-util.h"

/* choices: what people may say, for the message. container: where a name goes, NULL when there can't be one. */
static int parse_namespace(const Option *option, const char *value, const char *choices, NamespaceMode *ret,
                           char **container, Error *error) {
        const char *name = container ? startswith(value, "container:") : NULL;
        _cleanup_strv_free_ char **words = NULL;

        if (strv_split(choices, " ", &words) < 0)
                return error_set_errno(error, -ENOMEM, "cannot parse the command line");
        if (name && container_name_is_valid(name)) {
                *ret = NAMESPACE_OF_CONTAINER;
                return free_and_strdup(container, name);
        }
        if (!strv_contains(words, value))
                return error_set(error, ERROR_INVALID, "\"%s\" is not one of %s%s", value, choices,
                                 container ? " container:NAME" : "");
        *ret = enum_from_string(namespace_mode_words, value);
        return container ? free_and_strdup(container, NULL) : 0;
}

int namespace_parse_pid(const Option *option, const char *value, void *target, Error *error) {
        ContainerSpec *spec = target;

        return parse_namespace(option, value, "private host", &spec->pid_namespace, &spec->pid_container,
                               error);
}

int namespace_parse_ipc(const Option *option, const char *value, void *target, Error *error) {
        ContainerSpec *spec = target;

        return parse_namespace(option, value, "private shareable host", &spec->ipc_namespace,
                               &spec->ipc_container, error);
}

int namespace_parse_uts(const Option *option, const char *value, void *target, Error *error) {
        return parse_namespace(option, value, "private host", &((ContainerSpec *) target)->uts_namespace,
                               NULL, error);
}

int namespace_parse_cgroup(const Option *option, const char *value, void *target, Error *error) {
        return parse_namespace(option, value, "private host", &((ContainerSpec *) target)->cgroup_namespace,
                               NULL, error);
}

int namespace_parse_user(const Option *option, const char *value, void *target, Error *error) {
        const char *base = startswith(value, "id:");
        ContainerSpec *spec = target;
        unsigned first = 0;

        int mode = base ? USER_NAMESPACE_ID : enum_from_string(user_namespace_words, value);
        if (mode < 0 ||
            (mode == USER_NAMESPACE_ID && (!base || parse_unsigned(base, &first) < 0 || first == 0)))
                return error_set(error, ERROR_INVALID, "\"%s\" is not one of auto, host, keep-id, id:FIRST",
                                 value);
        spec->user_namespace = mode;
        spec->user_namespace_base = first;
        return 0;
}

int namespace_parse_time_offset(const Option *option, const char *value, void *target, Error *error) {
        const char *equal = strchr(value, '=');
        _cleanup_free_ char *clock = equal ? strndup(value, equal - value) : NULL, *seconds = NULL;
        ContainerSpec *spec = target;
        uint64_t usec;

        if (!clock || (!streq(clock, "monotonic") && !streq(clock, "boottime")))
                return error_set(error, ERROR_INVALID,
                                 "\"%s\" is not monotonic=TIME or boottime=TIME, as in "
                                 "boottime=+1d",
                                 value);
        const char *text = equal + 1, *sign = *text == '-' ? "-" : "";
        if (*text == '-' || *text == '+')
                text++;
        if (parse_duration(text, &usec) < 0 || usec == USEC_INFINITY)
                return error_set(error, ERROR_INVALID, "\"%s\" is no time, as in 90s, -2h or 1d", equal + 1);
        seconds = format_string("%s%llu.%06llu", sign, (unsigned long long) (usec / USEC_PER_SEC),
                                (unsigned long long) (usec % USEC_PER_SEC));
        return seconds ? strv_map_set(&spec->time_offsets, clock, seconds) : -ENOMEM;
}

int option_map(const Option *option, const char *value, void *target, Error *error) {
        if (!strchr(value, '=') || value[0] == '=')
                return error_set(error, ERROR_INVALID, "\"%s\" has not the form NAME=VALUE", value);
        return strv_map_put(target, value);
}

int option_oom_score(const Option *option, const char *value, void *target, Error *error) {
        int64_t score;

        if (parse_i64(value, &score) < 0 || score < -1000 || score > 1000)
                return error_set(error, ERROR_INVALID, "\"%s\" is not a number from -1000 to 1000", value);
        *(int *) target = score;
        return 0;
}

int option_bytes(const Option *option, const char *value, void *target, Error *error) {
        return parse_size(value, target) < 0
                       ? error_set(error, ERROR_INVALID, "\"%s\" is no size, as in 64M", value)
                       : 0;
}
