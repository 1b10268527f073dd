/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "image-pieces.h"
#include "image-prune.h"
#include "string-util.h"
#include "strv.h"

/* ---- labels ---- */

static bool label_matches(char *const *labels, const char *wanted) {
        return strchr(wanted, '=') ? strv_contains(labels, wanted) : strv_map_get(labels, wanted) != NULL;
}

bool labels_match(char *const *labels, char *const *wanted, char *const *unwanted) {
        for (size_t i = 0; wanted && wanted[i]; i++)
                if (!label_matches(labels, wanted[i]))
                        return false;
        for (size_t i = 0; unwanted && unwanted[i]; i++)
                if (label_matches(labels, unwanted[i]))
                        return false;
        return true;
}

/* ---- indexes and what they name ---- */

/* An index that stays keeps its images. */
static bool is_kept_by_index(const PruneCandidate *candidates, size_t n, const ImageRecord *record) {
        for (size_t i = 0; i < n; i++)
                if (!candidates[i].chosen && candidates[i].record->kind == IMAGE_INDEX &&
                    image_record_has_manifest(candidates[i].record, record->digest))
                        return true;
        return false;
}

/* An index is used when one of its images is. */
static void spread_use(PruneCandidate *candidates, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (candidates[i].record->kind == IMAGE_INDEX)
                        for (size_t k = 0; k < n; k++)
                                if (candidates[k].used &&
                                    image_record_has_manifest(candidates[i].record,
                                                              candidates[k].record->digest))
                                        candidates[i].used = true;
}

/* ---- by what people ask for ---- */

static bool fits(const PruneCandidate *c, const PruneFilter *filter) {
        if (c->used || (c->named && !filter->all) ||
            (filter->until > 0 && c->record->created >= filter->until))
                return false;
        return labels_match(c->record->config.labels, filter->labels, filter->except_labels);
}

int image_prune_by_filter(PruneCandidate *candidates, size_t n, const PruneFilter *filter) {
        spread_use(candidates, n);
        for (size_t i = 0; i < n; i++)
                candidates[i].chosen =
                        candidates[i].record->kind == IMAGE_INDEX && fits(&candidates[i], filter);
        for (size_t i = 0; i < n; i++)
                if (candidates[i].record->kind != IMAGE_INDEX)
                        candidates[i].chosen = fits(&candidates[i], filter) &&
                                               !is_kept_by_index(candidates, n, candidates[i].record);
        return 0;
}

/* ---- by policy ---- */

static int table_of(const PruneCandidate *candidates, size_t n, bool used_only, PieceTable **ret) {
        _cleanup_free_ const ImageRecord **records = new0(const ImageRecord *, n + 1);
        size_t count = 0;

        if (!records)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                if (candidates[i].used || !used_only)
                        records[count++] = candidates[i].record;
        return piece_table_new(records, count, PIECES_ALL, ret);
}

/* An index first, among those that were used last at the same time. */
static int compare_use(const void *a, const void *b) {
        const PruneCandidate *x = a, *y = b;

        if (x->last_used != y->last_used)
                return x->last_used < y->last_used ? -1 : 1;
        return (y->record->kind == IMAGE_INDEX) - (x->record->kind == IMAGE_INDEX);
}

/* How far we are from where the policy wants to be. */
typedef struct Surplus {
        const PrunePolicy *policy;
        uint64_t unused;  /* bytes that only unused images have */
        uint64_t to_free; /* for the low watermark */
} Surplus;

static void surplus_init(Surplus *surplus, const PrunePolicy *policy, uint64_t unused) {
        uint64_t one_percent = policy->disk_size / 100;

        *surplus = (Surplus){ .policy = policy, .unused = unused };
        if (policy->high_watermark > 0 && policy->disk_used > one_percent * policy->high_watermark)
                surplus->to_free = policy->disk_used - one_percent * policy->low_watermark;
}

static bool must_go(const Surplus *surplus, const PruneCandidate *c) {
        const PrunePolicy *policy = surplus->policy;
        uint64_t age = policy->now > c->last_used ? policy->now - c->last_used : 0;

        return age > policy->keep_age || surplus->unused > policy->keep_size || surplus->to_free > 0;
}

static int choose(PruneCandidate *c, PieceTable *table, Surplus *surplus) {
        uint64_t freed;

        int r = piece_table_drop(table, c->record, &freed);
        if (r < 0)
                return r;
        c->chosen = true;
        surplus->unused -= MIN(freed, surplus->unused);
        surplus->to_free -= MIN(freed, surplus->to_free);
        return 1;
}

/* One way through, the oldest first. Returns 1 when it chose some. */
static int pass(PruneCandidate *candidates, size_t n, PieceTable *table, Surplus *surplus) {
        int found = 0;

        for (size_t i = 0; i < n; i++) {
                PruneCandidate *c = &candidates[i];
                if (c->used || c->chosen || !must_go(surplus, c) ||
                    is_kept_by_index(candidates, n, c->record))
                        continue;
                int r = choose(c, table, surplus);
                if (r < 0)
                        return r;
                found = 1;
        }
        return found;
}

int image_prune_by_policy(PruneCandidate *candidates, size_t n, const PrunePolicy *policy) {
        _cleanup_(piece_table_freep) PieceTable *all = NULL, *used = NULL;
        Surplus surplus;

        spread_use(candidates, n);
        if (n > 1)
                qsort(candidates, n, sizeof(PruneCandidate), compare_use);
        int r = table_of(candidates, n, false, &all);
        if (r >= 0)
                r = table_of(candidates, n, true, &used);
        if (r < 0)
                return r;
        surplus_init(&surplus, policy, piece_table_total(all) - piece_table_total(used));
        /* When an index has gone, its images may follow. */
        do
                r = pass(candidates, n, all, &surplus);
        while (r > 0);
        return r;
}

int image_prune_size(const PruneCandidate *candidates, size_t n, uint64_t *ret) {
        _cleanup_(piece_table_freep) PieceTable *table = NULL;
        uint64_t total = 0, freed;

        int r = table_of(candidates, n, false, &table);
        for (size_t i = 0; r >= 0 && i < n; i++)
                if (candidates[i].chosen && (r = piece_table_drop(table, candidates[i].record, &freed)) >= 0)
                        total += freed;
        *ret = total;
        return r;
}
