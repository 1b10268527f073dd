/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "manager.h"
#include "reference.h"
#include "string-util.h"
#include "strv.h"

/* What a push is asked of the worker, and what comes of it. */

static int out_of_memory(Error *error) {
        return error_set_errno(error, -ENOMEM, "cannot push");
}

/* ---- where layers are already ---- */

/* The repository of a name, when it lies in the registry ("host:5000/") but not in this repository of it. Borrowed
 * from the name; *ret_size: its length. */
static const char *other_repository(const char *name, const char *registry, const char *repository,
                                    size_t *ret_size) {
        const char *path = startswith(name, registry);
        size_t n = path ? strcspn(path, ":@") : 0;

        if (n == 0 || (strncmp(path, repository, n) == 0 && repository[n] == 0))
                return NULL;
        *ret_size = n;
        return path;
}

static bool has_layer(const ImageRecord *record, const char *digest) {
        for (size_t i = 0; i < record->layers.n; i++)
                if (streq_ptr(LIST_ITEM(&record->layers, ImageLayer, i)->digest, digest))
                        return true;
        return false;
}

/* Layers of the record that the image has, too, lie in this repository: the first to be found will do. */
static int add_shared_layers(const ImageRecord *record, const Image *image, const char *repository,
                             size_t size, char ***mounts) {
        for (size_t i = 0; i < record->layers.n; i++) {
                const char *digest = LIST_ITEM(&record->layers, ImageLayer, i)->digest;
                if (!digest || strv_map_get(*mounts, digest) || !has_layer(&image->record, digest))
                        continue;
                _cleanup_free_ char *value = strndup(repository, size);
                if (!value || strv_map_set(mounts, digest, value) < 0)
                        return -ENOMEM;
        }
        return 0;
}

static int add_mounts(Manager *m, const ImageRecord *record, const Reference *target, char ***mounts) {
        _cleanup_free_ char *registry = string_join(target->registry, "/");

        if (!registry)
                return -ENOMEM;
        for (size_t i = 0; i < image_store_count(m->images); i++) {
                const Image *image = image_store_at(m->images, i);
                STRV_FOREACH(name, image->names) {
                        size_t size;
                        const char *other = other_repository(*name, registry, target->repository, &size);
                        if (other && add_shared_layers(record, image, other, size, mounts) < 0)
                                return -ENOMEM;
                }
        }
        for (size_t i = 0; i < record->manifests.n; i++) {
                const Image *entry = image_store_by_digest(
                        m->images, LIST_ITEM(&record->manifests, ImageDescriptor, i)->digest);
                if (entry && add_mounts(m, &entry->record, target, mounts) < 0)
                        return -ENOMEM;
        }
        return 0;
}

/* ---- what goes where ---- */

static int add_target(Manager *m, const Image *image, const char *name, WorkerRequest *request,
                      Error *error) {
        _cleanup_(reference_done) Reference target = {};

        int r = reference_parse(name, &target, error);
        if (r < 0)
                return r;
        if (strv_extend(&request->records, digest_hex(image->record.digest)) < 0 ||
            strv_extend(&request->names, name) < 0 ||
            add_mounts(m, &image->record, &target, &request->mounts) < 0)
                return out_of_memory(error);
        return 0;
}

/* Without a destination, where its name says. */
static int find_target(const Image *image, const char *reference, const char *destination, char **ret,
                       Error *error) {
        _cleanup_free_ char *canonical = NULL;

        int r = reference_canonicalize(isempty(destination) ? reference : destination, &canonical, error);
        if (r < 0)
                return r;
        if (isempty(destination) && !strv_contains(image->names, canonical) && !strchr(canonical, '@'))
                return error_set(
                        error, ERROR_INVALID,
                        "cannot push %s: that is an id, and says not where to (berthctl push %s NAME)",
                        reference, reference);
        *ret = TAKE_PTR(canonical);
        return 0;
}

static int add_all_tags(Manager *m, const char *reference, WorkerRequest *request, Error *error) {
        _cleanup_(reference_done) Reference repository = {};

        int r = reference_parse(reference, &repository, error);
        if (r < 0)
                return r;
        _cleanup_free_ char *prefix = string_join(repository.registry, "/", repository.repository, ":");
        if (!prefix)
                return out_of_memory(error);
        for (size_t i = 0; i < image_store_count(m->images); i++) {
                const Image *image = image_store_at(m->images, i);
                STRV_FOREACH(name, image->names)
                        if (startswith(*name, prefix) && !strchr(*name, '@') &&
                            (r = add_target(m, image, *name, request, error)) < 0)
                                return r;
        }
        if (strv_isempty(request->names))
                return error_set(error, ERROR_NO_SUCH_IMAGE, "cannot push: no image has a tag in %s/%s",
                                 repository.registry, repository.repository);
        return 0;
}

static int add_one(Manager *m, const char *reference, const char *destination, WorkerRequest *request,
                   Error *error) {
        _cleanup_free_ char *name = NULL;
        Image *image;

        int r = image_store_find(m->images, reference, &image, error);
        if (r >= 0)
                r = find_target(image, reference, destination, &name, error);
        return r < 0 ? r : add_target(m, image, name, request, error);
}

int manager_push_request(Manager *m, const char *reference, const char *destination, bool all_tags,
                         WorkerRequest *request, Error *error) {
        if (all_tags && !isempty(destination))
                return error_set(error, ERROR_INVALID, "all tags go to where their names say, not to \"%s\"",
                                 destination);
        int r = all_tags ? add_all_tags(m, reference, request, error)
                         : add_one(m, reference, destination, request, error);
        if (r < 0)
                return r;
        return free_and_strdup(&request->reference, request->names[0]) < 0 ? out_of_memory(error) : 0;
}

/* ---- what came of it ---- */

int manager_take_pushed(Manager *m, const char *digest, char *const *names, Error *error) {
        Image *image;

        if (!image_store_by_digest(m->images, digest))
                return 0; /* removed meanwhile */
        int r = image_store_add(m->images, digest, NULL, &image, NULL, error);
        for (char *const *name = names; r >= 0 && name && *name; name++)
                manager_tell_image(m, "push", image, *name);
        return r;
}
