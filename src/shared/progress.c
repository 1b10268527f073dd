/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fd-util.h"
#include "human.h"
#include "progress.h"
#include "string-util.h"
#include "terminal.h"
#include "time-util.h"

#define BAR_MAX 32
#define BAR_MIN 6
#define ID_WIDTH 12
#define RATE_INTERVAL (500 * USEC_PER_MSEC)

struct Progress {
        FILE *out;
        bool redraws, quiet;
        ProgressItem *items;
        size_t n_items, n_allocated;
        size_t lines; /* of the last frame, above the cursor */
        uint64_t drawn;
        bool dirty;
};

int progress_new(FILE *out, ProgressStyle style, Progress **ret) {
        Progress *progress = new0(Progress, 1);

        if (!progress)
                return -ENOMEM;
        *progress = (Progress){
                .out = out,
                .quiet = style == PROGRESS_QUIET,
                .redraws = style == PROGRESS_AUTO && isatty(fileno(out)) &&
                           !streq(strempty(getenv("TERM")), "dumb"),
        };
        *ret = progress;
        return 0;
}

Progress *progress_free(Progress *progress) {
        if (!progress)
                return NULL;
        for (size_t i = 0; i < progress->n_items; i++) {
                free(progress->items[i].id);
                free(progress->items[i].status);
        }
        free(progress->items);
        free(progress);
        return NULL;
}

size_t progress_items(const Progress *progress) {
        return progress->n_items;
}

uint64_t progress_bytes(const Progress *progress) {
        uint64_t sum = 0;

        for (size_t i = 0; i < progress->n_items; i++)
                sum += MAX(progress->items[i].current, progress->items[i].total);
        return sum;
}

/* Statuses after which nothing more happens to an item. */
static bool is_final(const char *status) {
        static const char *const words[] = { "done",   "exists",    "mounted", "unpacked",
                                             "failed", "cancelled", "kept" };

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (streq(status, words[i]))
                        return true;
        return false;
}

/* ---- one line ---- */

/* "0e1f2a…" of a digest; other names as they are. */
static char *short_id(const char *id) {
        const char *hex = startswith(id, "sha256:");

        return hex ? strndup(hex, ID_WIDTH) : text_ellipsize(id, 24);
}

/* Eighths of a block, so that the bar moves smoothly. */
static int append_bar(StringBuffer *line, const ProgressItem *item, size_t width) {
        static const char *const eighths[] = { "", "▏", "▎", "▍", "▌", "▋", "▊", "▉" };
        uint64_t filled = item->total > 0 ? MIN(item->current, item->total) * 8 * width / item->total
                          : is_final(item->status) ? 8 * width
                                                   : 0;
        size_t used = filled / 8;

        for (size_t i = 0; i < used; i++)
                if (string_buffer_append_string(line, glyph(GLYPH_BAR_FULL)) < 0)
                        return -ENOMEM;
        if (used < width && filled % 8 > 0 && locale_is_utf8()) {
                if (string_buffer_append_string(line, eighths[filled % 8]) < 0)
                        return -ENOMEM;
                used++;
        }
        return string_buffer_appendf(line, "%*s", (int) (width - used), "");
}

/* "12.1/30.4 MiB", or "48.5 MiB" when all of it is here. */
static void format_amount(const ProgressItem *item, char buffer[static HUMAN_MAX]) {
        uint64_t bytes = MAX(item->current, item->total);

        if (item->current < item->total)
                (void) format_size_part(item->current, item->total, buffer);
        else if (bytes > 0)
                (void) format_size(bytes, buffer);
        else
                buffer[0] = 0;
}

/* What stands behind the amount: rate and time left while bytes move, else the status. */
static void format_state(const ProgressItem *item, char buffer[static 2 * HUMAN_MAX]) {
        char rate[HUMAN_MAX];

        if (item->rate == 0 || is_final(item->status) || item->current >= item->total) {
                snprintf(buffer, 2 * HUMAN_MAX, "%s", item->status);
                return;
        }
        uint64_t left = (item->total - item->current) / item->rate + 1;
        snprintf(buffer, 2 * HUMAN_MAX, "%s/s  %llu s left", format_size(item->rate, rate),
                 (unsigned long long) left);
}

char *progress_format_line(const ProgressItem *item, size_t width) {
        _cleanup_(string_buffer_done) StringBuffer line = {};
        char amount[HUMAN_MAX], state[2 * HUMAN_MAX];
        _cleanup_free_ char *id = short_id(item->id);

        if (!id)
                return NULL;
        format_amount(item, amount);
        format_state(item, state);
        if (string_buffer_appendf(&line, "  %s", id) < 0)
                return NULL;
        for (size_t w = text_width(id); w < ID_WIDTH; w++)
                if (string_buffer_append_string(&line, " ") < 0)
                        return NULL;
        /* The amount and the state keep their places, so that the bar does not jump. */
        size_t others = text_width(line.data) + 4 + MAX(strlen(amount), (size_t) 14) + 2 +
                        MAX(strlen(state), (size_t) 12);
        if (width > others + BAR_MIN) {
                if (string_buffer_append_string(&line, "  ") < 0 ||
                    append_bar(&line, item, MIN(width - others, (size_t) BAR_MAX)) < 0)
                        return NULL;
        }
        if (string_buffer_appendf(&line, "  %-14s  %s", amount, state) < 0)
                return NULL;
        return text_ellipsize(line.data, width);
}

/* ---- drawing ---- */

