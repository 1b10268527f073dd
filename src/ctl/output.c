/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <stdio.h>

#include "output.h"
#include "string-util.h"
#include "strv.h"
#include "table.h"
#include "template.h"
#include "time-util.h"

#define TABLE_PREFIX "table"

int json_set_text(json_t *object, const char *key, const char *text) {
        return json_object_set_new(object, key, text ? json_string(text) : NULL) < 0 ? -ENOMEM : 0;
}

int output_names(const json_t *list) {
        json_t *item;
        size_t i;

        json_array_foreach(list, i, item) {
                _cleanup_free_ char *name = text_sanitize(json_text(item, "Name"));
                if (!name)
                        return -ENOMEM;
                puts(name);
        }
        return 0;
}

int output_json(const Ctl *ctl, const json_t *value, Error *error) {
        bool pretty = !ctl->json || streq(ctl->json, "pretty");
        _cleanup_free_ char *text =
                json_dumps(value, JSON_ENCODE_ANY | (pretty ? JSON_INDENT(4) : JSON_COMPACT));

        if (!text)
                return error_set_errno(error, -ENOMEM, "cannot print JSON");
        puts(text);
        return 0;
}

/* ---- times ---- */

static bool is_time(const char *key) {
        static const char *const keys[] = { "Created", "Started", "Finished", "Modified", "Time" };

        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (streq(keys[i], key))
                        return true;
        return false;
}

int json_format_times(json_t *value) {
        char buffer[RFC3339_MAX];
        const char *key;
        json_t *member;
        size_t i;
        int r;

        json_array_foreach(value, i, member)
                if ((r = json_format_times(member)) < 0)
                        return r;
        json_object_foreach(value, key, member) {
                if (!is_time(key) || !json_is_integer(member)) {
                        if ((r = json_format_times(member)) < 0)
                                return r;
                        continue;
                }
                json_int_t usec = json_integer_value(member);
                if (json_object_set_new(
                            value, key,
                            json_string(format_rfc3339(usec > 0 ? (uint64_t) usec : 0, buffer))) < 0)
                        return -ENOMEM;
        }
        return 0;
}

/* ---- templates ---- */

static int print_each(const Template *template, json_t *items, Error *error) {
        json_t *item;
        size_t i;

        json_array_foreach(items, i, item) {
                _cleanup_(string_buffer_done) StringBuffer out = {};
                int r = template_execute(template, item, &out, error);
                if (r < 0)
                        return r;
                puts(strempty(out.data));
        }
        return 0;
}

/* Headings: the template itself, with the fields' names instead of their values. */
static json_t *make_headings(json_t *item) {
        json_t *headings = json_object(), *value;
        const char *key;

        json_object_foreach(item, key, value) {
                _cleanup_(string_buffer_done) StringBuffer name = {};
                for (const char *p = key; *p; p++) {
                        char c = (char) toupper((unsigned char) *p);
                        /* "RunningFor" is headed "RUNNING FOR". */
                        if (p > key && isupper((unsigned char) *p) && islower((unsigned char) p[-1]) &&
                            string_buffer_append(&name, " ", 1) < 0)
                                break;
                        if (string_buffer_append(&name, &c, 1) < 0)
                                break;
                }
                if (json_set_text(headings, key, strempty(name.data)) < 0) {
                        json_decref(headings);
                        return NULL;
                }
        }
        return headings;
}

/* The cells of a row: what the template makes, split at tabs, empty ones kept. */
static int split_cells(const char *line, char ***ret) {
        _cleanup_strv_free_ char **cells = NULL;

        for (const char *p = line;;) {
                size_t n = strcspn(p, "\t\n");
                int r = strv_consume(&cells, strndup(p, n));
                if (r < 0)
                        return r;
                if (!p[n] || p[n] == '\n')
                        break;
                p += n + 1;
        }
        *ret = TAKE_PTR(cells);
        return 0;
}

static int execute_cells(const Template *template, json_t *item, char ***ret, Error *error) {
        _cleanup_(string_buffer_done) StringBuffer out = {};

        int r = template_execute(template, item, &out, error);
        if (r < 0)
                return r;
        r = split_cells(strempty(out.data), ret);
        return r < 0 ? error_set_errno(error, r, "cannot print the table") : 0;
}

static int add_row(Table *table, char **cells, size_t n_columns) {
        const char *row[TABLE_COLUMNS_MAX] = {};

        for (size_t i = 0; i < n_columns && cells[i]; i++)
                row[i] = cells[i];
        return table_add(table, row);
}

static int print_table(const Ctl *ctl, const Template *template, json_t *items, Error *error) {
        _cleanup_json_ json_t *headings = make_headings(json_array_get(items, 0));
        TableColumn columns[TABLE_COLUMNS_MAX] = {};
        _cleanup_strv_free_ char **titles = NULL;
        _cleanup_(table_freep) Table *table = NULL;
        json_t *item;
        size_t i;

        if (json_array_size(items) == 0)
                return 0;
        int r = headings ? execute_cells(template, headings, &titles, error) : -ENOMEM;
        if (r < 0)
                return r;
        size_t n = MIN(strv_length(titles), (size_t) TABLE_COLUMNS_MAX);
        for (i = 0; i < n; i++)
                columns[i] = (TableColumn){ .title = titles[i], .minimum = 4 };
        if ((r = table_new(columns, n, &table)) < 0)
                return r;
        json_array_foreach(items, i, item) {
                _cleanup_strv_free_ char **cells = NULL;
                if ((r = execute_cells(template, item, &cells, error)) < 0 ||
                    (r = add_row(table, cells, n)) < 0)
                        return r;
        }
        return table_print(table, stdout, !ctl->no_legend, table_output_width());
}

static int print_json_lines(json_t *items, Error *error) {
        json_t *item;
        size_t i;

        json_array_foreach(items, i, item) {
                _cleanup_free_ char *text = json_dumps(item, JSON_COMPACT | JSON_ENCODE_ANY);
                if (!text)
                        return error_set_errno(error, -ENOMEM, "cannot print JSON");
                puts(text);
        }
        return 0;
}

int output_format(const Ctl *ctl, const char *format, json_t *items, Error *error) {
        _cleanup_(template_freep) Template *template = NULL;
        const char *columns = startswith(format, TABLE_PREFIX);
        int r;

        if (streq(format, "json"))
                return print_json_lines(items, error);
        bool as_table = columns && (*columns == ' ' || startswith(columns, "\\t"));
        if (as_table)
                format = columns + (*columns == ' ' ? 1 : 2);
        if ((r = template_parse(format, &template, error)) < 0)
                return r;
        return as_table ? print_table(ctl, template, items, error) : print_each(template, items, error);
}
