/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <libsmartcols/libsmartcols.h>
#include <string.h>
#include <unistd.h>

#include "pager.h"
#include "string-util.h"
#include "table.h"

typedef struct Row {
        char **cells;
        Color *colors;
} Row;

struct Table {
        TableColumn columns[TABLE_COLUMNS_MAX];
        size_t n_columns;
        Row *rows;
        size_t n_rows, n_allocated;
};

int table_new(const TableColumn *columns, size_t n_columns, Table **ret) {
        Table *table = new0(Table, 1);

        if (!table)
                return -ENOMEM;
        assert(n_columns <= TABLE_COLUMNS_MAX);
        memcpy(table->columns, columns, n_columns * sizeof(TableColumn));
        table->n_columns = n_columns;
        *ret = table;
        return 0;
}

static void row_done(Row *row, size_t n) {
        for (size_t i = 0; row->cells && i < n; i++)
                free(row->cells[i]);
        free(row->cells);
        free(row->colors);
}

Table *table_free(Table *table) {
        if (!table)
                return NULL;
        for (size_t i = 0; i < table->n_rows; i++)
                row_done(&table->rows[i], table->n_columns);
        free(table->rows);
        free(table);
        return NULL;
}

int table_add(Table *table, const char *const *cells) {
        Row row = { .cells = new0(char *, table->n_columns), .colors = new0(Color, table->n_columns) };
        int r = row.cells && row.colors ? 0 : -ENOMEM;

        for (size_t i = 0; r >= 0 && i < table->n_columns; i++) {
                row.cells[i] = text_sanitize(strempty(cells[i]));
                if (!row.cells[i])
                        r = -ENOMEM;
        }
        if (r >= 0)
                r = array_reserve(&table->rows, &table->n_allocated, table->n_rows + 1, sizeof(Row));
        if (r < 0) {
                row_done(&row, table->n_columns);
                return r;
        }
        table->rows[table->n_rows++] = row;
        return 0;
}

void table_set_color(Table *table, size_t column, Color c) {
        table->rows[table->n_rows - 1].colors[column] = c;
}

size_t table_rows(const Table *table) {
        return table->n_rows;
}

size_t table_output_width(void) {
        return isatty(STDOUT_FILENO) || pager_is_open() ? terminal_columns() : 0;
}

/* ---- fitting ---- */

static size_t total_width(const size_t *widths, size_t n) {
        size_t sum = 0, shown = 0;

        for (size_t i = 0; i < n; i++) {
                sum += widths[i];
                shown += widths[i] > 0;
        }
        return sum + (shown > 0 ? shown - 1 : 0) * TABLE_GAP;
}

/* Takes columns one by one from the widest that is above its minimum; `floor` is used for those that have none. */
static void shrink(size_t *widths, const TableColumn *columns, size_t n, size_t available, size_t floor) {
        while (total_width(widths, n) > available) {
                size_t widest = n;
                for (size_t i = 0; i < n; i++) {
                        size_t minimum = floor ?: columns[i].minimum ?: widths[i];
                        if (widths[i] > minimum && (widest == n || widths[i] > widths[widest]))
                                widest = i;
                }
                if (widest == n)
                        return;
                widths[widest]--;
        }
}

/* What the columns take when all are at their minimum. */
static size_t least_width(const size_t *widths, const TableColumn *columns, size_t n) {
        size_t least[TABLE_COLUMNS_MAX];

        for (size_t i = 0; i < n; i++)
                least[i] = columns[i].minimum > 0 ? MIN(widths[i], (size_t) columns[i].minimum) : widths[i];
        return total_width(least, n);
}

static bool leave_one_out(size_t *widths, const TableColumn *columns, size_t n) {
        size_t victim = n;

        for (size_t i = 0; i < n; i++)
                if (widths[i] > 0 && columns[i].optional > 0 &&
                    (victim == n || columns[i].optional > columns[victim].optional))
                        victim = i;
        if (victim == n)
                return false;
        widths[victim] = 0;
        return true;
}

void table_fit(size_t *widths, const TableColumn *columns, size_t n, size_t available) {
        while (least_width(widths, columns, n) > available && leave_one_out(widths, columns, n))
                ;
        shrink(widths, columns, n, available, 0);
        shrink(widths, columns, n, available, 1);
        for (size_t i = n; i-- > 1 && total_width(widths, n) > available;)
                widths[i] = 0;
}

/* ---- printing ---- */

static void natural_widths(const Table *table, bool legend, size_t *widths) {
        for (size_t c = 0; c < table->n_columns; c++) {
                widths[c] = legend ? text_width(table->columns[c].title) : 1;
                for (size_t i = 0; i < table->n_rows; i++) {
                        size_t w = text_width(table->rows[i].cells[c]);
                        widths[c] = MAX(widths[c], w);
                }
        }
}

static int make_columns(struct libscols_table *sheet, const Table *table, const size_t *widths) {
        for (size_t c = 0; c < table->n_columns; c++) {
                if (widths[c] == 0)
                        continue;
                _cleanup_free_ char *title = text_ellipsize(table->columns[c].title, widths[c]);
                if (!title ||
                    !scols_table_new_column(sheet, title, 0, table->columns[c].right ? SCOLS_FL_RIGHT : 0))
                        return -ENOMEM;
        }
        return 0;
}

static int make_line(struct libscols_table *sheet, const Table *table, const Row *row,
                     const size_t *widths) {
        struct libscols_line *line = scols_table_new_line(sheet, NULL);
        size_t at = 0;

        if (!line)
                return -ENOMEM;
        for (size_t c = 0; c < table->n_columns; c++) {
                if (widths[c] == 0)
                        continue;
                _cleanup_free_ char *text = text_ellipsize(row->cells[c], widths[c]);
                if (!text || scols_line_set_data(line, at, text) < 0)
                        return -ENOMEM;
                struct libscols_cell *cell = scols_line_get_cell(line, at);
                if (row->colors[c] != COLOR_NORMAL && colors_enabled() &&
                    scols_cell_set_color(cell, color(row->colors[c])) < 0)
                        return -ENOMEM;
                at++;
        }
        return 0;
}

static void unref_sheet(struct libscols_table **sheet) {
        if (*sheet)
                scols_unref_table(*sheet);
}

int table_print(Table *table, FILE *out, bool legend, size_t width) {
        _cleanup_(unref_sheet) struct libscols_table *sheet = scols_new_table();
        size_t widths[TABLE_COLUMNS_MAX];
        int r;

        if (!sheet)
                return -ENOMEM;
        natural_widths(table, legend, widths);
        if (width > 0)
                table_fit(widths, table->columns, table->n_columns, width);
        if ((r = make_columns(sheet, table, widths)) < 0)
                return r;
        for (size_t i = 0; i < table->n_rows; i++)
                if ((r = make_line(sheet, table, &table->rows[i], widths)) < 0)
                        return r;
        if ((r = scols_table_set_stream(sheet, out)) < 0 ||
            (r = scols_table_set_termforce(sheet, SCOLS_TERMFORCE_NEVER)) < 0 ||
            (r = scols_table_set_column_separator(sheet, "  ")) < 0 ||
            (r = scols_table_enable_noheadings(sheet, !legend)) < 0 ||
            (r = scols_table_enable_colors(sheet, colors_enabled())) < 0)
                return r;
        r = scols_print_table(sheet);
        return r < 0 ? r : 0;
}
