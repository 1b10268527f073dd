/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "option.h"
#include "parse-util.h"
#include "string-util.h"
#include "strv.h"
#include "suggest.h"
#include "time-util.h"

/* getopt's numbers for options: below this the character of a short option, from here the index of a row. */
#define VALUE_BASE 256
#define ROWS_MAX 192

/* The rows of all sets in getopt's form. */
typedef struct Scanner {
        const Option *rows[ROWS_MAX];
        void *values[ROWS_MAX];
        size_t n;
        struct option long_options[ROWS_MAX + 1];
        size_t n_long;
        char short_options[2 + ROWS_MAX * 2];
        const char *context;
} Scanner;

static const Option *find_short(const Scanner *s, int c, void **ret_values) {
        for (size_t i = 0; i < s->n; i++)
                if (s->rows[i]->short_name == c) {
                        if (ret_values)
                                *ret_values = s->values[i];
                        return s->rows[i];
                }
        return NULL;
}

static bool has_long(const Scanner *s, const char *name) {
        for (size_t i = 0; i < s->n_long; i++)
                if (streq(s->long_options[i].name, name))
                        return true;
        return false;
}

static void scanner_add(Scanner *s, const Option *option, void *values) {
        char *end = s->short_options + strlen(s->short_options);
        bool short_is_new = option->short_name && !find_short(s, option->short_name, NULL);

        assert(s->n < ROWS_MAX);
        if (option->long_name && !has_long(s, option->long_name))
                s->long_options[s->n_long++] = (struct option){
                        .name = option->long_name,
                        /* A flag takes "=no" as well. */
                        .has_arg = option->argument && !(option->flags & OPTION_VALUE_OPTIONAL)
                                           ? required_argument
                                           : optional_argument,
                        .val = VALUE_BASE + (int) s->n,
                };
        if (short_is_new) {
                *end++ = option->short_name;
                if (option->argument && !(option->flags & OPTION_VALUE_OPTIONAL))
                        *end++ = ':';
                *end = 0;
        }
        s->rows[s->n] = option;
        s->values[s->n++] = values;
}

static void scanner_init(Scanner *s, const OptionSet *sets, size_t n_sets, OptionScan scan,
                         const char *context) {
        *s = (Scanner){ .context = context };
        /* The colon makes getopt tell a missing value from an unknown option. */
        strcpy(s->short_options, scan == OPTION_SCAN_FIRST ? "+:" : ":");
        for (size_t i = 0; i < n_sets; i++)
                OPTION_FOREACH(o, sets[i].table)
        scanner_add(s, o, sets[i].values);
}

static int report_unknown_long(const Scanner *s, const char *word, Error *error) {
        _cleanup_free_ char *name = strndup(word + 2, strcspn(word + 2, "="));
        Suggestion suggestion;
        size_t n_prefixed = 0;

        if (!name)
                return error_set_errno(error, -ENOMEM, "cannot parse the command line");
        suggestion_init(&suggestion, name);
        for (size_t i = 0; i < s->n_long; i++) {
                n_prefixed += startswith(s->long_options[i].name, name) ? 1 : 0;
                suggestion_consider(&suggestion, s->long_options[i].name);
        }
        const char *of = s->context ? " for " : "", *verb = strempty(s->context);
        if (n_prefixed > 1)
                return error_set(error, ERROR_INVALID, "option \"--%s\"%s%s is ambiguous; write it in full",
                                 name, of, verb);
        if (suggestion.best)
                return error_set(error, ERROR_INVALID, "unknown option \"--%s\"%s%s; did you mean \"--%s\"?",
                                 name, of, verb, suggestion.best);
        return error_set(error, ERROR_INVALID, "unknown option \"--%s\"%s%s (berthctl help%s%s lists them)",
                         name, of, verb, *verb ? " " : "", verb);
}

static int report_unknown(const Scanner *s, const char *word, Error *error) {
        if (optopt == 0 && startswith(word, "--"))
                return report_unknown_long(s, word, error);
        return error_set(error, ERROR_INVALID, "unknown option \"-%c\"%s%s (berthctl help%s%s lists them)",
                         optopt, s->context ? " for " : "", strempty(s->context), s->context ? " " : "",
                         strempty(s->context));
}

static int store(const Option *option, const char *spelling, const char *value, void *values, Error *error) {
        int r = option->parse(option, value, (char *) values + option->offset, error);

        return r < 0 ? error_prefix(error, r, "%s", spelling) : 0;
}

/* What getopt found: a row of the tables, by its short name or by its index. */
static int take_option(const Scanner *s, int found, Error *error) {
        char spelling[64];

        if (found >= VALUE_BASE) {
                const Option *option = s->rows[found - VALUE_BASE];
                snprintf(spelling, sizeof(spelling), "--%s", option->long_name);
                return store(option, spelling, optarg, s->values[found - VALUE_BASE], error);
        }
        void *values = NULL;
        const Option *option = find_short(s, found, &values);
        snprintf(spelling, sizeof(spelling), "-%c", found);
        return store(option, spelling, optarg, values, error);
}

