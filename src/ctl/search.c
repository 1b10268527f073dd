/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "bus.h"
#include "credentials-ctl.h"
#include "job-report.h"
#include "output.h"
#include "reference.h"
#include "string-util.h"
#include "strv.h"
#include "table.h"
#include "terminal.h"
#include "verbs-ctl.h"

#define O(member) offsetof(SearchOptions, member)

const Option search_options[] = {
        { 'f', "filter", "NAME=VALUE",
          "Only those with stars=NUMBER or more, is-official=BOOL, is-automated=BOOL", option_strings,
          O(filters) },
        { 0, "format", "TEMPLATE", "Print each result by a template, \"table …\" or json", option_string,
          O(format) },
        { 0, "insecure", NULL, "Talk to a registry without TLS, or with a certificate that is not trusted",
          option_flag, O(insecure) },
        { 0, "limit", "NUMBER", "At most so many results, of up to 100 (default: 25)", option_unsigned,
          O(limit) },
        { 0, "no-trunc", NULL, "Do not shorten the descriptions", option_flag, O(no_trunc) },
        {},
};

void search_options_done(void *options) {
        strv_free(((SearchOptions *) options)->filters);
}

typedef struct Search {
        Ctl *ctl;
        const SearchOptions *options;
        const char *term;
        Error *error;
} Search;

static int append_options(sd_bus_message *m, void *userdata) {
        const Search *search = userdata;
        const SearchOptions *o = search->options;
        _cleanup_free_ char *registry = NULL;
        const char *rest;
        int r;

        if ((r = reference_split_registry(search->term, &registry, &rest)) < 0 ||
            (r = ctl_append_registry_credentials(search->ctl, m, registry, NULL, search->error)) < 0 ||
            (r = sd_bus_message_append(m, "{sv}", "Insecure", "b", (int) o->insecure)) < 0)
                return r;
        if (o->limit > 0 && (r = sd_bus_message_append(m, "{sv}", "Limit", "u", o->limit)) < 0)
                return r;
        return bus_append_strv_entry(m, "Filters", o->filters);
}

/* ---- output ---- */

static int print_results(Ctl *ctl, const SearchOptions *o, const json_t *results) {
        static const TableColumn columns[] = { { "NAME", 24, 0 },
                                               { "DESCRIPTION", 10, 1 },
                                               { "STARS", 0, 2, .right = true },
                                               { "OFFICIAL", 0, 3 } };
        _cleanup_(table_freep) Table *table = NULL;
        json_t *result;
        size_t i;

        if (json_array_size(results) == 0) {
                if (!ctl->no_legend)
                        puts("Nothing like that.");
                return 0;
        }
        int r = table_new(columns, ELEMENTSOF(columns), &table);
        json_array_foreach(results, i, result) {
                char stars[24];
                snprintf(stars, sizeof(stars), "%llu", (unsigned long long) json_number(result, "Stars"));
                const char *cells[] = { json_text(result, "Name"), json_text(result, "Description"), stars,
                                        json_flag(result, "Official") ? "yes" : glyph(GLYPH_DASH) };
                if (r >= 0)
                        r = table_add(table, cells);
        }
        if (r < 0)
                return r;
        ctl_page(ctl);
        return table_print(table, stdout, !ctl->no_legend, o->no_trunc ? 0 : table_output_width());
}

/* docker's names for what there is. */
static int add_template_members(json_t *results) {
        json_t *result;
        size_t i;

        json_array_foreach(results, i, result) {
                _cleanup_free_ char *stars =
                        format_string("%llu", (unsigned long long) json_number(result, "Stars"));
                int r = json_set_text(result, "StarCount", stars);
                if (r >= 0)
                        r = json_set_text(result, "IsOfficial", json_flag(result, "Official") ? "[OK]" : "");
                if (r >= 0)
                        r = json_set_text(result, "IsAutomated",
                                          json_flag(result, "Automated") ? "[OK]" : "");
                if (r < 0)
                        return r;
        }
        return 0;
}

static int print(Ctl *ctl, const SearchOptions *o, json_t *results, Error *error) {
        int r;

        if (o->format)
                return (r = add_template_members(results)) < 0
                               ? r
                               : output_format(ctl, o->format, results, error);
        if (ctl_wants_json(ctl))
                return output_json(ctl, results, error);
        return ctl->quiet ? output_names(results) : print_results(ctl, o, results);
}

int verb_search(void *context, char **arguments, void *options, Error *error) {
        Search search = { context, options, arguments[0], error };
        const char *const texts[] = { arguments[0], NULL };
        _cleanup_json_ json_t *results = NULL;

        int r = job_report(context, "SearchImages", texts, append_options, &search, NULL, &results, error);
        if (r < 0)
                return r;
        r = print(context, options, results, error);
        return r < 0 ? error_set_errno(error, r, "cannot print the results") : EXIT_SUCCESS;
}
