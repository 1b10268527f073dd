/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Command line options as tables. One row says how an option is spelled, what it takes, what it means and where its
 * value goes; parsing, help, manual page and shell completion all read the same rows. */

#include "error.h"
#include "macro.h"

/* What a word on the command line is, so that a shell can complete it. */
typedef enum WordKind {
        WORD_NONE, /* nothing can be offered */
        WORD_FILE,
        WORD_DIRECTORY,
        WORD_VERB,
        WORD_CHOICE, /* one of Option.choices */
        WORD_SIGNAL,
        WORD_CONTAINER,
        WORD_CONTAINER_RUNNING,
        WORD_CONTAINER_STOPPED,
        WORD_CONTAINER_PAUSED,
        WORD_IMAGE,
        WORD_OBJECT,         /* a container or an image */
        WORD_CONTAINER_PATH, /* CONTAINER:PATH, or a local path */
        WORD_NETWORK,
        WORD_VOLUME,
        WORD_REGISTRY, /* one that the user is logged in to */
} WordKind;

typedef struct Option Option;

/* Stores the value (NULL for a flag without one) in the verb's struct at `target`. On failure sets the error to what
 * is wrong with the value; "--name: " is put in front of it. */
typedef int (*OptionParser)(const Option *option, const char *value, void *target, Error *error);

typedef enum OptionFlags {
        OPTION_VALUE_OPTIONAL = 1 << 0, /* the value can only be given behind "=" */
} OptionFlags;

struct Option {
        char short_name; /* 0: none */
        const char *long_name;
        const char *argument; /* what the value is called; NULL: a flag */
        const char *help;     /* NULL: another spelling of the option before it; accepted, not shown */
        OptionParser parse;
        size_t offset; /* of the value in the struct that the verb gets */
        WordKind kind;
        const char *choices; /* "missing|always|never" */
        OptionFlags flags;
};

/* Tables end with a row that has neither name. */
#define OPTION_FOREACH(o, table) for (const Option *o = (table); o && (o->long_name || o->short_name); o++)

/* A table and the struct that its offsets lie in. */
typedef struct OptionSet {
        const Option *table;
        void *values;
} OptionSet;

#define OPTION_SETS_MAX 8

typedef enum OptionScan {
        OPTION_SCAN_ALL,   /* options may stand anywhere before "--" */
        OPTION_SCAN_FIRST, /* the first word that is no option ends them */
} OptionScan;

/* Parses arguments (argv without the program's name, NULL-terminated) by the sets; where two sets have the same
 * spelling the first one counts. `arguments` is reordered so that the options stand first; *ret_rest: what follows
 * them. `context` ("run") is named in messages, may be NULL. */
int options_parse(const OptionSet *sets, size_t n_sets, OptionScan scan, const char *context,
                  char **arguments, char ***ret_rest, Error *error);

/* ---- parsers; the type of the value at the offset behind each ---- */

int option_flag(const Option *option, const char *value, void *target, Error *error); /* bool; also =no */
int option_flag_off(const Option *option, const char *value, void *target, Error *error); /* bool := false */
int option_string(const Option *option, const char *value, void *target,
                  Error *error); /* const char *, borrowed from argv */
int option_strings(const Option *option, const char *value, void *target,
                   Error *error); /* char **, appended: the verb frees it */
int option_choice(const Option *option, const char *value, void *target,
                  Error *error); /* const char *, one of .choices */
int option_unsigned(const Option *option, const char *value, void *target, Error *error); /* uint32_t */
int option_duration(const Option *option, const char *value, void *target,
                    Error *error); /* OptionDuration; bare numbers are seconds, -1 is for ever */
int option_moment(const Option *option, const char *value, void *target,
                  Error *error); /* uint64_t, usec since 1970 */
int option_signal(const Option *option, const char *value, void *target,
                  Error *error); /* const char *, a valid signal */

typedef struct OptionDuration {
        bool set;
        uint64_t usec; /* USEC_INFINITY: for ever */
} OptionDuration;
