/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <jansson.h>
#include <strings.h>

#include "health-option.h"
#include "health-spec.h"
#include "string-util.h"
#include "strv.h"

static int out_of_memory(Error *error) {
        return error_set_errno(error, -ENOMEM, "cannot parse the command line");
}

static int set_test(char ***test, const char *kind, char *const *arguments, Error *error) {
        *test = strv_free(*test);
        int r = strv_extend(test, kind);
        for (; r >= 0 && arguments && *arguments; arguments++)
                r = strv_extend(test, *arguments);
        return r < 0 ? out_of_memory(error) : 0;
}

/* ["a", "b"]: returns 1, or 0 when the text is something else. */
static int read_json_list(const char *text, char ***ret, Error *error) {
        _cleanup_strv_free_ char **list = NULL;
        json_t *array = text[0] == '[' ? json_loads(text, 0, NULL) : NULL, *item;
        bool good = json_is_array(array) && json_array_size(array) > 0;
        size_t i;
        int r = 0;

        json_array_foreach(array, i, item) {
                good = good && json_is_string(item);
                if (good && r >= 0)
                        r = strv_extend(&list, json_string_value(item));
        }
        json_decref(array);
        if (r < 0)
                return out_of_memory(error);
        if (good)
                *ret = TAKE_PTR(list);
        return good;
}

int parse_health_command(const Option *option, const char *value, void *target, Error *error) {
        _cleanup_strv_free_ char **list = NULL;

        if (isempty(value))
                return error_set(error, ERROR_INVALID, "the command is empty");
        if (strcasecmp(value, "none") == 0)
                return set_test(target, "NONE", NULL, error);
        int r = read_json_list(value, &list, error);
        if (r < 0)
                return r;
        return r > 0 ? set_test(target, "CMD", list, error)
                     : set_test(target, "CMD-SHELL", (char *[]){ (char *) value, NULL }, error);
}

int parse_no_health_check(const Option *option, const char *value, void *target, Error *error) {
        bool off;

        int r = option_flag(option, value, &off, error);
        return r < 0 || !off ? r : set_test(target, "NONE", NULL, error);
}

int parse_health_duration(const Option *option, const char *value, void *target, Error *error) {
        OptionDuration duration = {};

        int r = option_duration(option, value, &duration, error);
        if (r < 0)
                return r;
        *(uint64_t *) target = duration.usec;
        return 0;
}

int parse_health_retries(const Option *option, const char *value, void *target, Error *error) {
        int r = option_unsigned(option, value, target, error);

        if (r >= 0 && *(uint32_t *) target == 0)
                return error_set(error, ERROR_INVALID, "there must be one try at least");
        return r;
}

int parse_health_on_failure(const Option *option, const char *value, void *target, Error *error) {
        const char *word;

        int r = option_choice(option, value, &word, error);
        if (r < 0)
                return r;
        *(HealthOnFailure *) target = enum_from_string(health_on_failure_words, word);
        return 0;
}
