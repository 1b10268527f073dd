/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Texts that people write. All return 0, -EINVAL, or -ERANGE; nothing may be left over after the value. */

#include "macro.h"

int parse_u64(const char *s, uint64_t *ret); /* decimal, no sign */
int parse_i64(const char *s, int64_t *ret);
int parse_unsigned(const char *s, unsigned *ret);
int parse_bool(const char *s);                /* 0, 1 or -EINVAL: yes/no/true/false/on/off/1/0 */
int parse_size(const char *s, uint64_t *ret); /* bytes; suffix b, k, m, g, t (also KiB, kb …), base 1024 */
int parse_size_decimal(const char *s,
                       uint64_t *ret); /* the same with base 1000, as systemd has it for rates */
int parse_duration(const char *s,
                   uint64_t *ret_usec);     /* "10", "10s", "1m30s", "500ms", "2h"; no unit: seconds */
int parse_mode(const char *s, mode_t *ret); /* octal, at most 07777 */
int parse_signal(const char *s);            /* "TERM", "SIGTERM", "15", "RTMIN+3" → number */
const char *signal_to_string(int signal, char buffer[static 16]); /* "SIGTERM", "SIGRTMIN+3" */
