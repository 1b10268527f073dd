/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Cuts an output stream into what becomes journal entries: lines, and pieces of lines that are longer than LOG_PIECE_MAX.
 * Bounded memory, no byte lost or added: the concatenation of all pieces, with a newline after each that is not
 * `partial`, is the stream. */

#include "macro.h"

#define LOG_PIECE_MAX (16 * 1024) /* as Docker's */

/* Initialise with {}. */
typedef struct LogLine {
        char *carried; /* the beginning of a line whose end has not come yet */
        size_t size, allocated;
        size_t given; /* so much of it is the piece that was returned last */
} LogLine;

typedef struct LogPiece {
        const char *data; /* valid until the next call */
        size_t size;      /* at most LOG_PIECE_MAX */
        bool partial;     /* the line goes on in the next piece, or ends without a newline */
} LogPiece;

/* Takes the next piece out of *data (data and size advance). Returns 1 with a piece; 0 when all of it has been taken,
 * the rest being carried over; -ENOMEM, with nothing taken. */
int log_line_next(LogLine *line, const char **data, size_t *size, LogPiece *ret);
/* At the end of the stream: 1 with the unfinished line, if there is one. */
int log_line_finish(LogLine *line, LogPiece *ret);
void log_line_done(LogLine *line);