static size_t visible_lines(void) {
        unsigned rows = terminal_rows();

        return rows > 3 ? rows - 2 : 1;
}

/* When there are more items than lines, those that are done make room. */
static bool is_shown(const Progress *progress, const ProgressItem *item) {
        return progress->n_items <= visible_lines() || !is_final(item->status);
}

static int compose_frame(Progress *progress, StringBuffer *frame) {
        size_t lines = 0, hidden = 0, width = terminal_columns(), most = visible_lines();
        int r = 0;

        if (progress->lines > 0)
                r = string_buffer_appendf(frame, "\x1b[%zuA", progress->lines);
        for (size_t i = 0; i < progress->n_items && r >= 0; i++) {
                const ProgressItem *item = &progress->items[i];
                if (!is_shown(progress, item) || lines + 1 >= most + (progress->n_items <= most)) {
                        hidden++;
                        continue;
                }
                /* A full line makes some terminals wrap when the next character comes. */
                _cleanup_free_ char *line = progress_format_line(item, width > 1 ? width - 1 : 1);
                r = line ? string_buffer_appendf(frame, "\r%s\x1b[K\n", line) : -ENOMEM;
                lines++;
        }
        if (r >= 0 && hidden > 0) {
                r = string_buffer_appendf(frame, "\r  and %zu more\x1b[K\n", hidden);
                lines++;
        }
        /* Fewer lines than the last time: clear what is left of it below. */
        if (r >= 0 && lines < progress->lines)
                r = string_buffer_append_string(frame, "\x1b[J");
        progress->lines = lines;
        return r;
}

static void draw(Progress *progress) {
        _cleanup_(string_buffer_done) StringBuffer frame = {};

        progress->dirty = false;
        progress->drawn = now_usec(CLOCK_MONOTONIC);
        if (compose_frame(progress, &frame) < 0 || frame.size == 0)
                return;
        fflush(progress->out);
        (void) write_full(fileno(progress->out), frame.data, frame.size);
}

static void print_plain(Progress *progress, ProgressItem *item) {
        char size[HUMAN_MAX];
        _cleanup_free_ char *id = short_id(item->id);
        uint64_t bytes = MAX(item->current, item->total);

        if (item->reported || !is_final(item->status) || !id)
                return;
        item->reported = true;
        if (bytes > 0)
                fprintf(progress->out, "%s: %s, %s\n", id, item->status, format_size(bytes, size));
        else
                fprintf(progress->out, "%s: %s\n", id, item->status);
        fflush(progress->out);
}

static ProgressItem *find_item(Progress *progress, const char *id) {
        for (size_t i = 0; i < progress->n_items; i++)
                if (streq(progress->items[i].id, id))
                        return &progress->items[i];
        if (array_reserve(&progress->items, &progress->n_allocated, progress->n_items + 1,
                          sizeof(ProgressItem)) < 0)
                return NULL;
        ProgressItem *item = &progress->items[progress->n_items];
        *item = (ProgressItem){ .id = strdup(id), .status = strdup("") };
        if (!item->id || !item->status) {
                free(item->id);
                free(item->status);
                return NULL;
        }
        progress->n_items++;
        return item;
}

/* A rate that settles: half of it is the last half second's. */
static void update_rate(ProgressItem *item, uint64_t current) {
        uint64_t now = now_usec(CLOCK_MONOTONIC);

        if (item->rate_time == 0 || current < item->rate_bytes) {
                item->rate_time = now;
                item->rate_bytes = current;
                item->rate = 0;
                return;
        }
        if (now - item->rate_time < RATE_INTERVAL)
                return;
        uint64_t rate = (current - item->rate_bytes) * USEC_PER_SEC / (now - item->rate_time);
        item->rate = item->rate > 0 ? (item->rate + rate) / 2 : rate;
        item->rate_time = now;
        item->rate_bytes = current;
}

int progress_update(Progress *progress, const char *id, const char *status, uint64_t current,
                    uint64_t total) {
        ProgressItem *item = find_item(progress, id);

        if (!item)
                return -ENOMEM;
        if (!streq(item->status, status)) {
                int r = free_and_strdup(&item->status, status);
                if (r < 0)
                        return r;
                item->rate_time = 0;
        }
        update_rate(item, current);
        item->current = current;
        /* "done" may come without numbers: the size is worth remembering. */
        if (total > 0 || current > 0)
                item->total = total;
        else if (is_final(status))
                item->current = item->total;
        progress->dirty = true;
        if (progress->quiet)
                return 0;
        if (!progress->redraws)
                print_plain(progress, item);
        else if (now_usec(CLOCK_MONOTONIC) - progress->drawn >= PROGRESS_INTERVAL)
                draw(progress);
        return 0;
}

void progress_tick(Progress *progress) {
        if (progress->redraws && progress->dirty)
                draw(progress);
}

uint64_t progress_timeout(const Progress *progress) {
        if (!progress->redraws || !progress->dirty)
                return USEC_INFINITY;
        uint64_t age = now_usec(CLOCK_MONOTONIC) - progress->drawn;
        return age < PROGRESS_INTERVAL ? PROGRESS_INTERVAL - age : 0;
}

void progress_finish(Progress *progress, const char *status) {
        for (size_t i = 0; status && i < progress->n_items; i++)
                if (!is_final(progress->items[i].status))
                        (void) free_and_strdup(&progress->items[i].status, status);
        if (progress->redraws && progress->n_items > 0)
                draw(progress);
        /* What is printed next stands below, and a later update starts a new block. */
        progress->lines = 0;
}
