/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>

#include "string-util.h"
#include "strv.h"
#include "terminal.h"
#include "verbs.h"

#define HELP_WIDTH_MAX 100
#define COLUMN_MAX 34

/* Prints text from column `indent` on, wrapped at words; the first line stands at column `at` already. */
static void print_wrapped(FILE *out, const char *text, size_t at, size_t indent, size_t width) {
        if (at + 2 > indent) {
                fputc('\n', out);
                at = 0;
        }
        fprintf(out, "%*s", (int) (indent - at), "");
        at = indent;
        for (const char *p = text; *p;) {
                size_t n = strcspn(p, " ");
                if (at > indent && at + 1 + text_width_n(p, n) > width) {
                        fprintf(out, "\n%*s", (int) indent, "");
                        at = indent;
                } else if (at > indent) {
                        fputc(' ', out);
                        at++;
                }
                fwrite(p, 1, n, out);
                at += text_width_n(p, n);
                p += n + strspn(p + n, " ");
        }
        fputc('\n', out);
}

/* "-n, --name=NAME", and the further spellings that follow it in the table. */
static char *option_spelling(const Option *o) {
        char short_part[8] = "    ";
        const char *equals = o->argument ? (o->flags & OPTION_VALUE_OPTIONAL ? "[=" : "=") : "";
        const char *closing = o->flags & OPTION_VALUE_OPTIONAL ? "]" : "";

        if (o->short_name)
                snprintf(short_part, sizeof(short_part), "-%c%s", o->short_name, o->long_name ? ", " : "");
        if (!o->long_name)
                return format_string("%s%s%s", short_part, o->argument ? " " : "", strempty(o->argument));
        return format_string("%s--%s%s%s%s", short_part, o->long_name, equals, strempty(o->argument),
                             closing);
}

static int print_options(FILE *out, const Option *table, size_t width) {
        OPTION_FOREACH(o, table) {
                if (!o->help)
                        continue;
                _cleanup_free_ char *spelling = option_spelling(o);
                if (!spelling)
                        return -ENOMEM;
                fprintf(out, "  %s", spelling);
                print_wrapped(out, o->help, 2 + text_width(spelling), COLUMN_MAX, width);
        }
        return 0;
}

static size_t help_width(void) {
        unsigned columns = MAX(terminal_columns(), COLUMN_MAX + 20U);

        return MIN(columns, (unsigned) HELP_WIDTH_MAX);
}

static int print_verb_help(const Program *program, const Verb *verb, FILE *out) {
        size_t width = help_width();
        const char *bold = color(COLOR_BOLD), *normal = color(COLOR_NORMAL);

        fprintf(out, "%s %s%s%s%s%s\n\n", program->name, verb->name, verb->options ? " [OPTION…]" : "",
                isempty(verb->synopsis) ? "" : " ", strempty(verb->synopsis), "");
        print_wrapped(out, verb->help, 0, 2, width);
        if (verb->description)
                print_wrapped(out, verb->description, 0, 2, width);
        if (verb->aliases) {
                _cleanup_strv_free_ char **aliases = NULL;
                if (strv_split(verb->aliases, "|", &aliases) < 0)
                        return -ENOMEM;
                _cleanup_free_ char *text = strv_join(aliases, ", ");
                fprintf(out, "\n  Also spelled: %s\n", strempty(text));
        }
        if (verb->options)
                fprintf(out, "\n%sOptions:%s\n", bold, normal);
        for (size_t i = 0; verb->options && verb->options[i]; i++)
                if (print_options(out, verb->options[i], width) < 0)
                        return -ENOMEM;
        fprintf(out, "\n%s help lists all verbs; %s(1) has examples.\n", program->name, program->name);
        return 0;
}

static void print_group(const Program *program, const char *group, FILE *out, size_t width) {
        fprintf(out, "\n%s%s:%s\n", color(COLOR_BOLD), group, color(COLOR_NORMAL));
        for (const Verb *v = program->verbs; v->name; v++) {
                if ((v->flags & VERB_HIDDEN) || !streq(v->group, group))
                        continue;
                size_t at = 2 + text_width(v->name) + 1 + text_width(strempty(v->synopsis));
                fprintf(out, "  %s %s", v->name, strempty(v->synopsis));
                print_wrapped(out, v->help, at, COLUMN_MAX, width);
        }
}

static bool is_first_of_group(const Program *program, const Verb *verb) {
        for (const Verb *v = program->verbs; v < verb; v++)
                if (!(v->flags & VERB_HIDDEN) && streq(v->group, verb->group))
                        return false;
        return !(verb->flags & VERB_HIDDEN);
}

