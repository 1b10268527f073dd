/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "string-util.h"
#include "strv.h"
#include "suggest.h"
#include "verbs.h"

const Option common_options[] = {
        { 'h', "help", NULL, "Show this help", option_flag, offsetof(CommonOptions, help) },
        { 0, "version", NULL, "Show the version of berth", option_flag, offsetof(CommonOptions, version) },
        {},
};

/* Does one of the "|"-separated aliases consist of these one or two words? */
static bool alias_matches(const char *aliases, const char *first, const char *second) {
        for (const char *p = strempty(aliases); *p; p += strcspn(p, "|"), p += *p == '|') {
                size_t n = strcspn(p, "|"), m = strlen(first);
                if (n < m || strncmp(p, first, m) != 0)
                        continue;
                if (!second ? n == m
                            : n == m + 1 + strlen(second) && p[m] == ' ' &&
                                      strncmp(p + m + 1, second, strlen(second)) == 0)
                        return true;
        }
        return false;
}

static bool verb_is_spelled(const Verb *v, const char *first, const char *second) {
        return alias_matches(v->name, first, second) || alias_matches(v->aliases, first, second);
}

static const Verb *find_noun_and_verb(const Program *program, const char *noun, const char *word) {
        /* "image rm" is an alias of rmi, and not rm: what is spelled out goes before the rule. */
        for (const Verb *v = program->verbs; v->name; v++)
                if (verb_is_spelled(v, noun, word))
                        return v;
        for (const Verb *v = program->verbs; v->name; v++)
                if (v->noun && streq(v->noun, noun) && verb_is_spelled(v, word, NULL))
                        return v;
        return NULL;
}

const Verb *verb_find(const Program *program, char *const *words, size_t *ret_words) {
        const Verb *verb;

        if (words[0] && words[1] && (verb = find_noun_and_verb(program, words[0], words[1]))) {
                *ret_words = 2;
                return verb;
        }
        for (const Verb *v = program->verbs; words[0] && v->name; v++)
                if (verb_is_spelled(v, words[0], NULL)) {
                        *ret_words = 1;
                        return v;
                }
        return NULL;
}

/* ---- for suggestions and completion ---- */

static int add_spellings(const Verb *v, char ***ret) {
        _cleanup_strv_free_ char **aliases = NULL;

        int r = strv_extend(ret, v->name);
        if (r >= 0)
                r = strv_split(strempty(v->aliases), "|", &aliases);
        STRV_FOREACH(alias, aliases)
                if (r >= 0)
                        r = strv_extend(ret, *alias);
        return r;
}

static int collect_spellings(const Program *program, char ***ret) {
        int r = 0;

        for (const Verb *v = program->verbs; v->name && r >= 0; v++)
                if (!(v->flags & VERB_HIDDEN))
                        r = add_spellings(v, ret);
        return r;
}

/* What follows the noun in a spelling, or NULL. */
static const char *after_noun(const char *spelling, const char *noun) {
        const char *rest = startswith(spelling, noun);

        return rest && *rest == ' ' ? rest + 1 : NULL;
}

static bool is_noun_of(const char *spellings, const char *noun) {
        for (const char *p = spellings; p; p = strchr(p, '|')) {
                p += *p == '|';
                if (after_noun(p, noun))
                        return true;
        }
        return false;
}

bool verb_is_noun(const Program *program, const char *word) {
        for (const Verb *v = program->verbs; v->name; v++)
                if (streq(strempty(v->noun), word) || is_noun_of(v->name, word) ||
                    is_noun_of(v->aliases, word))
                        return true;
        return false;
}

static int add_word(const char *word, const Verb *v, bool with_help, char ***ret) {
        _cleanup_free_ char *line = with_help ? string_join(word, "\t", v->help) : strdup(word);

        if (!line)
                return -ENOMEM;
        return strv_contains(*ret, line) ? 0 : strv_extend(ret, line);
}

