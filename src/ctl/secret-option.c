/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "container-spec.h"
#include "parse-util.h"
#include "secret-option.h"
#include "secret-spec.h"
#include "string-util.h"

static int out_of_memory(Error *error) {
        return error_set_errno(error, -ENOMEM, "cannot parse the command line");
}

static int parse_secret_mode(const char *value, uint32_t *ret) {
        char *end;

        unsigned long mode = strtoul(value, &end, 8);
        if (isempty(value) || *end || mode > 0777)
                return -EINVAL;
        *ret = mode;
        return 0;
}

static int set_type(const char *value, Error *error) {
        if (streq(value, "mount"))
                return 0;
        return error_set(error, ERROR_UNSUPPORTED,
                         streq(value, "env")
                                 ? "a secret is given as a file only: in the environment everybody who may "
                                   "look at the container could read it"
                                 : "the type of a secret can only be mount");
}

static int set_field(SecretAttachment *a, const char *key, const char *value, Error *error) {
        unsigned number = 0;

        if (streq(key, "source") || streq(key, "src") || streq(key, "id"))
                return free_and_strdup(&a->secret, value) < 0 ? out_of_memory(error) : 0;
        if (streq(key, "target") || streq(key, "dst") || streq(key, "destination"))
                return free_and_strdup(&a->target, value) < 0 ? out_of_memory(error) : 0;
        if (streq(key, "type"))
                return set_type(value, error);
        if (streq(key, "mode")) {
                if (parse_secret_mode(value, &a->mode) < 0)
                        return error_set(error, ERROR_INVALID, "\"%s\" is not a mode, as in mode=0400",
                                         value);
                return 0;
        }
        if (!streq(key, "uid") && !streq(key, "gid"))
                return error_set(error, ERROR_INVALID,
                                 "\"%s\" is not known: there are source, target, uid, gid and mode", key);
        if (parse_unsigned(value, &number) < 0)
                return error_set(error, ERROR_INVALID, "\"%s\" is not a number", value);
        *(streq(key, "uid") ? &a->uid : &a->gid) = number;
        return 0;
}

int parse_secret(const Option *option, const char *value, void *target, Error *error) {
        _cleanup_free_ char *copy = strdup(value);
        SecretAttachment *a = list_append(target, &secret_attachment_type);
        char *rest = copy, *field;
        int r = copy && a ? 0 : out_of_memory(error);

        while (r >= 0 && (field = strsep(&rest, ","))) {
                char *equals = strchr(field, '=');
                if (equals)
                        *equals = 0;
                else if (field != copy)
                        return error_set(error, ERROR_INVALID, "\"%s\" has not the form KEY=VALUE", field);
                r = equals ? set_field(a, field, equals + 1, error) : set_field(a, "source", field, error);
        }
        if (r >= 0 && !secret_name_is_valid(strempty(a->secret)))
                return error_set(error, ERROR_INVALID, "\"%s\" names no secret", value);
        return r;
}
