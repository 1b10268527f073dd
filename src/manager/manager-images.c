/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image-mount.h"
#include "log.h"
#include "manager.h"
#include "reference.h"
#include "string-util.h"
#include "strv.h"

void manager_tell_image(Manager *m, const char *action, const Image *image, const char *name) {
        _cleanup_strv_free_ char **attributes = NULL;

        if (strv_copy_into(image->record.config.labels, &attributes) < 0 ||
            (name && strv_map_set(&attributes, "name", name) < 0))
                log_oom();
        else
                m->hooks->event(m, "image", action, image->record.digest, attributes);
}

static void tell_names_changed(Manager *m, char *const *digests) {
        for (size_t i = 0; digests && digests[i]; i++) {
                Image *image = image_store_by_digest(m->images, digests[i]);
                if (image)
                        m->hooks->image_changed(m, image);
        }
}

static int delete_image(Manager *m, Image *image, char ***ret_untagged, char ***ret_deleted, Error *error);

/* An index that has been changed is a new one, and the old one has lost its name to it. */
static void forget_old_indexes(Manager *m, char *const *digests) {
        for (char *const *digest = digests; digest && *digest; digest++) {
                _cleanup_strv_free_ char **untagged = NULL, **deleted = NULL;
                Image *image = image_store_by_digest(m->images, *digest);
                _cleanup_error_ Error error = {};
                if (image && image->record.kind == IMAGE_INDEX && strv_isempty(image->names) &&
                    delete_image(m, image, &untagged, &deleted, &error) < 0)
                        log_warning("Failed to remove the old index %s: %s", *digest, error_text(&error));
        }
}

int manager_add_image(Manager *m, const char *action, const char *digest, char *const *names, Image **ret,
                      Error *error) {
        _cleanup_strv_free_ char **untagged = NULL;
        Image *image;

        bool known = image_store_by_digest(m->images, digest);
        int r = image_store_add(m->images, digest, names, &image, &untagged, error);
        if (r < 0)
                return r;
        tell_names_changed(m, untagged);
        image_store_touch(m->images, image);
        if (known)
                m->hooks->image_changed(m, image);
        else
                m->hooks->image_added(m, image);
        manager_tell_image(m, action, image, names ? names[0] : NULL);
        if (streq(action, "create-index"))
                forget_old_indexes(m, untagged);
        if (ret)
                *ret = image;
        return 0;
}

int manager_tag_image(Manager *m, const char *reference, const char *new_name, Error *error) {
        _cleanup_free_ char *canonical = NULL;
        Image *image;

        int r = image_store_find(m->images, reference, &image, error);
        if (r >= 0)
                r = reference_canonicalize(new_name, &canonical, error);
        if (r < 0)
                return r;
        if (strchr(canonical, '@'))
                return error_set(error, ERROR_INVALID,
                                 "\"%s\" has a digest; a name for an image can't have one", new_name);
        Image *before = image_store_by_name(m->images, canonical);
        r = image_store_tag(m->images, image, canonical, error);
        if (r < 0)
                return r;
        if (before && before != image)
                m->hooks->image_changed(m, before);
        m->hooks->image_changed(m, image);
        manager_tell_image(m, "tag", image, canonical);
        return 0;
}

size_t manager_count_image_users(Manager *m, const Image *image) {
        Container *c, *next;
        size_t n = 0;

        HASH_ITER(by_id, m->containers_by_id, c, next)
                n += container_uses_image(c, image->record.digest);
        return n;
}

static const Container *find_user(Manager *m, const Image *image) {
        Container *c, *next;

        HASH_ITER(by_id, m->containers_by_id, c, next)
                if (container_uses_image(c, image->record.digest))
                        return c;
        return NULL;
}

/* The one name that `reference` means, or NULL when it means the image itself (a digest, an id). */
static int named_by(Image *image, const char *reference, char **ret) {
        _cleanup_free_ char *canonical = NULL;

        *ret = NULL;
        if (reference_canonicalize(reference, &canonical, NULL) >= 0 &&
            strv_contains(image->names, canonical))
                *ret = TAKE_PTR(canonical);
        return 0;
}