int verb_list_of_noun(const Program *program, const char *noun, bool with_help, char ***ret) {
        _cleanup_strv_free_ char **list = NULL;
        int r = 0;

        for (const Verb *v = program->verbs; v->name && r >= 0; v++) {
                _cleanup_strv_free_ char **spellings = NULL;
                r = add_spellings(v, &spellings);
                STRV_FOREACH(s, spellings) {
                        const char *word = after_noun(*s, noun);
                        if (word && r >= 0)
                                r = add_word(word, v, with_help, &list);
                }
                if (r >= 0 && v->noun && streq(v->noun, noun) && !(v->flags & VERB_HIDDEN))
                        r = add_word(v->name, v, with_help, &list);
        }
        if (r >= 0)
                *ret = TAKE_PTR(list);
        return r;
}

/* "image", and maybe a word that is none of its verbs. */
static int report_noun(const Program *program, char *const *words, Error *error) {
        _cleanup_strv_free_ char **verbs = NULL;

        int r = verb_list_of_noun(program, words[0], false, &verbs);
        if (r < 0)
                return error_set_errno(error, r, "cannot parse the command line");
        strv_sort(verbs);
        _cleanup_free_ char *list = strv_join(verbs, ", ");
        if (!words[1])
                return error_set(error, ERROR_INVALID, "\"%s\" needs a verb: %s", words[0], strempty(list));
        return error_set(error, ERROR_INVALID, "\"%s\" has no verb \"%s\": there are %s", words[0], words[1],
                         strempty(list));
}

int verb_report_unknown(const Program *program, char *const *words, Error *error) {
        _cleanup_strv_free_ char **spellings = NULL;
        Suggestion suggestion;

        if (verb_is_noun(program, words[0]))
                return report_noun(program, words, error);
        int r = collect_spellings(program, &spellings);
        if (r < 0)
                return error_set_errno(error, r, "cannot parse the command line");
        suggestion_init(&suggestion, words[0]);
        STRV_FOREACH(s, spellings) {
                (*s)[strcspn(*s, " ")] = 0;
                suggestion_consider(&suggestion, *s);
        }
        if (suggestion.best)
                return error_set(error, ERROR_INVALID, "unknown verb \"%s\"; did you mean \"%s\"?", words[0],
                                 suggestion.best);
        return error_set(error, ERROR_INVALID, "unknown verb \"%s\" (%s help lists them)", words[0],
                         program->name);
}

static int check_arguments(const Verb *verb, char **arguments, Error *error) {
        size_t n = strv_length(arguments);

        if (n < verb->min)
                return error_set(error, ERROR_INVALID, "%s needs %s: berthctl %s %s", verb->name,
                                 n == 0 ? "an argument" : "more arguments", verb->name, verb->synopsis);
        if (n > verb->max && verb->max == 0)
                return error_set(error, ERROR_INVALID, "%s takes no arguments, but was given \"%s\"",
                                 verb->name, arguments[0]);
        if (n > verb->max)
                return error_set(error, ERROR_INVALID, "\"%s\" is one argument too many: berthctl %s %s",
                                 arguments[verb->max], verb->name, verb->synopsis);
        return 0;
}

/* The options struct of a verb, as its table says. */
typedef struct VerbOptions {
        const Verb *verb;
        void *values;
} VerbOptions;

static void verb_options_done(VerbOptions *o) {
        if (o->values && o->verb->done)
                o->verb->done(o->values);
        free(o->values);
}

static int verb_options_init(VerbOptions *o, const Verb *verb) {
        *o = (VerbOptions){ .verb = verb, .values = calloc(1, MAX(verb->options_size, (size_t) 1)) };
        if (!o->values)
                return -ENOMEM;
        if (verb->init)
                verb->init(o->values);
        return 0;
}

