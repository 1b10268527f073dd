/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "parse-util.h"
#include "string-util.h"
#include "ulimit.h"

static const struct {
        const char *name;
        int resource;
} names[] = {
        { "as", RLIMIT_AS },           { "core", RLIMIT_CORE },         { "cpu", RLIMIT_CPU },
        { "data", RLIMIT_DATA },       { "fsize", RLIMIT_FSIZE },       { "locks", RLIMIT_LOCKS },
        { "memlock", RLIMIT_MEMLOCK }, { "msgqueue", RLIMIT_MSGQUEUE }, { "nice", RLIMIT_NICE },
        { "nofile", RLIMIT_NOFILE },   { "nproc", RLIMIT_NPROC },       { "rss", RLIMIT_RSS },
        { "rtprio", RLIMIT_RTPRIO },   { "rttime", RLIMIT_RTTIME },     { "sigpending", RLIMIT_SIGPENDING },
        { "stack", RLIMIT_STACK },
};

static int parse_limit(const char *s, rlim_t *ret) {
        uint64_t v;

        if (streq(s, "-1") || streq(s, "unlimited")) {
                *ret = RLIM_INFINITY;
                return 0;
        }
        int r = parse_u64(s, &v);
        if (r >= 0)
                *ret = v;
        return r;
}

static int find_resource(const char *name, size_t length) {
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (strlen(names[i].name) == length && strncmp(names[i].name, name, length) == 0)
                        return names[i].resource;
        return -EINVAL;
}

int ulimit_parse(const char *name, const char *value, int *ret_resource, struct rlimit *ret, Error *error) {
        _cleanup_free_ char *soft = strndup(value, strcspn(value, ":"));
        const char *colon = strchr(value, ':');
        struct rlimit limit;

        if (!soft)
                return error_set_errno(error, -ENOMEM, "cannot read a limit");
        int resource = find_resource(name, strcspn(name, "="));
        if (resource < 0)
                return error_set(error, ERROR_INVALID,
                                 "there is no limit \"%.*s\": as, core, cpu, data, fsize, locks, memlock, "
                                 "msgqueue, nice, nofile, nproc, rss, rtprio, rttime, sigpending, stack are",
                                 (int) strcspn(name, "="), name);
        if (parse_limit(soft, &limit.rlim_cur) < 0 ||
            parse_limit(colon ? colon + 1 : soft, &limit.rlim_max) < 0)
                return error_set(error, ERROR_INVALID,
                                 "\"%s\" is not a limit SOFT[:HARD], each a number, -1 or unlimited", value);
        if (limit.rlim_cur > limit.rlim_max)
                return error_set(error, ERROR_INVALID, "the soft limit of %.*s=%s is above the hard one",
                                 (int) strcspn(name, "="), name, value);
        *ret_resource = resource;
        *ret = limit;
        return 0;
}

int ulimits_apply(char *const *ulimits, pid_t pid, Error *error) {
        for (size_t i = 0; ulimits && ulimits[i]; i++) {
                const char *equal = strchr(ulimits[i], '=');
                struct rlimit limit;
                int resource;

                int r = ulimit_parse(ulimits[i], equal ? equal + 1 : "", &resource, &limit, error);
                if (r < 0)
                        return r;
                if (prlimit(pid, resource, &limit, NULL) >= 0)
                        continue;
                r = negative_errno();
                return r == -EPERM ? error_set(error, ERROR_UNSUPPORTED,
                                               "this host forbids the limit %s: it is above the hard limit "
                                               "of berth-shims.service",
                                               ulimits[i])
                                   : error_set_errno(error, r, "cannot set the limit %s", ulimits[i]);
        }
        return 0;
}
