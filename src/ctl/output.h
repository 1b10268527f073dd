/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The forms of output that are for programs: --json and --format. */

#include "ctl.h"

/* The Name of each object of an array, a line each. */
int output_names(const json_t *list);
/* Pretty or short, as --json says. */
int output_json(const Ctl *ctl, const json_t *value, Error *error);
/* `--format` over the objects of an array: a template for each; "table TEMPLATE" with headings and aligned columns;
 * "json" for one JSON text a line. */
int output_format(const Ctl *ctl, const char *format, json_t *items, Error *error);

/* Turns what is a point in time (by its key: Created, Started, …) from microseconds into RFC 3339, all the way down. */
int json_format_times(json_t *value);
/* Sets a text member; NULL and failures of memory are reported. */
int json_set_text(json_t *object, const char *key, const char *text);
