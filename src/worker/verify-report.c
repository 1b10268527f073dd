/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "json-util.h"
#include "reference.h"
#include "string-util.h"
#include "verify.h"

static bool needs(const StoredImage *image, const char *digest) {
        _cleanup_free_ ImagePiece *pieces = NULL;
        size_t n = 0;

        if (streq(image->digest, digest))
                return true;
        if (!image->known || image_record_pieces(&image->record, &pieces, &n) < 0)
                return false;
        for (size_t i = 0; i < n; i++)
                if (streq(pieces[i].digest, digest))
                        return true;
        return false;
}

/* "docker.io/library/debian:12" → "docker.io/library/debian@sha256:…" */
static char *pull_reference(const StoredImage *image) {
        _cleanup_(reference_done) Reference reference = {};

        for (char **name = image->names; name && *name; name++) {
                if (reference_parse(*name, &reference, NULL) < 0)
                        continue;
                return string_join(reference.registry, "/", reference.repository, "@", image->digest);
        }
        return NULL;
}

/* Which images it is a problem for, and as what it can be had again. */
static int add_images(const Verify *verify, const char *digest, json_t *names, char **ret_pull) {
        for (size_t i = 0; i < verify->inventory.n; i++) {
                const StoredImage *image = &verify->inventory.images[i];
                if (!needs(image, digest))
                        continue;
                if (!*ret_pull)
                        *ret_pull = pull_reference(image);
                for (char **name = image->names; name && *name; name++)
                        if (json_array_append_new(names, json_string(*name)) < 0)
                                return -ENOMEM;
                if (!image->names && json_array_append_new(names, json_string(image->digest)) < 0)
                        return -ENOMEM;
        }
        return 0;
}

static json_t *describe(const Verify *verify, const Problem *problem) {
        _cleanup_json_ json_t *names = json_array();
        _cleanup_free_ char *pull = NULL;

        if (!names ||
            (digest_is_valid(problem->name) && add_images(verify, problem->name, names, &pull) < 0))
                return NULL;
        bool offer = problem->can_be_pulled && !problem->repaired;
        return json_pack("{s:s, s:s, s:s, s:s*, s:O, s:b, s:s*}", "Kind", problem->kind, "Object",
                         problem->object, "Name", problem->name, "Detail", problem->detail, "Images", names,
                         "Repaired", (int) problem->repaired, "Pull", offer ? pull : NULL);
}

int verify_found(Verify *verify, const Problem *problem, Error *error) {
        json_t *described = describe(verify, problem);

        pthread_mutex_lock(&verify->lock);
        int r = json_array_append_new(verify->problems, described);
        pthread_mutex_unlock(&verify->lock);
        return r < 0 ? error_set(error, ERROR_OUT_OF_MEMORY, "out of memory") : 0;
}

void verify_progress(Verify *verify, uint64_t bytes) {
        pthread_mutex_lock(&verify->lock);
        verify->done += bytes;
        uint64_t done = MIN(verify->done, verify->total);
        pthread_mutex_unlock(&verify->lock);
        worker_progress(verify->worker, WORKER_ITEM_STORE, "verifying", done, verify->total);
}

json_t *verify_report(const Verify *verify) {
        return json_pack("{s:I, s:I, s:I, s:I, s:O}", "Images", (json_int_t) verify->inventory.n, "Blobs",
                         (json_int_t) verify->n_blobs, "Layers", (json_int_t) verify->n_layers, "Size",
                         (json_int_t) piece_table_total(verify->pieces), "Problems", verify->problems);
}
