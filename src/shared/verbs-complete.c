/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "parse-util.h"
#include "string-util.h"
#include "strv.h"
#include "verbs.h"

/* The words before the one to complete decide what it can be; this walks them as the parser would. */
typedef struct Completion {
        const Program *program;
        void *context;
        FILE *out;
        const char *word;   /* what is there of it */
        const char *prefix; /* "--signal=": stays in front of each candidate */
        const Option *tables[OPTION_SETS_MAX + 1];
        size_t n_tables;
} Completion;

static void offer(const Completion *c, const char *candidate, const char *description) {
        size_t n = strcspn(candidate, "\t");

        if (strncmp(candidate, c->word, strlen(c->word)) != 0)
                return;
        fprintf(c->out, "%s%.*s", strempty(c->prefix), (int) n, candidate);
        if (candidate[n])
                fprintf(c->out, "%s", candidate + n);
        else if (description)
                fprintf(c->out, "\t%s", description);
        fputc('\n', c->out);
}

static int offer_split(const Completion *c, const char *words) {
        _cleanup_strv_free_ char **list = NULL;

        int r = strv_split(words, "|", &list);
        if (r < 0)
                return r;
        STRV_FOREACH(s, list)
                if (!strchr(*s, ' '))
                        offer(c, *s, NULL);
        return 0;
}

static void offer_signals(const Completion *c) {
        char buffer[16];

        for (int i = 1; i < SIGRTMIN; i++)
                if (sigabbrev_np(i))
                        offer(c, signal_to_string(i, buffer), sigdescr_np(i));
}

/* Of verbs of two words the first one, once. */
static int offer_verbs(const Completion *c) {
        _cleanup_strv_free_ char **nouns = NULL;
        int r = 0;

        for (const Verb *v = c->program->verbs; v->name && r >= 0; v++) {
                size_t n = strcspn(v->name, " ");
                if (v->flags & VERB_HIDDEN)
                        continue;
                if (v->name[n] == 0) {
                        offer(c, v->name, v->help);
                        continue;
                }
                _cleanup_free_ char *noun = strndup(v->name, n);
                if (!noun)
                        return -ENOMEM;
                if (!strv_contains(nouns, noun))
                        r = strv_extend(&nouns, noun);
        }
        STRV_FOREACH(noun, nouns)
                offer(c, *noun, NULL);
        return r;
}

static int offer_kind(const Completion *c, WordKind kind, const char *choices) {
        _cleanup_strv_free_ char **words = NULL;

        switch (kind) {
        case WORD_NONE:
                return 0;
        case WORD_FILE:
                fputs(":file\n", c->out);
                return 0;
        case WORD_DIRECTORY:
                fputs(":directory\n", c->out);
                return 0;
        case WORD_CHOICE:
                return offer_split(c, strempty(choices));
        case WORD_SIGNAL:
                offer_signals(c);
                return 0;
        case WORD_VERB:
                return offer_verbs(c);
        case WORD_CONTAINER_PATH:
                /* "web:/etc/": the next word has no space in front; a local path is the shell's business. */
                fputs(strchr(c->word, ':') ? ":nospace\n" : ":nospace\n:file\n", c->out);
                break;
        default:
                break;
        }
        int r = c->program->complete ? c->program->complete(c->context, kind, c->word, &words) : 0;
        STRV_FOREACH(s, words)
                offer(c, *s, NULL);
        return r;
}

static void offer_options(const Completion *c) {
        for (size_t i = 0; i < c->n_tables; i++)
                OPTION_FOREACH(o, c->tables[i]) {
                        char text[64];
                        if (!o->long_name || !o->help)
                                continue;
                        snprintf(text, sizeof(text), "--%s%s", o->long_name,
                                 o->argument && !(o->flags & OPTION_VALUE_OPTIONAL) ? "=" : "");
                        offer(c, text, o->help);
                }
}

static const Option *find_option(const Completion *c, const char *name, size_t n, char short_name) {
        for (size_t i = 0; i < c->n_tables; i++)
                OPTION_FOREACH(o, c->tables[i])
        if (short_name ? o->short_name == short_name
                       : o->long_name && strlen(o->long_name) == n && strncmp(o->long_name, name, n) == 0)
                return o;
        return NULL;
}

