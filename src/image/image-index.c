/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fd-util.h"
#include "file-util.h"
#include "image-store-internal.h"
#include "log.h"
#include "reference.h"
#include "string-util.h"

#define INDEX_SIZE_MAX (64 * MIB)
#define RECORD_SIZE_MAX (32 * MIB)
#define REF_NAME "org.opencontainers.image.ref.name"
#define INDEX_TYPE "application/vnd.oci.image.index.v1+json"

/* ---- reading ---- */

static void set_aside(int dir_fd, const char *path) {
        _cleanup_free_ char *aside = string_join(path, ".corrupt");

        if (aside && renameat(dir_fd, path, dir_fd, aside) >= 0)
                log_warning("%s in the image store is damaged; kept as %s.", path, aside);
}

int image_store_load_record(ImageStore *store, const char *digest, ImageRecord *ret, Error *error) {
        char path[DIGEST_HEX_LENGTH + sizeof(".json")];
        _cleanup_error_ Error why = {};

        snprintf(path, sizeof(path), "%s.json", digest_hex(digest));
        int r = object_load_at(&image_record_type, ret, store->images_fd, path, RECORD_SIZE_MAX, &why);
        if (r >= 0 && !streq(ret->digest, digest)) {
                object_done(&image_record_type, ret);
                r = error_set(&why, ERROR_CORRUPT, "it describes another image");
        }
        if (why.kind == ERROR_CORRUPT)
                set_aside(store->images_fd, path);
        if (r == -ENOENT)
                return error_set(error, ERROR_NO_SUCH_IMAGE, "image %.19s has no record in the store",
                                 digest);
        if (r < 0)
                return error_set(error, why.kind ?: ERROR_FAILED, "can't load the record of image %.19s: %s",
                                 digest, why.message ?: strerror(-r));
        return 0;
}

/* An image that the index names. Its record may be gone, when the power failed in the wrong moment. */
static int load_image(ImageStore *store, const char *digest, const char *name, json_t *entry) {
        _cleanup_error_ Error error = {};
        Image *image = image_store_by_digest(store, digest);
        ImageRecord record;
        int r;

        if (!image) {
                r = image_store_load_record(store, digest, &record, &error);
                if (r == -ENOMEM)
                        return r;
                if (r < 0) {
                        log_warning("Left out %s: %s (berthctl verify --repair may bring it back).",
                                    name ?: digest, error_text(&error));
                        return entry && json_array_append(store->lost, entry) < 0 ? -ENOMEM : 0;
                }
                r = image_store_insert(store, &record, &image);
                if (r < 0)
                        return r;
        }
        return name ? name_table_set(&store->names, name, image, NULL) : 0;
}

static int load_entries(ImageStore *store, const json_t *json) {
        json_t *entry;
        size_t i;

        json_array_foreach(json_object_get(json, "manifests"), i, entry) {
                const char *digest = json_string_value(json_object_get(entry, "digest"));
                const char *name =
                        json_string_value(json_object_get(json_object_get(entry, "annotations"), REF_NAME));
                if (!digest_is_valid(digest))
                        continue;
                int r = load_image(store, digest, name, entry);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Without an index the names are lost, but the images need not be. */
static int load_all_records(ImageStore *store) {
        _cleanup_closedir_ DIR *dir = opendir_at(store->images_fd, ".");
        struct dirent *entry;

        if (!dir)
                return negative_errno();
        while ((entry = readdir_no_dot(dir))) {
                const char *suffix = endswith(entry->d_name, ".json");
                char digest[DIGEST_LENGTH + 1];
                if (!suffix || suffix - entry->d_name != DIGEST_HEX_LENGTH)
                        continue;
                snprintf(digest, sizeof(digest), "sha256:%.*s", DIGEST_HEX_LENGTH, entry->d_name);
                int r = digest_is_valid(digest) ? load_image(store, digest, NULL, NULL) : 0;
                if (r < 0)
                        return r;
        }
        return errno > 0 ? -errno : 0;
}

static int load_images_of(ImageStore *store, const ImageRecord *index) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < index->manifests.n; i++) {
                const char *digest = LIST_ITEM(&index->manifests, ImageDescriptor, i)->digest;
                if (!image_store_by_digest(store, digest))
                        r = load_image(store, digest, NULL, NULL);
        }
        return r;
}

/* An index keeps its images, whatever another program made of index.json. One of them may be an index again. */
static int load_images_of_indexes(ImageStore *store) {
        size_t before;

        do {
                before = store->n_images;
                for (size_t i = 0; i < store->n_images; i++) {
                        int r = load_images_of(store, &store->images[i]->record);
                        if (r < 0)
                                return r;
                }
        } while (store->n_images > before);
        return 0;
}