int program_help(const Program *program, const Verb *verb, FILE *out) {
        size_t width = help_width();

        if (verb)
                return print_verb_help(program, verb, out);
        fprintf(out, "%s [OPTION…] VERB [OPTION…] [ARGUMENT…]\n\n%s\n", program->name, program->summary);
        for (const Verb *v = program->verbs; v->name; v++)
                if (is_first_of_group(program, v))
                        print_group(program, v->group, out, width);
        fprintf(out, "\n%sOptions of every verb:%s\n", color(COLOR_BOLD), color(COLOR_NORMAL));
        if (print_options(out, program->options, width) < 0 || print_options(out, common_options, width) < 0)
                return -ENOMEM;
        fprintf(out, "\n%s help VERB shows the options of a verb; %s(1) has examples.\n", program->name,
                program->name);
        return 0;
}

int program_help_noun(const Program *program, const char *noun, FILE *out) {
        _cleanup_strv_free_ char **verbs = NULL;

        int r = verb_list_of_noun(program, noun, true, &verbs);
        if (r < 0)
                return r;
        strv_sort(verbs);
        fprintf(out, "%s %s VERB [OPTION…] [ARGUMENT…]\n\n", program->name, noun);
        STRV_FOREACH(verb, verbs) {
                size_t n = strcspn(*verb, "\t");
                fprintf(out, "  %.*s", (int) n, *verb);
                print_wrapped(out, *verb + n + 1, 2 + n, COLUMN_MAX / 2, help_width());
        }
        fprintf(out, "\n%s help %s VERB shows the options of a verb.\n", program->name, noun);
        return 0;
}

/* ---- the manual page, in scdoc's language ---- */

static void print_escaped(FILE *out, const char *s) {
        for (; *s; s++) {
                if (strchr("\\*_#[]<>", *s))
                        fputc('\\', out);
                fputc(*s, out);
        }
}

static void print_manual_option(FILE *out, const Option *o) {
        const char *between = "";

        if (o->short_name) {
                fprintf(out, "*-%c*", o->short_name);
                between = ", ";
        }
        if (o->long_name) {
                fprintf(out, "%s*--", between);
                print_escaped(out, o->long_name);
                fputs("*", out);
        }
        if (o->argument) {
                fputs(!o->long_name ? " _" : o->flags & OPTION_VALUE_OPTIONAL ? "\\[=_" : "=_", out);
                print_escaped(out, o->argument);
                fputs(o->flags & OPTION_VALUE_OPTIONAL ? "_\\]" : "_", out);
        }
}

static void print_manual_options(FILE *out, const Option *table) {
        OPTION_FOREACH(o, table) {
                if (!o->help)
                        continue;
                print_manual_option(out, o);
                fputs("\n\t", out);
                print_escaped(out, o->help);
                fputs(".\n\n", out);
        }
}

static void print_manual_verb(FILE *out, const Verb *v) {
        /* scdoc takes headings as they are. */
        fprintf(out, "## %s%s %s\n\n", v->name, v->options ? " [OPTION…]" : "", strempty(v->synopsis));
        print_escaped(out, v->help);
        fputs(".", out);
        if (v->description) {
                fputc(' ', out);
                print_escaped(out, v->description);
        }
        if (v->aliases) {
                _cleanup_strv_free_ char **aliases = NULL;
                (void) strv_split(v->aliases, "|", &aliases);
                _cleanup_free_ char *text = strv_join(aliases, ", ");
                fputs(" Also spelled: ", out);
                print_escaped(out, strempty(text));
                fputc('.', out);
        }
        fputs("\n\n", out);
        for (size_t i = 0; v->options && v->options[i]; i++)
                print_manual_options(out, v->options[i]);
}

int program_manual(const Program *program, FILE *out) {
        fputs("# OPTIONS\n\nThese are accepted before the verb and, where it has no option of the same "
              "name, "
              "after it.\n\n",
              out);
        print_manual_options(out, program->options);
        print_manual_options(out, common_options);
        for (const Verb *first = program->verbs; first->name; first++) {
                if (!is_first_of_group(program, first))
                        continue;
                fputs("# ", out);
                for (const char *p = first->group; *p; p++)
                        fputc(*p >= 'a' && *p <= 'z' ? *p - 'a' + 'A' : *p, out);
                fputs("\n\n", out);
                for (const Verb *v = first; v->name; v++)
                        if (!(v->flags & VERB_HIDDEN) && streq(v->group, first->group))
                                print_manual_verb(out, v);
        }
        return 0;
}
