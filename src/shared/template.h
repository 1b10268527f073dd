/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* `--format`: the part of Go's text/template that people use with docker, over JSON values.
 *
 *   {{.Field.Sub}}  {{.}}  {{$}}  {{$x := .A}}  {{(index .A 0).B}}  "text" 12 true nil
 *   {{if .A}}…{{else if .B}}…{{else}}…{{end}}  {{range .A}}…{{else}}…{{end}}  {{range $k, $v := .A}}  {{with .A}}…{{end}}
 *   pipelines (.A | json), {{- trimmed -}}, comments,
 *   and the functions json, join, split, index, len, upper, lower, title, truncate, pad, println, print, printf,
 *   eq, ne, lt, le, gt, ge, and, or, not.
 * \t and \n stand for tab and newline outside of actions, as in docker. */

#include <jansson.h>

#include "error.h"
#include "string-util.h"

typedef struct Template Template;

/* ERROR_INVALID says where the text is wrong. */
int template_parse(const char *text, Template **ret, Error *error);
Template *template_free(Template *template);
DEFINE_CLEANUP(Template *, template_free);

/* Appends the output for one value. A field that the top-level object does not have is an error, which proposes the
 * one that was meant; further down it is "<no value>". */
int template_execute(const Template *template, json_t *value, StringBuffer *out, Error *error);