/* Returns 1 when there was an index. */
static int load_index(ImageStore *store, Error *error) {
        _cleanup_free_ char *text = NULL;
        json_t *json = NULL;
        size_t size;

        int r = read_file_at(store->fd, "index.json", INDEX_SIZE_MAX, &text, &size);
        if (r < 0 && r != -ENOENT)
                return error_set_errno(error, r, "can't read the image store's index.json");
        if (r >= 0)
                json = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
        bool usable = json_is_array(json_object_get(json, "manifests"));
        if (r >= 0 && !usable)
                set_aside(store->fd, "index.json");
        r = usable ? load_entries(store, json) : load_all_records(store);
        json_decref(json);
        return r < 0 ? error_set_errno(error, r, "can't load the image store") : usable;
}

int image_index_load(ImageStore *store, Error *error) {
        store->lost = json_array();
        if (!store->lost)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        int found = load_index(store, error);
        if (found < 0)
                return found;
        int r = load_images_of_indexes(store);
        if (r < 0)
                return error_set_errno(error, r, "can't load the image store");
        return found ? 0 : image_index_save(store, error);
}

/* ---- what could not be read ---- */

static const char *entry_name(const json_t *entry) {
        return json_string_value(json_object_get(json_object_get(entry, "annotations"), REF_NAME));
}

int image_store_forget_lost(ImageStore *store, const char *reference, Error *error) {
        _cleanup_free_ char *canonical = NULL;
        size_t before = json_array_size(store->lost);

        (void) reference_canonicalize(reference, &canonical, NULL);
        for (size_t i = before; i > 0; i--) {
                const json_t *entry = json_array_get(store->lost, i - 1);
                if (streq_ptr(entry_name(entry), canonical ?: reference) ||
                    streq_ptr(json_string_value(json_object_get(entry, "digest")), reference))
                        (void) json_array_remove(store->lost, i - 1);
        }
        if (json_array_size(store->lost) == before)
                return 0;
        int r = image_index_save(store, error);
        return r < 0 ? r : 1;
}

/* ---- writing ---- */

static json_t *platform_to_json(const ImageRecord *record) {
        json_t *platform = json_pack("{s:s, s:s}", "architecture", strempty(record->architecture), "os",
                                     strempty(record->os));

        if (platform && !isempty(record->variant) &&
            json_object_set_new(platform, "variant", json_string(record->variant)) < 0) {
                json_decref(platform);
                return NULL;
        }
        return platform;
}

static int append_entry(json_t *manifests, const ImageRecord *record, const char *name) {
        json_t *entry =
                json_pack("{s:s, s:s, s:I, s:o*}", "mediaType", strempty(record->media_type), "digest",
                          record->digest, "size", (json_int_t) record->manifest_size, "platform",
                          isempty(record->architecture) ? NULL : platform_to_json(record));

        if (entry && name &&
            json_object_set_new(entry, "annotations", json_pack("{s:s}", REF_NAME, name)) < 0) {
                json_decref(entry);
                return -ENOMEM;
        }
        return json_array_append_new(manifests, entry) < 0 ? -ENOMEM : 0;
}

/* Someone may have come by its name, or brought the image back. */
static bool is_still_lost(ImageStore *store, const json_t *entry) {
        const char *name = entry_name(entry);

        return !image_store_by_digest(store, json_string_value(json_object_get(entry, "digest"))) &&
               !(name && image_store_by_name(store, name));
}

static void forget_found(ImageStore *store) {
        for (size_t i = json_array_size(store->lost); i > 0; i--)
                if (!is_still_lost(store, json_array_get(store->lost, i - 1)))
                        (void) json_array_remove(store->lost, i - 1);
}

static json_t *index_to_json(ImageStore *store) {
        json_t *manifests = json_array();
        int r = manifests ? 0 : -ENOMEM;

        for (size_t i = 0; r >= 0 && i < store->names.n; i++)
                r = append_entry(manifests, &store->names.items[i].image->record,
                                 store->names.items[i].name);
        for (size_t i = 0; r >= 0 && i < store->n_images; i++)
                if (!store->images[i]->names)
                        r = append_entry(manifests, &store->images[i]->record, NULL);
        for (size_t i = 0; r >= 0 && i < json_array_size(store->lost); i++)
                r = json_array_append(manifests, json_array_get(store->lost, i)) < 0 ? -ENOMEM : 0;
        if (r < 0) {
                json_decref(manifests);
                return NULL;
        }
        return json_pack("{s:i, s:s, s:o}", "schemaVersion", 2, "mediaType", INDEX_TYPE, "manifests",
                         manifests);
}

int image_index_save(ImageStore *store, Error *error) {
        forget_found(store);
        json_t *json = index_to_json(store);
        _cleanup_free_ char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

        json_decref(json);
        if (!text)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        int r = write_file_atomic_at(store->fd, "index.json", text, strlen(text), 0600, WRITE_SYNC);
        return r < 0 ? error_set_errno(error, r, "can't write the image store's index.json") : 0;
}
