/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <time.h>

#include "macro.h"

#define USEC_PER_MSEC UINT64_C(1000)
#define USEC_PER_SEC UINT64_C(1000000)
#define USEC_PER_MINUTE (60 * USEC_PER_SEC)
#define USEC_PER_HOUR (60 * USEC_PER_MINUTE)
#define USEC_PER_DAY (24 * USEC_PER_HOUR)
#define USEC_INFINITY UINT64_MAX

uint64_t now_usec(clockid_t clock);
static inline uint64_t realtime_usec(void) {
        return now_usec(CLOCK_REALTIME);
}

/* "2026-11-24T10:02:11.123456Z"; 0 is "0001-01-01T00:00:00Z", as Docker writes "never". */
#define RFC3339_MAX 40
char *format_rfc3339(uint64_t usec, char buffer[static RFC3339_MAX]);
/* Any offset, up to nanoseconds (cut to microseconds). Returns 0 or -EINVAL. */
int parse_rfc3339(const char *s, uint64_t *ret_usec);
/* What `--since` takes: RFC 3339, "2026-11-24 10:02:11", a Unix time with fraction, or a duration ("10m") that lies
 * in the past. */
int parse_moment(const char *s, uint64_t *ret_usec);
/* "4s", "3min 2s", "2h", "5d": the two largest units, for people. */
char *format_age(uint64_t usec, char buffer[static 32]);
