/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "string-util.h"
#include "strv.h"
#include "suggest.h"
#include "terminal.h"
#include "test.h"
#include "time-util.h"
#include "verbs.h"

typedef struct TestOptions {
        bool flag, other;
        const char *text;
        char **list;
        OptionDuration duration;
        uint32_t number;
} TestOptions;

static const Option options[] = {
        { 'f', "flag", NULL, "A flag", option_flag, offsetof(TestOptions, flag) },
        { 'o', "other", NULL, "Another", option_flag, offsetof(TestOptions, other) },
        { 't', "text", "TEXT", "A text", option_string, offsetof(TestOptions, text), WORD_CHOICE,
          "one|two" },
        { 'l', "list", "WORD", "A list", option_strings, offsetof(TestOptions, list) },
        { 0, "time", "SECONDS", "A time", option_duration, offsetof(TestOptions, duration) },
        { 0, "timeout", "SECONDS", NULL, option_duration, offsetof(TestOptions, duration) },
        { 'n', "number", "NUMBER", "A number", option_unsigned, offsetof(TestOptions, number) },
        {},
};

static int parse(TestOptions *values, OptionScan scan, char **arguments, char ***rest, Error *error) {
        const OptionSet sets[] = { { options, values } };

        *values = (TestOptions){};
        return options_parse(sets, 1, scan, "do", arguments, rest, error);
}

#define ARGUMENTS(...)               \
        (char **) (const char *[]) { \
                __VA_ARGS__, NULL    \
        }

static void test_options(void) {
        TestOptions v;
        char **rest;

        CHECK(parse(&v, OPTION_SCAN_ALL, ARGUMENTS("a", "-fl", "x", "--list=y", "b", "--", "-o"), &rest,
                    NULL) == 0);
        CHECK(v.flag && !v.other && strv_length(v.list) == 2 && strv_length(rest) == 3);
        CHECK_STRING(rest[2], "-o");
        strv_free(v.list);

        CHECK(parse(&v, OPTION_SCAN_FIRST, ARGUMENTS("-f", "image", "-o"), &rest, NULL) == 0);
        CHECK(v.flag && !v.other && strv_length(rest) == 2);

        CHECK(parse(&v, OPTION_SCAN_ALL, ARGUMENTS("--flag=no", "--other=yes", "--time", "1m"), &rest,
                    NULL) == 0);
        CHECK(!v.flag && v.other && v.duration.set && v.duration.usec == 60 * USEC_PER_SEC);
        CHECK(parse(&v, OPTION_SCAN_ALL, ARGUMENTS("--timeout=-1"), &rest, NULL) == 0);
        CHECK(v.duration.usec == USEC_INFINITY);
}

static void check_failure(char **arguments, const char *message) {
        _cleanup_error_ Error error = {};
        TestOptions v;
        char **rest;

        CHECK(parse(&v, OPTION_SCAN_ALL, arguments, &rest, &error) == -EINVAL);
        CHECK_STRING(error.message, message);
}

static void test_bad_options(void) {
        check_failure(ARGUMENTS("--flga"), "unknown option \"--flga\" for do; did you mean \"--flag\"?");
        check_failure(ARGUMENTS("--xylophone"),
                      "unknown option \"--xylophone\" for do (berthctl help do lists them)");
        check_failure(ARGUMENTS("-x"), "unknown option \"-x\" for do (berthctl help do lists them)");
        check_failure(ARGUMENTS("-fx"), "unknown option \"-x\" for do (berthctl help do lists them)");
        check_failure(ARGUMENTS("--text"), "--text needs a value (--text=TEXT)");
        check_failure(ARGUMENTS("-t"), "-t needs a value (-t TEXT)");
        check_failure(ARGUMENTS("--flag=maybe"), "--flag: \"maybe\" is neither yes nor no");
        check_failure(ARGUMENTS("-n", "-3"), "-n: \"-3\" is not a number from 0 to 4294967295");
        check_failure(ARGUMENTS("--t=1"), "option \"--t\" for do is ambiguous; write it in full");
}

