/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image-mount.h"
#include "image-prune.h"
#include "manager.h"
#include "string-util.h"
#include "strv.h"
#include "time-util.h"

void prune_result_done(PruneResult *result) {
        strv_free(result->untagged);
        strv_free(result->deleted);
        *result = (PruneResult){};
}

/* ---- images ---- */

static PruneCandidate *list_candidates(Manager *m, size_t *ret_n) {
        size_t n = image_store_count(m->images);
        PruneCandidate *candidates = new0(PruneCandidate, n + 1);

        for (size_t i = 0; candidates && i < n; i++) {
                const Image *image = image_store_at(m->images, i);
                candidates[i] = (PruneCandidate){
                        .record = &image->record,
                        .named = !strv_isempty(image->names),
                        .used = manager_count_image_users(m, image) > 0 || image_is_mounted(image),
                        .last_used = image_store_last_used(m->images, image),
                };
        }
        *ret_n = n;
        return candidates;
}

static int choose_by_policy(Manager *m, PruneCandidate *candidates, size_t n) {
        PrunePolicy policy = {
                .keep_size = m->conf.keep_size,
                .keep_age = m->conf.keep_age,
                .high_watermark = m->conf.high_watermark,
                .low_watermark = m->conf.low_watermark,
                .now = realtime_usec(),
        };

        int r = image_store_disk(m->images, &policy.disk_used, &policy.disk_size);
        return r < 0 ? r : image_prune_by_policy(candidates, n, &policy);
}

static int choose(Manager *m, const PruneImagesOptions *options, PruneCandidate *candidates, size_t n) {
        const PruneFilter filter = { options->all, options->until, options->labels, options->except_labels };

        return options->policy ? choose_by_policy(m, candidates, n)
                               : image_prune_by_filter(candidates, n, &filter);
}

/* What goes, as objects and as what to tell. */
static int take_chosen(Manager *m, const PruneCandidate *candidates, size_t n, Image **ret_images,
                       size_t *ret_n, PruneResult *result) {
        int r = image_prune_size(candidates, n, &result->size);

        *ret_n = 0;
        for (size_t i = 0; r >= 0 && i < n; i++) {
                if (!candidates[i].chosen)
                        continue;
                Image *image = image_store_by_digest(m->images, candidates[i].record->digest);
                ret_images[(*ret_n)++] = image;
                r = strv_extend(&result->deleted, image->record.digest);
                for (size_t k = 0; r >= 0 && image->names && image->names[k]; k++)
                        r = strv_extend(&result->untagged, image->names[k]);
        }
        return r;
}

int manager_prune_images(Manager *m, const PruneImagesOptions *options, PruneResult *ret, Error *error) {
        _cleanup_(prune_result_done) PruneResult result = {};
        _cleanup_free_ Image **images = NULL;
        size_t n, n_images;

        _cleanup_free_ PruneCandidate *candidates = list_candidates(m, &n);
        images = new0(Image *, n + 1);
        int r = candidates && images ? choose(m, options, candidates, n) : -ENOMEM;
        if (r >= 0)
                r = take_chosen(m, candidates, n, images, &n_images, &result);
        if (r < 0)
                return error_set_errno(error, r, "cannot prune the images");
        if (!options->dry_run && n_images > 0) {
                for (size_t i = 0; i < n_images; i++)
                        manager_tell_image_gone(m, images[i]);
                r = image_store_remove_all(m->images, images, n_images, error);
                if (r < 0)
                        return r;
        }
        *ret = result;
        result = (PruneResult){};
        return 0;
}

/* ---- containers ---- */

static bool may_go(const Container *c, const PruneImagesOptions *options) {
        return !c->reserved && !c->saving && c->users == 0 && !container_is_active(c) &&
               c->state.status != CONTAINER_RESTARTING && c->state.status != CONTAINER_REMOVING &&
               (options->until == 0 || c->spec.created < options->until) &&
               labels_match(c->effective.labels, options->labels, options->except_labels);
}

static void on_removed(Container *container, const Error *error, void *userdata) {
}

int manager_prune_containers(Manager *m, const PruneImagesOptions *options, PruneResult *ret, Error *error) {
        _cleanup_(prune_result_done) PruneResult result = {};
        _cleanup_free_ Container **all = NULL;
        size_t n;

        int r = manager_list_containers(m, &all, &n);
        m->many_removals = true;
        for (size_t i = 0; r >= 0 && i < n; i++) {
                if (!may_go(all[i], options))
                        continue;
                r = strv_extend(&result.deleted, all[i]->spec.name);
                if (r >= 0 && !options->dry_run)
                        r = container_remove(all[i], false, false, on_removed, NULL, error);
        }
        m->many_removals = false;
        if (r < 0)
                return error_set_errno(error, r, "cannot prune the containers");
        *ret = result;
        result = (PruneResult){};
        return 0;
}
