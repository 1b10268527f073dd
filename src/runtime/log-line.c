/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "log-line.h"

/* A piece should not end within a UTF-8 sequence, which would make both pieces unreadable in the journal: returns a
 * size that ends before a sequence that has begun. What is not UTF-8 is cut anywhere. */
static size_t cut_between_characters(const char *data, size_t size) {
        for (size_t back = 1; back <= 3 && back < size; back++) {
                unsigned char c = data[size - back];
                if (c < 0x80)
                        break;
                if (c >= 0xC0) {
                        size_t length = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
                        return length > back ? size - back : size;
                }
        }
        return size;
}

static int carry(LogLine *line, const char **data, size_t *size, size_t n) {
        int r = array_reserve(&line->carried, &line->allocated, line->size + n, 1);
        if (r < 0)
                return r;
        memcpy(line->carried + line->size, *data, n);
        line->size += n;
        *data += n;
        *size -= n;
        return 0;
}

/* What was given out by the last call is only now dropped, since the piece pointed to it. */
static void drop_given(LogLine *line) {
        if (line->given == 0)
                return;
        line->size -= line->given;
        memmove(line->carried, line->carried + line->given, line->size);
        line->given = 0;
        if (line->size == 0)
                log_line_done(line);
}

int log_line_next(LogLine *line, const char **data, size_t *size, LogPiece *ret) {
        drop_given(line);

        size_t room = LOG_PIECE_MAX - line->size;
        const char *newline = memchr(*data, '\n', MIN(*size, room + 1));
        size_t n = newline ? (size_t) (newline - *data) : MIN(*size, room);
        bool cut = !newline && n == room;

        /* The common case: a whole line, straight out of the input. */
        if (line->size == 0 && (newline || cut)) {
                if (cut)
                        n = cut_between_characters(*data, n);
                *ret = (LogPiece){ *data, n, cut };
                *data += n + (cut ? 0 : 1);
                *size -= n + (cut ? 0 : 1);
                return 1;
        }

        if (n > 0 || newline) {
                int r = carry(line, data, size, n);
                if (r < 0)
                        return r;
        }
        if (newline) {
                (*data)++;
                (*size)--;
        } else if (!cut)
                return 0;
        line->given = cut ? cut_between_characters(line->carried, line->size) : line->size;
        *ret = (LogPiece){ line->carried, line->given, cut };
        return 1;
}

int log_line_finish(LogLine *line, LogPiece *ret) {
        drop_given(line);
        if (line->size == 0)
                return 0;
        line->given = line->size;
        *ret = (LogPiece){ line->carried, line->size, true };
        return 1;
}

void log_line_done(LogLine *line) {
        free(line->carried);
        *line = (LogLine){};
}