static size_t verb_option_sets(const Program *program, void *context, CommonOptions *common,
                               const Verb *verb, void *values, OptionSet sets[static OPTION_SETS_MAX]) {
        size_t n = 0;

        for (size_t i = 0; verb && verb->options && verb->options[i] && n < OPTION_SETS_MAX - 2; i++)
                sets[n++] = (OptionSet){ verb->options[i], values };
        sets[n++] = (OptionSet){ program->options, context };
        sets[n++] = (OptionSet){ common_options, common };
        return n;
}

static int run_verb(const Program *program, void *context, CommonOptions *common, const Verb *verb,
                    char **arguments, Error *error) {
        OptionSet sets[OPTION_SETS_MAX];
        _cleanup_(verb_options_done) VerbOptions options;

        int r = verb_options_init(&options, verb);
        if (r < 0)
                return error_set_errno(error, r, "cannot run %s", verb->name);
        if (!(verb->flags & VERB_RAW_ARGUMENTS)) {
                size_t n = verb_option_sets(program, context, common, verb, options.values, sets);
                r = options_parse(sets, n,
                                  verb->flags & VERB_OPTIONS_FIRST ? OPTION_SCAN_FIRST : OPTION_SCAN_ALL,
                                  verb->name, arguments, &arguments, error);
                if (r < 0)
                        return r;
                if (common->help)
                        return program_help(program, verb, stdout);
                if ((r = check_arguments(verb, arguments, error)) < 0)
                        return r;
        }
        return verb->run(context, arguments, options.values, error);
}

/* "berthctl: what, on what, why": one line, whatever the message came from. */
static void report(const Program *program, Error *error) {
        string_blank_controls(error->message);
        fflush(stdout);
        fprintf(stderr, "%s: %s\n", program->name, error->message ?: "out of memory");
}

static int failure_status(const Verb *verb, const Error *error) {
        if (error->kind == ERROR_CANCELLED)
                return 130;
        if (verb && verb->flags & VERB_CONTAINER_STATUS)
                return error_kind_to_exit_status(error->kind);
        return EXIT_FAILURE;
}

/* Finds the verb behind the global options; NULL with r == 0 when those have answered already. */
static int choose_verb(const Program *program, void *context, CommonOptions *common, char ***arguments,
                       const Verb **ret, Error *error) {
        OptionSet sets[OPTION_SETS_MAX];
        size_t n_words = 0;

        size_t n = verb_option_sets(program, context, common, NULL, NULL, sets);
        int r = options_parse(sets, n, OPTION_SCAN_FIRST, NULL, *arguments, arguments, error);
        if (r < 0)
                return r;
        if (common->version) {
                printf("berth %s\n", BERTH_VERSION);
                return 0;
        }
        if (common->help)
                return program_help(program, NULL, stdout);

        char *fallback[] = { (char *) program->default_verb, NULL };
        char **words = **arguments ? *arguments : fallback;
        const Verb *verb = verb_find(program, words, &n_words);
        if (!verb && words[1] && (streq(words[1], "-h") || streq(words[1], "--help")) &&
            verb_is_noun(program, words[0]))
                return program_help_noun(program, words[0], stdout);
        if (!verb)
                return verb_report_unknown(program, words, error);
        if (words != fallback)
                *arguments += n_words;
        *ret = verb;
        return 0;
}

int program_run(const Program *program, void *context, int argc, char **argv) {
        _cleanup_error_ Error error = {};
        CommonOptions common = {};
        char *none[] = { NULL };
        char **arguments = argc > 0 ? argv + 1 : none;
        const Verb *verb = NULL;

        int r = choose_verb(program, context, &common, &arguments, &verb, &error);
        if (r >= 0 && verb)
                r = run_verb(program, context, &common, verb, arguments, &error);
        if (r >= 0)
                return r;
        if (error.kind == ERROR_NONE)
                (void) error_set_errno(&error, r, "%s failed", verb ? verb->name : program->name);
        report(program, &error);
        return failure_status(verb, &error);
}
