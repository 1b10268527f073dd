/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "fd-util.h"
#include "file-util.h"
#include "image-store-internal.h"
#include "log.h"
#include "path-util.h"
#include "reference.h"
#include "store-version.h"
#include "string-util.h"
#include "strv.h"
#include "time-util.h"

#define PREFIX_MIN 4
#define RECORD_PATH_MAX (DIGEST_HEX_LENGTH + sizeof(".json"))

/* ---- the table of names ---- */

static void name_table_done(NameTable *table) {
        for (size_t i = 0; i < table->n; i++)
                free(table->items[i].name);
        free(table->items);
        *table = (NameTable){};
}

/* Where the name is, or belongs. */
static size_t name_table_find(const NameTable *table, const char *name, bool *ret_found) {
        size_t low = 0, high = table->n;

        while (low < high) {
                size_t middle = (low + high) / 2;
                if (strcmp(table->items[middle].name, name) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        *ret_found = low < table->n && streq(table->items[low].name, name);
        return low;
}

int name_table_set(NameTable *table, const char *name, Image *image, Image **ret_previous) {
        bool found;
        size_t at = name_table_find(table, name, &found);

        if (ret_previous)
                *ret_previous = found ? table->items[at].image : NULL;
        if (found) {
                table->items[at].image = image;
                return 0;
        }
        char *copy = strdup(name);
        ImageName *items = copy ? reallocarray(table->items, table->n + 1, sizeof(ImageName)) : NULL;
        if (!items) {
                free(copy);
                return -ENOMEM;
        }
        memmove(&items[at + 1], &items[at], (table->n - at) * sizeof(ImageName));
        items[at] = (ImageName){ .name = copy, .image = image };
        table->items = items;
        table->n++;
        return 0;
}

/* Takes out what belongs to the image, or just the one name. */
static void name_table_remove(NameTable *table, const Image *image, const char *name) {
        size_t kept = 0;

        for (size_t i = 0; i < table->n; i++) {
                ImageName *item = &table->items[i];
                if (image ? item->image == image : streq_ptr(item->name, name))
                        free(item->name);
                else
                        table->items[kept++] = *item;
        }
        table->n = kept;
}

static int name_table_copy(const NameTable *table, NameTable *ret) {
        NameTable copy = { .items = new0(ImageName, table->n + 1) };

        if (!copy.items)
                return -ENOMEM;
        for (; copy.n < table->n; copy.n++) {
                copy.items[copy.n] =
                        (ImageName){ strdup(table->items[copy.n].name), table->items[copy.n].image };
                if (!copy.items[copy.n].name) {
                        name_table_done(&copy);
                        return -ENOMEM;
                }
        }
        *ret = copy;
        return 0;
}

int image_store_names_changed(ImageStore *store) {
        for (size_t i = 0; i < store->n_images; i++)
                store->images[i]->names = strv_free(store->images[i]->names);
        for (size_t i = 0; i < store->names.n; i++)
                if (strv_extend(&store->names.items[i].image->names, store->names.items[i].name) < 0)
                        return -ENOMEM;
        return 0;
}

/* The names were changed, with result r: now on disk too, or not at all. before: what they were, consumed. */
static int commit_names(ImageStore *store, int r, NameTable *before, Error *error) {
        if (r >= 0)
                r = image_store_names_changed(store);
        r = r < 0 ? error_set(error, ERROR_OUT_OF_MEMORY, "out of memory") : image_index_save(store, error);
        if (r < 0) {
                NameTable failed = store->names;
                store->names = *before;
                *before = failed;
                (void) image_store_names_changed(store);
        }
        return r;
}

/* ---- images ---- */

static Image *image_free(Image *image) {
        if (!image)
                return NULL;
        object_done(&image_record_type, &image->record);
        strv_free(image->names);
        free(image);
        return NULL;
}

static size_t image_position(const ImageStore *store, const char *digest, bool *ret_found) {
        size_t low = 0, high = store->n_images;

        while (low < high) {
                size_t middle = (low + high) / 2;
                if (strcmp(store->images[middle]->record.digest, digest) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        *ret_found = low < store->n_images && streq(store->images[low]->record.digest, digest);
        return low;
}

int image_store_insert(ImageStore *store, ImageRecord *record, Image **ret) {
        bool found;
        size_t at = image_position(store, record->digest, &found);

        if (found) {
                object_done(&image_record_type, &store->images[at]->record);
        } else {
                Image *image = new0(Image, 1);
                if (!image || array_reserve(&store->images, &store->allocated, store->n_images + 1,
                                            sizeof(Image *)) < 0) {
                        free(image);
                        object_done(&image_record_type, record);
                        return -ENOMEM;
                }
                memmove(&store->images[at + 1], &store->images[at],
                        (store->n_images - at) * sizeof(Image *));
                store->images[at] = image;
                store->n_images++;
        }
        store->images[at]->record = *record;
        *record = (ImageRecord){};
        *ret = store->images[at];
        return 0;
}

static void drop_image(ImageStore *store, Image *image) {
        bool found;
        size_t at = image_position(store, image->record.digest, &found);

        assert(found);
        memmove(&store->images[at], &store->images[at + 1], (--store->n_images - at) * sizeof(Image *));
        image_free(image);
}

/* ---- opening ---- */

static int open_layout(ImageStore *store, const char *directory, Error *error) {
        static const char layout[] = "{\"imageLayoutVersion\":\"1.0.0\"}\n";

        store->directory = path_normalize(directory);
        if (!store->directory)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        store->fd = mkdir_open_at(AT_FDCWD, store->directory, 0700);
        if (store->fd < 0)
                return error_set_errno(error, store->fd, "can't open the image store %s", store->directory);
        if (flock(store->fd, LOCK_EX | LOCK_NB) < 0)
                return errno == EWOULDBLOCK
                               ? error_set(error, ERROR_IN_USE,
                                           "the image store %s belongs to another berthd", store->directory)
                               : error_set_errno(error, negative_errno(), "can't lock the image store");
        static const char *const folders[] = { "blobs/sha256", "layers", "images" };
        int r = store_version_update(store->fd, store->directory, error);
        if (r < 0)
                return r;
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(folders); i++)
                r = mkdir_parents_at(store->fd, folders[i], 0700);
        if (r >= 0) {
                r = write_file_atomic_at(store->fd, "oci-layout", layout, strlen(layout), 0644,
                                         WRITE_SYNC | WRITE_EXCLUSIVE);
                r = r == -EEXIST ? 0 : r;
        }
        if (r >= 0)
                r = store->images_fd = mkdir_open_at(store->fd, "images", 0700);
        return r < 0 ? error_set_errno(error, r, "can't make the image store in %s", store->directory) : 0;
}

int image_store_open(const char *directory, ImageStore **ret, Error *error) {
        _cleanup_(image_store_closep) ImageStore *store = new0(ImageStore, 1);

        if (!store)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        store->fd = store->images_fd = -EBADF;
        int r = open_layout(store, directory, error);
        if (r >= 0)
                r = image_index_load(store, error);
        if (r < 0)
                return r;
        if (image_store_names_changed(store) < 0)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        *ret = TAKE_PTR(store);
        return 0;
}

ImageStore *image_store_close(ImageStore *store) {
        if (!store)
                return NULL;
        name_table_done(&store->names);
        for (size_t i = 0; i < store->n_images; i++)
                image_free(store->images[i]);
        free(store->images);
        json_decref(store->lost);
        safe_close(store->images_fd);
        safe_close(store->fd); /* and with it the lock */
        free(store->directory);
        free(store);
        return NULL;
}

/* ---- looking up ---- */

size_t image_store_count(const ImageStore *store) {
        return store->n_images;
}

Image *image_store_at(ImageStore *store, size_t i) {
        return i < store->n_images ? store->images[i] : NULL;
}

Image *image_store_by_digest(ImageStore *store, const char *manifest_digest) {
        bool found;
        size_t at = image_position(store, manifest_digest, &found);

        return found ? store->images[at] : NULL;
}

Image *image_store_by_name(ImageStore *store, const char *canonical) {
        bool found;
        size_t at = name_table_find(&store->names, canonical, &found);

        return found ? store->names.items[at].image : NULL;
}

/* By the beginning of its manifest's or its config's digest. Images that differ in nothing but the manifest share the
 * config: the full id then means the one that has a name, or else the first. 0: none. */
static int find_by_hex(ImageStore *store, const char *hex, Image **ret, Error *error) {
        size_t n = strlen(hex);
        Image *found = NULL;

        for (size_t i = 0; i < store->n_images; i++) {
                Image *image = store->images[i];
                /* Many artifacts share one config, which is empty: it names none of them. */
                bool has_id = image->record.kind != IMAGE_ARTIFACT;
                if (strncmp(digest_hex(image->record.digest), hex, n) != 0 &&
                    (!has_id || strncmp(digest_hex(image->record.id), hex, n) != 0))
                        continue;
                if (!found || (streq(found->record.id, image->record.id) && !found->names && image->names))
                        found = image;
                else if (!has_id || !streq(found->record.id, image->record.id))
                        return error_set(error, ERROR_AMBIGUOUS,
                                         "several images have an id that begins with %s", hex);
        }
        *ret = found;
        return found != NULL;
}

static int find_by_name(ImageStore *store, const char *text, Image **ret, Error *error) {
        _cleanup_(reference_done) Reference reference = {};
        int r = reference_parse(text, &reference, error);

        if (r < 0)
                return r;
        _cleanup_free_ char *canonical = reference_to_string(&reference);
        if (!canonical)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        *ret = image_store_by_name(store, canonical);
        /* A digest says more than any name. */
        if (!*ret && reference.digest)
                *ret = image_store_by_digest(store, reference.digest);
        return *ret != NULL;
}

int image_store_find(ImageStore *store, const char *text, Image **ret, Error *error) {
        _cleanup_error_ Error malformed = {};
        const char *hex = startswith(text, "sha256:") ?: text;
        bool is_hex = strlen(hex) >= PREFIX_MIN && strlen(hex) <= DIGEST_HEX_LENGTH &&
                      string_in_charset(hex, "0123456789abcdef");
        int r = 0;

        if (hex == text || !is_hex)
                r = find_by_name(store, text, ret, &malformed);
        if (r == -ENOMEM || (r < 0 && !is_hex)) {
                error_move(error, &malformed);
                return r;
        }
        if (r <= 0 && is_hex)
                r = find_by_hex(store, hex, ret, error);
        if (r == 0)
                return error_set(error, ERROR_NO_SUCH_IMAGE, "no image is called \"%s\"", text);
        return MIN(r, 0);
}

/* ---- changing ---- */

static int add_names(ImageStore *store, Image *image, char *const *names, char ***ret_untagged) {
        for (char *const *name = names; name && *name; name++) {
                Image *previous;
                int r = name_table_set(&store->names, *name, image, &previous);
                if (r >= 0 && previous && previous != image && ret_untagged &&
                    !strv_contains(*ret_untagged, previous->record.digest))
                        r = strv_extend(ret_untagged, previous->record.digest);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Changes names under the protection of commit_names. */
static int change_names(ImageStore *store, Image *image, char *const *names, char ***ret_untagged,
                        Error *error) {
        _cleanup_(name_table_done) NameTable before = {};

        int r = name_table_copy(&store->names, &before);
        if (r < 0)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        r = add_names(store, image, names, ret_untagged);
        return commit_names(store, r, &before, error);
}

int image_store_add(ImageStore *store, const char *manifest_digest, char *const *names, Image **ret,
                    char ***ret_untagged, Error *error) {
        _cleanup_strv_free_ char **untagged = NULL;
        bool existed = image_store_by_digest(store, manifest_digest);
        ImageRecord record;
        Image *image;

        if (!digest_is_valid(manifest_digest))
                return error_set(error, ERROR_INVALID, "\"%.100s\" is not a digest", manifest_digest);
        int r = image_store_load_record(store, manifest_digest, &record, error);
        if (r < 0)
                return r;
        if (image_store_insert(store, &record, &image) < 0)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        r = change_names(store, image, names, ret_untagged ? &untagged : NULL, error);
        if (r < 0) {
                if (!existed)
                        drop_image(store, image);
                return r;
        }
        if (ret)
                *ret = image;
        if (ret_untagged)
                *ret_untagged = TAKE_PTR(untagged);
        return 0;
}

int image_store_tag(ImageStore *store, Image *image, const char *canonical, Error *error) {
        char *names[] = { (char *) canonical, NULL };

        return change_names(store, image, names, NULL, error);
}

int image_store_untag(ImageStore *store, const char *canonical, Error *error) {
        _cleanup_(name_table_done) NameTable before = {};

        if (!image_store_by_name(store, canonical))
                return error_set(error, ERROR_NO_SUCH_IMAGE, "no image is called \"%s\"", canonical);
        if (name_table_copy(&store->names, &before) < 0)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        name_table_remove(&store->names, NULL, canonical);
        return commit_names(store, 0, &before, error);
}

static bool is_among(Image *const *images, size_t n, const Image *image) {
        for (size_t i = 0; i < n; i++)
                if (images[i] == image)
                        return true;
        return false;
}

int image_store_remove_all(ImageStore *store, Image *const *images, size_t n, Error *error) {
        _cleanup_(name_table_done) NameTable before = {};
        _cleanup_free_ Image **all = new_array(Image *, store->n_images + 1);
        size_t n_all = store->n_images;

        if (!all || name_table_copy(&store->names, &before) < 0)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        memcpy(all, store->images, n_all * sizeof(Image *));
        store->n_images = 0;
        for (size_t i = 0; i < n_all; i++)
                if (!is_among(images, n, all[i]))
                        store->images[store->n_images++] = all[i];
        for (size_t i = 0; i < n; i++)
                name_table_remove(&store->names, images[i], NULL);

        /* The index is written without them; should that fail, they are still there. */
        int r = commit_names(store, 0, &before, error);
        if (r < 0) {
                memcpy(store->images, all, n_all * sizeof(Image *));
                store->n_images = n_all;
                (void) image_store_names_changed(store);
                return r;
        }
        for (size_t i = 0; i < n; i++)
                image_free(images[i]);
        return 0;
}

int image_store_remove(ImageStore *store, Image *image, Error *error) {
        return image_store_remove_all(store, &image, 1, error);
}

int image_store_save(ImageStore *store, Error *error) {
        return image_index_save(store, error);
}

/* ---- the last use ---- */

/* Nothing is stored for it but the time of a file that is there anyway. */
static char *record_path(const Image *image, char path[static RECORD_PATH_MAX]) {
        snprintf(path, RECORD_PATH_MAX, "%s.json", digest_hex(image->record.digest));
        return path;
}

void image_store_touch(ImageStore *store, const Image *image) {
        char path[RECORD_PATH_MAX];

        if (utimensat(store->images_fd, record_path(image, path), NULL, AT_SYMLINK_NOFOLLOW) < 0)
                log_debug("Can't note the use of image %.19s: %m", image->record.digest);
}

uint64_t image_store_last_used(ImageStore *store, const Image *image) {
        char path[RECORD_PATH_MAX];
        struct stat st;

        if (fstatat(store->images_fd, record_path(image, path), &st, AT_SYMLINK_NOFOLLOW) < 0)
                return UINT64_MAX; /* what is damaged is not thrown away for its age */
        return (uint64_t) st.st_mtim.tv_sec * USEC_PER_SEC + st.st_mtim.tv_nsec / 1000;
}

int image_store_disk(ImageStore *store, uint64_t *ret_used, uint64_t *ret_size) {
        struct statvfs fs;

        if (fstatvfs(store->fd, &fs) < 0)
                return negative_errno();
        /* As df counts: without what is kept for root. */
        *ret_used = (uint64_t) (fs.f_blocks - fs.f_bfree) * fs.f_frsize;
        *ret_size = *ret_used + (uint64_t) fs.f_bavail * fs.f_frsize;
        return 0;
}

int image_store_lower(ImageStore *store, const ImageRecord *record, char ***ret) {
        _cleanup_strv_free_ char **lower = NULL;

        for (size_t i = record->layers.n; i > 0; i--) {
                const char *diff_id = LIST_ITEM(&record->layers, ImageLayer, i - 1)->diff_id;
                int r = strv_extendf(&lower, "%s/layers/%s/fs", store->directory, digest_hex(diff_id));
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(lower);
        return 0;
}
