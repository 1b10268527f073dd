/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Which images go, as pure functions: by what people ask for, and by the policy of berthd.conf(5). */

#include "image-spec.h"

typedef struct PruneCandidate {
        const ImageRecord *record; /* borrowed */
        bool named;
        bool used; /* a container has it, or somebody looks into it: it stays */
        uint64_t last_used;
        bool chosen; /* the result */
} PruneCandidate;

/* What people ask for. */
typedef struct PruneFilter {
        bool all;                       /* also those with names */
        uint64_t until;                 /* only those made before; 0: any */
        char **labels, **except_labels; /* "key" or "key=value": all of the former, none of the latter */
} PruneFilter;

/* What berthd.conf says, and how things are. */
typedef struct PrunePolicy {
        uint64_t keep_size, keep_age; /* UINT64_MAX: without limit */
        unsigned high_watermark, low_watermark;
        uint64_t now;
        uint64_t disk_used, disk_size; /* bytes of the file system */
} PrunePolicy;

/* Both set `chosen`. An index of which an image is used is used itself, and what an index that stays names stays. 0 or
 * -ENOMEM. */
int image_prune_by_filter(PruneCandidate *candidates, size_t n, const PruneFilter *filter);
/* Orders the candidates by their last use; the oldest are chosen first, and no more than it takes. */
int image_prune_by_policy(PruneCandidate *candidates, size_t n, const PrunePolicy *policy);
/* What becomes free when the chosen ones go, as the records say. */
int image_prune_size(const PruneCandidate *candidates, size_t n, uint64_t *ret);

/* The map has all that is wanted ("key" or "key=value") and none that is unwanted. */
bool labels_match(char *const *labels, char *const *wanted, char *const *unwanted) _pure_;
