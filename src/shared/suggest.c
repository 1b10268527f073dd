/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "string-util.h"
#include "suggest.h"

#define WORD_LENGTH_MAX 64

unsigned edit_distance(const char *a, const char *b, unsigned limit) {
        size_t n = strlen(a), m = strlen(b);
        /* Three rows of the table of distances between prefixes: two back for swaps, the last, the current. */
        unsigned rows[3][WORD_LENGTH_MAX + 1];

        if (n > WORD_LENGTH_MAX || m > WORD_LENGTH_MAX)
                return limit;
        for (size_t j = 0; j <= m; j++)
                rows[0][j] = j;
        for (size_t i = 1; i <= n; i++) {
                unsigned *row = rows[i % 3], *last = rows[(i - 1) % 3];
                row[0] = i;
                for (size_t j = 1; j <= m; j++) {
                        unsigned d = last[j - 1] + (a[i - 1] != b[j - 1]);
                        unsigned around = MIN(last[j], row[j - 1]) + 1;
                        d = MIN(d, around);
                        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                                unsigned swapped = rows[(i - 2) % 3][j - 2] + 1;
                                d = MIN(d, swapped);
                        }
                        row[j] = d;
                }
        }
        return MIN(rows[n % 3][m], limit);
}

void suggestion_init(Suggestion *suggestion, const char *word) {
        size_t n = strlen(word);

        /* One mistake in a short word, up to three in a long one; a word of one letter could be anything. */
        *suggestion = (Suggestion){
                .word = word,
                .distance = n < 2   ? 0
                            : n < 4 ? 2
                            : n < 8 ? 3
                                    : 4,
        };
}

void suggestion_consider(Suggestion *suggestion, const char *candidate) {
        unsigned d = edit_distance(suggestion->word, candidate, suggestion->distance);

        if (d < suggestion->distance) {
                suggestion->distance = d;
                suggestion->best = candidate;
        }
}