/* ---- verbs ---- */

static int run_do(void *context, char **arguments, void *values, Error *error) {
        return 40 + (int) strv_length(arguments);
}

static int run_fail(void *context, char **arguments, void *values, Error *error) {
        return error_set(error, ERROR_COMMAND_NOT_FOUND, "no such command");
}

static int complete(void *context, WordKind kind, const char *word, char ***ret) {
        return kind == WORD_CONTAINER ? strv_split("web\tnginx|db\tpostgres", "|", ret) : 0;
}

typedef struct Globals {
        bool quiet;
        const char *host;
} Globals;

static const Option globals[] = {
        { 'q', "quiet", NULL, "Quiet", option_flag, offsetof(Globals, quiet) },
        { 'H', "host", "HOST", "Host", option_string, offsetof(Globals, host) },
        {},
};

static const Verb verbs[] = {
        { "do", "make|thing ls", "Group", "thing", "NAME…", "Do something", NULL, 1, 3,
          .first = WORD_CONTAINER, .more = WORD_CONTAINER,
          .options = (const Option *const[]){ options, NULL }, .options_size = sizeof(TestOptions),
          .run = run_do },
        { "enter", NULL, "Group", "thing", "NAME COMMAND…", "Enter it", NULL, 1, VERB_ANY,
          VERB_OPTIONS_FIRST | VERB_CONTAINER_STATUS, WORD_CONTAINER, WORD_NONE, .run = run_fail },
        { "chest open", "chest unlock", "Group", NULL, "", "Open it", NULL, 0, 0, .run = run_do },
        { "chest close", NULL, "Group", NULL, "", "Close it", NULL, 0, 0, .run = run_do },
        { "secret", NULL, "Group", NULL, "", "Hidden", NULL, 0, 0, VERB_HIDDEN, .run = run_do },
        {},
};

static const Program program = { "test", "A test.", "secret", verbs, globals, complete };

static int run(Globals *g, char **arguments) {
        *g = (Globals){};
        return program_run(&program, g, (int) strv_length(arguments), arguments);
}

static void test_dispatch(void) {
        Globals g;

        CHECK(run(&g, ARGUMENTS("test")) == 40);
        CHECK(run(&g, ARGUMENTS("test", "do", "a", "b")) == 42);
        CHECK(run(&g, ARGUMENTS("test", "make", "a")) == 41);
        CHECK(run(&g, ARGUMENTS("test", "thing", "ls", "a")) == 41);
        CHECK(run(&g, ARGUMENTS("test", "thing", "do", "a")) == 41);
        CHECK(run(&g, ARGUMENTS("test", "-q", "--host", "h", "do", "a")) == 41 && g.quiet);
        CHECK_STRING(g.host, "h");
        CHECK(run(&g, ARGUMENTS("test", "do", "a", "-q")) == 41 && g.quiet);
        CHECK(run(&g, ARGUMENTS("test", "enter", "a", "-q")) == 127 && !g.quiet);
        CHECK(run(&g, ARGUMENTS("test", "do")) == 1);
        CHECK(run(&g, ARGUMENTS("test", "do", "1", "2", "3", "4")) == 1);
        CHECK(run(&g, ARGUMENTS("test", "od")) == 1);
        CHECK(run(&g, ARGUMENTS("test", "chest", "open")) == 40);
        CHECK(run(&g, ARGUMENTS("test", "chest", "unlock")) == 40);
        CHECK(run(&g, ARGUMENTS("test", "chest")) == 1);
        CHECK(run(&g, ARGUMENTS("test", "chest", "--help")) == 0);
        CHECK(run(&g, ARGUMENTS("test", "secret", "x")) == 1);
}

static void check_unknown(char **words, const char *message) {
        _cleanup_error_ Error error = {};

        CHECK(verb_report_unknown(&program, words, &error) == -EINVAL);
        CHECK_STRING(error.message, message);
}

