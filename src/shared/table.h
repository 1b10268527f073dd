/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Tables for people: as wide as the terminal, never wrapped. What is too wide is cut, the widest column first; when
 * that does not help, columns of little importance are left out. Not on a terminal nothing is cut. */

#include <stdio.h>

#include "macro.h"
#include "terminal.h"

typedef struct TableColumn {
        const char *title;
        unsigned minimum;  /* columns it may shrink to; 0: it does not shrink */
        unsigned optional; /* the higher, the sooner it is left out; 0: never */
        bool right;        /* aligned to the right */
} TableColumn;

typedef struct Table Table;

int table_new(const TableColumn *columns, size_t n_columns, Table **ret);
Table *table_free(Table *table);
DEFINE_CLEANUP(Table *, table_free);

/* One row of n_columns cells, copied and sanitized; NULL is empty. */
int table_add(Table *table, const char *const *cells);
/* Of a cell in the row added last. */
void table_set_color(Table *table, size_t column, Color c);
size_t table_rows(const Table *table);

/* width 0: unlimited. */
int table_print(Table *table, FILE *out, bool legend, size_t width);
/* The width to print with on standard output: the terminal's, or 0. */
size_t table_output_width(void);

#define TABLE_COLUMNS_MAX 32
#define TABLE_GAP 2

/* The pure part: shrinks widths[] so that they and the gaps between them fit into `available`; a column that is left
 * out gets the width 0. */
void table_fit(size_t *widths, const TableColumn *columns, size_t n, size_t available);
