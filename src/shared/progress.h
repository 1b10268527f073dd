/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Long work as people see it: one line an item. On a terminal the lines are redrawn in place, a frame being one write(2)
 * so that nothing flickers; elsewhere each item gets one plain line when it is done. The cursor is never hidden and
 * always below the lines, so there is nothing to restore when the program is killed. */

#include <stdio.h>

#include "macro.h"

typedef struct Progress Progress;

typedef enum ProgressStyle {
        PROGRESS_AUTO, /* by what `out` is */
        PROGRESS_PLAIN,
        PROGRESS_QUIET,
} ProgressStyle;

int progress_new(FILE *out, ProgressStyle style, Progress **ret);
Progress *progress_free(Progress *progress);
DEFINE_CLEANUP(Progress *, progress_free);

/* status: a word as jobs report it ("downloading", "done", …). total 0: unknown. Draws at most every PROGRESS_INTERVAL;
 * what it holds back is drawn by progress_tick(). */
int progress_update(Progress *progress, const char *id, const char *status, uint64_t current,
                    uint64_t total);
/* Draws what has been held back. */
void progress_tick(Progress *progress);
/* How long until progress_tick() is wanted, USEC_INFINITY: never. */
uint64_t progress_timeout(const Progress *progress);
/* The last frame; after it the program may print below. Items that are under way show `status` if not NULL. */
void progress_finish(Progress *progress, const char *status);

size_t progress_items(const Progress *progress);
/* Bytes of all items: what was moved, as far as it is known. */
uint64_t progress_bytes(const Progress *progress);

#define PROGRESS_INTERVAL (100 * UINT64_C(1000))

/* The pure part: one line of `width` columns (without newline). rate: bytes a second, 0: unknown. Newly allocated. */
typedef struct ProgressItem {
        char *id;
        char *status;
        uint64_t current, total;
        uint64_t rate;
        uint64_t rate_time, rate_bytes; /* when and where the rate was last taken */
        bool reported;                  /* plain: its line has been printed */
} ProgressItem;
char *progress_format_line(const ProgressItem *item, size_t width);