static void test_unknown(void) {
        check_unknown(ARGUMENTS("chst"), "unknown verb \"chst\"; did you mean \"chest\"?");
        check_unknown(ARGUMENTS("entre"), "unknown verb \"entre\"; did you mean \"enter\"?");
        check_unknown(ARGUMENTS("chest"), "\"chest\" needs a verb: close, open, unlock");
        check_unknown(ARGUMENTS("chest", "opne"),
                      "\"chest\" has no verb \"opne\": there are close, open, unlock");
        check_unknown(ARGUMENTS("thing"), "\"thing\" needs a verb: do, enter, ls");
}

static char *completions(char **words) {
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        CHECK(program_complete(&program, NULL, words, out) >= 0);
        fclose(out);
        return text;
}

static void check_completion(char **words, const char *expected) {
        _cleanup_free_ char *text = completions(words);
        CHECK_STRING(text, expected);
}

static void test_completion(void) {
        check_completion(ARGUMENTS("d"), "do\tDo something\n");
        check_completion(ARGUMENTS("sec"), "");
        check_completion(ARGUMENTS("thing", "e"), "enter\tEnter it\n");
        check_completion(ARGUMENTS("thing", "l"), "ls\tDo something\n");
        check_completion(ARGUMENTS("che"), "chest\n");
        check_completion(ARGUMENTS("chest", "o"), "open\tOpen it\n");
        check_completion(ARGUMENTS("do", "w"), "web\tnginx\n");
        check_completion(ARGUMENTS("do", "a", "--text=t"), "--text=two\n");
        check_completion(ARGUMENTS("do", "-ft", "o"), "one\n");
        check_completion(ARGUMENTS("-H", "do", "e"), "enter\tEnter it\n");
        check_completion(ARGUMENTS("do", "--fl"), "--flag\tA flag\n");
        check_completion(ARGUMENTS("do", "--te"), "--text=\tA text\n");
        check_completion(ARGUMENTS("enter", "web", "-"), "");
        check_completion(ARGUMENTS("do", "a", "b", "c", ""), "");
}

static void test_suggestions(void) {
        Suggestion s;

        CHECK(edit_distance("start", "start", 5) == 0);
        CHECK(edit_distance("strat", "start", 5) == 1);
        CHECK(edit_distance("stop", "strop", 5) == 1);
        CHECK(edit_distance("a", "xyz", 2) == 2);
        suggestion_init(&s, "x");
        suggestion_consider(&s, "y");
        CHECK(!s.best);
        suggestion_init(&s, "webb");
        suggestion_consider(&s, "db");
        suggestion_consider(&s, "web");
        CHECK_STRING(s.best, "web");
}

static void test_help(void) {
        _cleanup_free_ char *text = NULL, *manual = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        CHECK(program_help(&program, NULL, out) >= 0);
        fclose(out);
        CHECK(strstr(text, "\n  chest open") && strstr(text, "  do NAME…") && !strstr(text, "secret"));
        out = open_memstream(&manual, &size);
        CHECK(program_manual(&program, out) >= 0);
        fclose(out);
        CHECK(strstr(manual, "## do [OPTION…] NAME…\n") &&
              strstr(manual, "*-t*, *--text*=_TEXT_\n\tA text.\n"));
}

int main(void) {
        (void) setenv("COLUMNS", "80", 1);
        terminal_setup();
        terminal_set_color_mode(COLOR_NEVER);
        /* What program_run() reports is not this test's result. */
        int saved = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        CHECK(saved >= 0 && null >= 0 && dup2(null, STDERR_FILENO) >= 0);
        test_dispatch();
        CHECK(dup2(saved, STDERR_FILENO) >= 0);
        test_options();
        test_bad_options();
        test_unknown();
        test_completion();
        test_suggestions();
        test_help();
        return TEST_RESULT();
}