static int report_missing(const Scanner *s, Error *error) {
        if (optopt >= VALUE_BASE) {
                const Option *option = s->rows[optopt - VALUE_BASE];
                return error_set(error, ERROR_INVALID, "--%s needs a value (--%s=%s)", option->long_name,
                                 option->long_name, option->argument);
        }
        const Option *option = find_short(s, optopt, NULL);
        return error_set(error, ERROR_INVALID, "-%c needs a value (-%c %s)", optopt, optopt,
                         option->argument);
}

int options_parse(const OptionSet *sets, size_t n_sets, OptionScan scan, const char *context,
                  char **arguments, char ***ret_rest, Error *error) {
        Scanner s;
        size_t n = strv_length(arguments);
        /* getopt wants the program's name in front. */
        _cleanup_free_ char **vector = new0(char *, n + 2);
        int r = 0, found;

        if (!vector)
                return error_set_errno(error, -ENOMEM, "cannot parse the command line");
        vector[0] = (char *) "berthctl";
        memcpy(vector + 1, arguments, n * sizeof(char *));

        scanner_init(&s, sets, n_sets, scan, context);
        optind = 0;
        opterr = 0;
        while (r >= 0 &&
               (found = getopt_long((int) n + 1, vector, s.short_options, s.long_options, NULL)) != -1) {
                if (found == '?')
                        r = report_unknown(&s, vector[optind - 1], error);
                else if (found == ':')
                        r = report_missing(&s, error);
                else
                        r = take_option(&s, found, error);
        }
        if (r < 0)
                return r;
        memcpy(arguments, vector + 1, n * sizeof(char *));
        *ret_rest = arguments + optind - 1;
        return 0;
}

int option_flag(const Option *option, const char *value, void *target, Error *error) {
        int b = value ? parse_bool(value) : 1;

        if (b < 0)
                return error_set(error, ERROR_INVALID, "\"%s\" is neither yes nor no", value);
        *(bool *) target = b;
        return 0;
}

int option_flag_off(const Option *option, const char *value, void *target, Error *error) {
        int r = option_flag(option, value, target, error);

        if (r >= 0)
                *(bool *) target = !*(bool *) target;
        return r;
}

int option_string(const Option *option, const char *value, void *target, Error *error) {
        *(const char **) target = value;
        return 0;
}

int option_strings(const Option *option, const char *value, void *target, Error *error) {
        int r = strv_extend(target, value);

        return r < 0 ? error_set_errno(error, r, "cannot parse the command line") : 0;
}

static bool is_choice(const char *choices, const char *value) {
        size_t n = strlen(value);

        for (const char *p = choices; *p; p += strcspn(p, "|"), p += *p == '|')
                if (n == strcspn(p, "|") && strncmp(p, value, n) == 0)
                        return true;
        return false;
}

int option_choice(const Option *option, const char *value, void *target, Error *error) {
        _cleanup_strv_free_ char **choices = NULL;

        if (value && !is_choice(option->choices, value)) {
                (void) strv_split(option->choices, "|", &choices);
                _cleanup_free_ char *text = strv_join(choices, ", ");
                return error_set(error, ERROR_INVALID, "\"%s\" is not one of %s", value, strempty(text));
        }
        *(const char **) target = value;
        return 0;
}

int option_unsigned(const Option *option, const char *value, void *target, Error *error) {
        unsigned v;

        if (parse_unsigned(value, &v) < 0)
                return error_set(error, ERROR_INVALID, "\"%s\" is not a number from 0 to 4294967295", value);
        *(uint32_t *) target = v;
        return 0;
}

int option_duration(const Option *option, const char *value, void *target, Error *error) {
        OptionDuration *duration = target;

        if (streq(value, "-1") || streq(value, "infinity"))
                duration->usec = USEC_INFINITY;
        else if (parse_duration(value, &duration->usec) < 0)
                return error_set(error, ERROR_INVALID, "\"%s\" is not a time span such as 10, 90s or 1m30s",
                                 value);
        duration->set = true;
        return 0;
}

int option_moment(const Option *option, const char *value, void *target, Error *error) {
        if (parse_moment(value, target) < 0)
                return error_set(error, ERROR_INVALID,
                                 "\"%s\" is neither a time (2026-11-24 10:02:11) nor a time span (10m)",
                                 value);
        return 0;
}

int option_signal(const Option *option, const char *value, void *target, Error *error) {
        if (parse_signal(value) < 0)
                return error_set(error, ERROR_INVALID, "there is no signal \"%s\"", value);
        return option_string(option, value, target, error);
}
