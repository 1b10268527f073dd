/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <jansson.h>

#include "file-util.h"
#include "json-util.h"
#include "parse-util.h"
#include "security-option.h"
#include "string-util.h"
#include "strv.h"

#define PROFILE_FILE_MAX MIB

static int out_of_memory(Error *error) {
        return error_set_errno(error, -ENOMEM, "cannot create the container");
}

static int apply_privileges(const char *value, ContainerSpec *spec, Error *error) {
        int b = value ? parse_bool(value) : true;

        if (b < 0)
                return error_set(error, ERROR_INVALID, "no-new-privileges: \"%s\" is neither true nor false",
                                 value);
        spec->no_new_privileges = b;
        return 0;
}

/* What berthd gets is without blanks and comments on lines of their own, which may be most of the file. */
static int read_profile(const char *path, char **ret, Error *error) {
        _cleanup_free_ char *text = NULL;
        json_error_t why;
        size_t size;

        int r = read_file_at(AT_FDCWD, path, PROFILE_FILE_MAX, &text, &size);
        if (r == -EFBIG)
                return error_set(error, ERROR_LIMIT, "the seccomp profile %s is larger than 1 MiB", path);
        if (r < 0)
                return error_set_errno(error, r, "cannot read the seccomp profile %s", path);
        _cleanup_json_ json_t *json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &why);
        if (!json)
                return error_set(error, ERROR_INVALID, "the seccomp profile %s, line %d: %s", path, why.line,
                                 why.text);
        char *compact = json_dumps(json, JSON_COMPACT);
        if (!compact)
                return out_of_memory(error);
        free_and_replace(*ret, compact);
        if (strlen(compact) > SECCOMP_PROFILE_MAX)
                return error_set(error, ERROR_LIMIT,
                                 "the seccomp profile %s has %zu bytes even without blanks; it may have %d",
                                 path, strlen(compact), SECCOMP_PROFILE_MAX);
        return 0;
}

static int apply_seccomp(const char *value, ContainerSpec *spec, Error *error) {
        bool own = streq(value, "builtin") || streq(value, "default");

        if (!own && !streq(value, "unconfined"))
                return read_profile(value, &spec->seccomp_profile, error);
        return free_and_strdup(&spec->seccomp_profile, own ? NULL : value) < 0 ? out_of_memory(error) : 0;
}

static int apply_apparmor(const char *value, ContainerSpec *spec, Error *error) {
        return free_and_strdup(&spec->apparmor_profile, value) < 0 ? out_of_memory(error) : 0;
}

static int apply_label(const char *value, ContainerSpec *spec, Error *error) {
        return strv_extend(&spec->selinux_label, value) < 0 ? out_of_memory(error) : 0;
}

static int apply_system_paths(const char *value, ContainerSpec *spec, Error *error) {
        if (!streq(value, "unconfined"))
                return error_set(error, ERROR_INVALID,
                                 "systempaths=%s: only \"unconfined\" makes sense here", value);
        return strv_extend(&spec->unmask, "ALL") < 0 ? out_of_memory(error) : 0;
}

static int add_paths(const char *value, char ***paths, Error *error) {
        _cleanup_strv_free_ char **words = NULL;

        int r = strv_split(value, ":", &words);
        for (size_t i = 0; words && words[i] && r >= 0; i++)
                r = strv_extend(paths, words[i]);
        return r < 0 ? out_of_memory(error) : 0;
}

static int apply_mask(const char *value, ContainerSpec *spec, Error *error) {
        return add_paths(value, &spec->mask, error);
}

static int apply_unmask(const char *value, ContainerSpec *spec, Error *error) {
        return add_paths(value, &spec->unmask, error);
}

static const struct {
        const char *name;
        bool stands_alone; /* needs no value */
        int (*apply)(const char *value, ContainerSpec *spec, Error *error);
} options[] = {
        { "no-new-privileges", true, apply_privileges },
        { "seccomp", false, apply_seccomp },
        { "apparmor", false, apply_apparmor },
        { "label", false, apply_label },
        { "mask", false, apply_mask },
        { "unmask", false, apply_unmask },
        { "systempaths", false, apply_system_paths },
};

int security_option_apply(const char *option, ContainerSpec *spec, Error *error) {
        /* "=" and, as Docker once had it, ":" */
        size_t n = strcspn(option, "=:");
        const char *value = option[n] ? option + n + 1 : NULL;

        for (size_t i = 0; i < ELEMENTSOF(options); i++) {
                if (strlen(options[i].name) != n || strncmp(options[i].name, option, n) != 0)
                        continue;
                if (isempty(value) && (value || !options[i].stands_alone))
                        return error_set(error, ERROR_INVALID, "\"%s\" has no value", option);
                return options[i].apply(value, spec, error);
        }
        return error_set(error, ERROR_INVALID,
                         "\"%s\" is not known; there are no-new-privileges, seccomp=, "
                         "apparmor=, label=, mask=, unmask= and systempaths=unconfined",
                         option);
}
