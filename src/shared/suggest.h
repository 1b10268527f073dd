/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* "did you mean …?": the word that someone who made a typing mistake probably meant. */

#include "macro.h"

/* How many letters must be inserted, removed, replaced or swapped with their neighbour to turn one into the other,
 * or `limit` when it is at least that many. */
unsigned edit_distance(const char *a, const char *b, unsigned limit);

/* Collects the best of many candidates; a candidate too far away for the length of the word is no suggestion. */
typedef struct Suggestion {
        const char *word;
        const char *best; /* borrowed from the candidate; NULL: none is near enough */
        unsigned distance;
} Suggestion;
void suggestion_init(Suggestion *suggestion, const char *word);
void suggestion_consider(Suggestion *suggestion, const char *candidate);
