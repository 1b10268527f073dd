/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Numbers as people read them. */

#include "macro.h"

#define HUMAN_MAX 64

/* "0B", "640B", "3.4M", "61M", "1.2G": for columns. */
char *format_size_short(uint64_t bytes, char buffer[static HUMAN_MAX]);
/* "640 B", "3.4 KiB", "48.5 MiB": for sentences. */
char *format_size(uint64_t bytes, char buffer[static HUMAN_MAX]);
/* "12.1/30.4 MiB": both in the unit of the whole. */
char *format_size_part(uint64_t part, uint64_t whole, char buffer[static HUMAN_MAX]);
/* "4s ago", "2d ago", "never": one unit. */
char *format_ago(uint64_t usec, uint64_t now, char buffer[static HUMAN_MAX]);
/* "Tue 2026-11-24 10:02:11 UTC", local. */
char *format_local_time(uint64_t usec, char buffer[static HUMAN_MAX]);
/* "11ms", "2.4s", "1min 3s": processor time. */
char *format_cpu_time(uint64_t usec, char buffer[static HUMAN_MAX]);
/* "Nov 24 10:02:11", local, as in logs. */
char *format_log_time(uint64_t usec, char buffer[static HUMAN_MAX]);
