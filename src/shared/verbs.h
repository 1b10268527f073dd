/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A program that is a table of verbs (berthctl start, stop, …). From the table come the dispatch, `help`, the section of
 * the manual page, shell completion and the suggestions for typing mistakes. */

#include <stdio.h>

#include "option.h"

#define VERB_ANY UINT32_MAX

typedef enum VerbFlags {
        VERB_HIDDEN = 1 << 0,           /* not in help, manual page and completion */
        VERB_OPTIONS_FIRST = 1 << 1,    /* what follows the first argument is not ours (run IMAGE ls -l) */
        VERB_CONTAINER_STATUS = 1 << 2, /* fails as `docker run` does: 125, 126, 127 */
        VERB_RAW_ARGUMENTS = 1 << 3,    /* no options at all: every word is an argument */
} VerbFlags;

typedef struct Verb {
        const char *name;        /* one word, or two: "image prune" */
        const char *aliases;     /* further spellings, "ps|container ls" */
        const char *group;       /* heading in the help */
        const char *noun;        /* "container": "container NAME" is a spelling, too */
        const char *synopsis;    /* its arguments: "CONTAINER…" */
        const char *help;        /* one line */
        const char *description; /* further sentences for `help VERB` and the manual page; may be NULL */
        uint32_t min, max;       /* number of arguments */
        VerbFlags flags;
        WordKind first, more;         /* of the first argument and of those after it */
        const Option *const *options; /* tables ended by NULL, all with offsets in one struct; NULL: none */
        size_t options_size;          /* of that struct, which starts out zeroed */
        void (*init)(void *options);  /* defaults; may be NULL */
        void (*done)(void *options);  /* frees what the options own; may be NULL */
        /* context: the program's. Returns the exit status, or a negative errno with the error set. */
        int (*run)(void *context, char **arguments, void *options, Error *error);
} Verb;

typedef struct Program {
        const char *name;
        const char *summary;
        const char *default_verb; /* without any word */
        const Verb *verbs;        /* ended by a NULL name */
        const Option *options;    /* for every verb, offsets in the context */
        /* Offers words of the kinds that only the program knows, as "word" or "word\tdescription". */
        int (*complete)(void *context, WordKind kind, const char *word, char ***ret);
} Program;

/* The whole of main(): parses, runs, reports. Returns the exit status. */
int program_run(const Program *program, void *context, int argc, char **argv);

/* The verb of this spelling ("stop", "ps", or "container" when the next word completes it), or NULL. *ret_words: how
 * many words it took. */
const Verb *verb_find(const Program *program, char *const *words, size_t *ret_words);

/* The word begins verbs of two words. */
bool verb_is_noun(const Program *program, const char *word);
/* The words that follow the noun in verbs that are to be seen, each once: with the help behind a tab when asked for. */
int verb_list_of_noun(const Program *program, const char *noun, bool with_help, char ***ret);
/* The error for words of which the first ones are no verb, with a suggestion. */
int verb_report_unknown(const Program *program, char *const *words, Error *error);

/* Help for one verb, or for all of them (verb NULL), as wide as the terminal. */
int program_help(const Program *program, const Verb *verb, FILE *out);
/* The verbs of a noun. */
int program_help_noun(const Program *program, const char *noun, FILE *out);
/* The same as a piece of an scdoc page. */
int program_manual(const Program *program, FILE *out);
/* Candidates for the last of the words, one a line with a description behind a tab; a line ":file" or ":directory"
 * asks the shell to complete paths itself, ":nospace" not to put a space behind. */
int program_complete(const Program *program, void *context, char **words, FILE *out);

/* Options that every program has. */
typedef struct CommonOptions {
        bool help;
        bool version;
} CommonOptions;
extern const Option common_options[];