/* Takes one name away, or all. */
static int untag(Manager *m, Image *image, const char *name, char ***ret_untagged, Error *error) {
        _cleanup_strv_free_ char **names = NULL;

        int r = name ? strv_extend(&names, name) : strv_copy_into(image->names, &names);
        if (r < 0)
                return error_set_errno(error, r, "cannot untag");
        STRV_FOREACH(n, names) {
                if ((r = image_store_untag(m->images, *n, error)) < 0)
                        return r;
                if (strv_extend(ret_untagged, *n) < 0)
                        return error_set_errno(error, -ENOMEM, "cannot untag");
                manager_tell_image(m, "untag", image, *n);
        }
        if (names)
                m->hooks->image_changed(m, image);
        return 0;
}

void manager_tell_image_gone(Manager *m, Image *image) {
        STRV_FOREACH(n, image->names)
                manager_tell_image(m, "untag", image, *n);
        manager_tell_image(m, "delete", image, NULL);
        m->hooks->image_removed(m, image);
}

static int delete_image(Manager *m, Image *image, char ***ret_untagged, char ***ret_deleted, Error *error) {
        ImageRecord record;
        int r;

        if ((r = object_copy(&image_record_type, &record, &image->record)) < 0 ||
            (r = strv_extend(ret_deleted, record.digest)) < 0)
                return error_set_errno(error, r, "cannot remove the image");
        STRV_FOREACH(n, image->names)
                if ((r = strv_extend(ret_untagged, *n)) < 0)
                        return error_set_errno(error, r, "cannot remove the image");
        manager_tell_image_gone(m, image);
        r = image_store_remove(m->images, image, error);
        if (r >= 0)
                manager_prune_image(m, &record);
        object_done(&image_record_type, &record);
        return r;
}

static char *familiar_name(const Image *image) {
        _cleanup_(reference_done) Reference reference = {};

        return image->names && reference_parse(image->names[0], &reference, NULL) >= 0
                       ? reference_to_familiar(&reference)
                       : strdup(image->record.digest);
}

static int check_unused(Manager *m, const Image *image, const char *reference, Error *error) {
        const Container *user = find_user(m, image);
        Image *index;

        if (user)
                return error_set(error, ERROR_IN_USE,
                                 "cannot remove image %s: container \"%s\" uses it (berthctl rm %s)",
                                 reference, user->spec.name, user->spec.name);
        if (image_store_index_has(m->images, image->record.digest, &index)) {
                _cleanup_free_ char *name = familiar_name(index);
                return error_set(error, ERROR_IN_USE,
                                 "cannot remove image %s: the index \"%s\" needs it (berthctl rmi %s)",
                                 reference, strempty(name), strempty(name));
        }
        if (image_is_mounted(image))
                return error_set(error, ERROR_IN_USE,
                                 "cannot remove image %s: it is mounted (berthctl image unmount %s)",
                                 reference, reference);
        return 0;
}

/* What can't be found may be one whose record is gone, but whose name is still in index.json. */
static int find_or_forget(Manager *m, const char *reference, Image **ret, char ***ret_untagged,
                          Error *error) {
        _cleanup_error_ Error missing = {};

        int r = image_store_find(m->images, reference, ret, &missing);
        if (r >= 0)
                return 1;
        int lost = missing.kind == ERROR_NO_SUCH_IMAGE ? image_store_forget_lost(m->images, reference, error)
                                                       : 0;
        if (lost != 0)
                return lost < 0 ? lost : strv_extend(ret_untagged, reference);
        error_move(error, &missing);
        return r;
}

int manager_remove_image(Manager *m, const char *reference, bool force, char ***ret_untagged,
                         char ***ret_deleted, Error *error) {
        _cleanup_free_ char *name = NULL;
        Image *image;

        int r = find_or_forget(m, reference, &image, ret_untagged, error);
        if (r <= 0 || (r = named_by(image, reference, &name)) < 0)
                return r;
        size_t n = strv_length(image->names);
        if (name && n > 1)
                return untag(m, image, name, ret_untagged, error);
        if (!name && n > 1 && !force)
                return error_set(
                        error, ERROR_IN_USE,
                        "cannot remove image %s: it has %zu names (berthctl rmi --force removes them all)",
                        reference, n);
        if (!force && (r = check_unused(m, image, reference, error)) < 0)
                return r;
        /* Its containers keep what they stand on, and so do indexes. */
        if (find_user(m, image) || image_store_index_has(m->images, image->record.digest, NULL))
                return untag(m, image, NULL, ret_untagged, error);
        r = image_unmount(image, error);
        return r < 0 ? error_prefix(error, r, "cannot remove image %s", reference)
                     : delete_image(m, image, ret_untagged, ret_deleted, error);
}
