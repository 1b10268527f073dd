/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The few HTTP header fields that the client has to understand (RFC 9110). Pure. */

#include "macro.h"

/* The value of a "Name: value" line with the line end and the spaces around the value cut off, when the line's name
 * is `name` (case does not count); else NULL. The result is newly allocated; NULL also when out of memory. */
char *header_value(const char *line, size_t size, const char *name);

/* Retry-After: seconds, or a date that is compared with now. 0 for one in the past. Returns 0 or -EINVAL. */
int parse_retry_after(const char *value, uint64_t now_realtime_usec, uint64_t *ret_usec);

/* Content-Range: "bytes FIRST-LAST/TOTAL"; *ret_total is UINT64_MAX for "*". Returns 0 or -EINVAL. */
int parse_content_range(const char *value, uint64_t *ret_first, uint64_t *ret_last, uint64_t *ret_total);

/* Range, as answers about uploads have it (distribution specification): "0-LAST", how many bytes have arrived. Registries
 * say "0-0" of none, too, and one byte is no loss. Returns 0 or -EINVAL. */
int parse_upload_range(const char *value, uint64_t *ret_received);

/* Link: of a list in pages (RFC 8288), the query of the URL of the next one: "n=100&last=x". Only that is of use: the next
 * page is at the same address, whatever the registry believes it to be. NULL: none, or malformed, or out of memory. */
char *parse_next_page(const char *value);

/* The type in front of the parameters, in lower case: "application/json" of "application/JSON; charset=utf-8". */
char *media_type_of(const char *content_type);