/* The option whose value is the next word, if this word ends in one that lacks it. */
static const Option *option_wanting_value(const Completion *c, const char *word) {
        if (startswith(word, "--")) {
                const Option *o = strchr(word, '=') ? NULL : find_option(c, word + 2, strlen(word + 2), 0);
                return o && o->argument && !(o->flags & OPTION_VALUE_OPTIONAL) ? o : NULL;
        }
        for (const char *p = word + 1; *p; p++) {
                const Option *o = find_option(c, NULL, 0, *p);
                if (!o)
                        return NULL;
                if (o->argument)
                        return p[1] ? NULL : o;
        }
        return NULL;
}

static bool is_option(const char *word) {
        return word[0] == '-' && word[1];
}

/* Completes the last word as an option, its value behind "=", or the value of the option before it. Returns 1 when
 * that was it. */
static int complete_option(Completion *c, const Option *wanting) {
        if (wanting)
                return offer_kind(c, wanting->kind, wanting->choices) < 0 ? -ENOMEM : 1;
        const char *equals = startswith(c->word, "--") ? strchr(c->word, '=') : NULL;
        if (equals) {
                const Option *o = find_option(c, c->word + 2, equals - c->word - 2, 0);
                _cleanup_free_ char *prefix = strndup(c->word, equals + 1 - c->word);
                c->prefix = prefix;
                c->word = equals + 1;
                int r = o && prefix ? offer_kind(c, o->kind, o->choices) : 0;
                c->prefix = NULL;
                return r < 0 ? r : 1;
        }
        if (c->word[0] == '-') {
                offer_options(c);
                return 1;
        }
        return 0;
}

/* Steps over options and their values. Returns the number of words up to the n-th argument (0-based), or of all of
 * them; *ret_wanting: the option that the word behind them belongs to. *ret_seen: arguments passed. */
static size_t skip_options(const Completion *c, char **words, size_t n_words, size_t stop_after,
                           const Option **ret_wanting, size_t *ret_seen) {
        const Option *wanting = NULL;
        size_t i, seen = 0;

        for (i = 0; i < n_words; i++) {
                if (wanting)
                        wanting = NULL;
                else if (is_option(words[i]))
                        wanting = option_wanting_value(c, words[i]);
                else if (++seen > stop_after)
                        break;
        }
        *ret_wanting = wanting;
        *ret_seen = seen;
        return i;
}

static int complete_arguments(Completion *c, const Verb *verb, char **words, size_t n) {
        const Option *wanting;
        size_t seen;

        for (size_t i = 0; verb->options && verb->options[i]; i++)
                c->tables[c->n_tables++] = verb->options[i];
        c->tables[c->n_tables++] = c->program->options;
        c->tables[c->n_tables++] = common_options;
        bool options_first = verb->flags & VERB_OPTIONS_FIRST;
        (void) skip_options(c, words, n, options_first ? 0 : SIZE_MAX, &wanting, &seen);
        if (options_first && seen > 0)
                return offer_kind(c, verb->more, NULL);
        int r = complete_option(c, wanting);
        if (r != 0)
                return r;
        return seen < verb->max ? offer_kind(c, seen == 0 ? verb->first : verb->more, NULL) : 0;
}

/* "container <TAB>" offers the verbs of that noun. */
static int offer_noun(const Completion *c, const char *noun) {
        _cleanup_strv_free_ char **verbs = NULL;

        int r = verb_list_of_noun(c->program, noun, true, &verbs);
        STRV_FOREACH(s, verbs)
                offer(c, *s, NULL);
        return r;
}

int program_complete(const Program *program, void *context, char **words, FILE *out) {
        Completion c = { .program = program,
                         .context = context,
                         .out = out,
                         .tables = { program->options, common_options },
                         .n_tables = 2 };
        size_t n = strv_length(words), n_words = 0, seen;
        const Option *wanting;

        if (n == 0)
                return 0;
        c.word = words[--n];
        size_t at = skip_options(&c, words, n, 0, &wanting, &seen);
        if (seen == 0) {
                int r = complete_option(&c, wanting);
                return r != 0 ? r : offer_kind(&c, WORD_VERB, NULL);
        }
        if (at + 1 == n && verb_is_noun(program, words[at]))
                return offer_noun(&c, words[at]);
        const Verb *verb = verb_find(program, words + at, &n_words);
        if (!verb || at + n_words > n)
                return 0;
        c.n_tables = 0;
        return complete_arguments(&c, verb, words + at + n_words, n - at - n_words);
}
