/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Members of a stranger's JSON object, each with its type and its limit. A missing or null member is the empty value
 * (returns 0); a wrong type or too much of it is ERROR_CORRUPT or ERROR_LIMIT and names the member. Nothing that was in
 * *ret is freed. */

#include <jansson.h>

#include "error.h"
#include "macro.h"

/* The document, whose root must be an object: UTF-8, no duplicate members. The caller calls json_decref. */
int json_read(const char *data, size_t size, const char *what, json_t **ret, Error *error);

int json_get_string(const json_t *object, const char *key, char **ret, Error *error);
int json_get_size(const json_t *object, const char *key, uint64_t *ret, Error *error);
int json_get_bool(const json_t *object, const char *key, bool *ret, Error *error);
int json_get_time(const json_t *object, const char *key, uint64_t *ret,
                  Error *error); /* not understood: 0 */
int json_get_strv(const json_t *object, const char *key, char ***ret, Error *error);
int json_get_map(const json_t *object, const char *key, char ***ret, Error *error); /* {"k": "v"} → "k=v" */
int json_get_keys(const json_t *object, const char *key, char ***ret, Error *error); /* {"k": {}} → "k" */
/* Borrowed; NULL when missing. */
int json_get_object(const json_t *object, const char *key, json_t **ret, Error *error);
int json_get_array(const json_t *object, const char *key, size_t max, json_t **ret, Error *error);

#define _cleanup_json_ _cleanup_(json_decrefp)
