/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Compares an unpacked layer with a copy that was unpacked just now. */

#include "macro.h"

typedef struct LayerDifference {
        uint64_t n;  /* how many files differ; 0: none */
        char *first; /* the first of them and how, for people: "\"etc/passwd\" has another content" */
} LayerDifference;
void layer_difference_done(LayerDifference *difference);

/* good_fd, fd: the roots. Content, types, modes, owners, extended attributes, hard links, whiteouts and opaque
 * directories count, and the times of all that archives say them of: a directory that the archive does not list has
 * that of its unpacking. Returns 0, -ECANCELED or another negative errno. */
int layer_compare(int good_fd, int fd, bool (*cancelled)(void), LayerDifference *ret);
