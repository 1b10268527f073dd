/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "content-internal.h"
#include "file-util.h"
#include "image-limits.h"
#include "inventory.h"
#include "manifest.h"
#include "string-util.h"
#include "strv.h"

#define INDEX_SIZE_MAX (64 * MIB)
#define RECORD_SIZE_MAX (32 * MIB)
#define REF_NAME "org.opencontainers.image.ref.name"

/* ---- records ---- */

static int index_record_build(const Manifest *manifest, const char *digest, size_t size, ImageRecord *ret) {
        ImageRecord record = { .kind = IMAGE_INDEX, .manifest_size = size };
        int r;

        if ((r = free_and_strdup(&record.digest, digest)) >= 0 &&
            (r = free_and_strdup(&record.id, digest)) >= 0)
                r = free_and_strdup(&record.media_type, manifest->media_type);
        for (size_t i = 0; r >= 0 && i < manifest->manifests.n; i++) {
                const Descriptor *from = LIST_ITEM(&manifest->manifests, Descriptor, i);
                ImageDescriptor *to = list_append(&record.manifests, &image_descriptor_type);
                if (!to || free_and_strdup(&to->digest, from->digest) < 0 ||
                    free_and_strdup(&to->media_type, from->media_type) < 0 ||
                    free_and_strdup(&to->os, from->platform.os) < 0 ||
                    free_and_strdup(&to->architecture, from->platform.architecture) < 0 ||
                    free_and_strdup(&to->variant, from->platform.variant) < 0)
                        r = -ENOMEM;
                else
                        to->size = from->size;
        }
        if (r < 0)
                object_done(&image_record_type, &record);
        else
                *ret = record;
        return r;
}

int image_record_from_blobs(ContentStore *content, const char *digest, ImageRecord *ret, Error *error) {
        _cleanup_(manifest_done) Manifest manifest = {};
        _cleanup_free_ char *text = NULL, *config = NULL;
        size_t size, config_size;

        int r = content_read_blob(content, digest, image_limits()->manifest_size, &text, &size, error);
        if (r >= 0)
                r = manifest_parse(text, size, NULL, &manifest, error);
        if (r < 0)
                return r;
        if (manifest.is_index) {
                r = index_record_build(&manifest, digest, size, ret);
                return r < 0 ? error_set_errno(error, r, "can't read an index") : 0;
        }
        r = content_read_blob(content, manifest.config.digest, image_limits()->config_size, &config,
                              &config_size, error);
        return r < 0 ? r : image_record_build(&manifest, digest, size, config, config_size, ret, error);
}

static int load_record(ContentStore *content, StoredImage *image, Error *error) {
        char path[DIGEST_HEX_LENGTH + sizeof(".json")];

        snprintf(path, sizeof(path), "%s.json", digest_hex(image->digest));
        int r = object_load_at(&image_record_type, &image->record, content->images_fd, path, RECORD_SIZE_MAX,
                               &image->problem);
        if (r == -ENOMEM)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        if (r >= 0 && streq(image->record.digest, image->digest)) {
                image->known = true;
                return 0;
        }
        if (r >= 0) {
                object_done(&image_record_type, &image->record);
                error_set(&image->problem, ERROR_CORRUPT, "it describes another image");
        } else if (r == -ENOENT)
                error_set(&image->problem, ERROR_NO_SUCH_FILE, "it is missing");
        else
                error_set_errno(&image->problem, r, "it can't be read");
        r = image_record_from_blobs(content, image->digest, &image->record, &image->lost);
        image->known = r >= 0;
        return 0;
}

/* What an index takes is what its images take. */
static int complete_index(ContentStore *content, ImageRecord *index, Error *error) {
        for (size_t i = 0; i < index->manifests.n; i++) {
                const char *digest = LIST_ITEM(&index->manifests, ImageDescriptor, i)->digest;
                ImageRecord record;
                int r = content_find_image(content, digest, &record, error);
                if (r == 0)
                        return error_set(error, ERROR_CORRUPT, "image %.19s is missing in the image store",
                                         digest);
                if (r < 0)
                        return r;
                index->size += record.size;
                index->download_size += record.download_size;
                index->created = MAX(index->created, record.created);
                object_done(&image_record_type, &record);
        }
        return 0;
}

int content_restore_record(ContentStore *content, const char *digest, ImageRecord *ret, Error *error) {
        int r = image_record_from_blobs(content, digest, ret, error);

        if (r < 0)
                return r;
        r = ret->kind == IMAGE_INDEX ? complete_index(content, ret, error)
                                     : content_complete_record(content, ret, error);
        if (r >= 0)
                r = content_update_record(content, ret, error);
        if (r < 0)
                object_done(&image_record_type, ret);
        return r;
}

/* ---- the images ---- */

StoredImage *inventory_find(Inventory *inventory, const char *digest) {
        for (size_t i = 0; i < inventory->n; i++)
                if (streq(inventory->images[i].digest, digest))
                        return &inventory->images[i];
        return NULL;
}

static int add_image(ContentStore *content, Inventory *inventory, const char *digest, const char *name,
                     Error *error) {
        StoredImage *image = inventory_find(inventory, digest);
        int r = 0;

        if (!image) {
                if (array_reserve(&inventory->images, &inventory->allocated, inventory->n + 1,
                                  sizeof(StoredImage)) < 0)
                        return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
                image = &inventory->images[inventory->n++];
                *image = (StoredImage){ .digest = strdup(digest) };
                if (!image->digest)
                        return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
                r = load_record(content, image, error);
        }
        if (r >= 0 && name && strv_extend(&image->names, name) < 0)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        return r;
}

static int add_entries(ContentStore *content, Inventory *inventory, const json_t *json, Error *error) {
        json_t *entry;
        size_t i;

        json_array_foreach(json_object_get(json, "manifests"), i, entry) {
                const char *digest = json_string_value(json_object_get(entry, "digest"));
                const char *name =
                        json_string_value(json_object_get(json_object_get(entry, "annotations"), REF_NAME));
                if (!digest_is_valid(digest)) {
                        error_set(&inventory->index_problem, ERROR_CORRUPT, "its entry %zu has no digest",
                                  i);
                        continue;
                }
                int r = add_image(content, inventory, digest, name, error);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Without the index, everything that has a record counts. */
static int add_all_records(ContentStore *content, Inventory *inventory, Error *error) {
        _cleanup_closedir_ DIR *dir = opendir_at(content->images_fd, ".");
        struct dirent *entry;

        if (!dir)
                return error_set_errno(error, negative_errno(), "can't read the image records");
        while ((entry = readdir_no_dot(dir))) {
                const char *suffix = endswith(entry->d_name, ".json");
                char digest[DIGEST_LENGTH + 1];
                if (!suffix || suffix - entry->d_name != DIGEST_HEX_LENGTH)
                        continue;
                snprintf(digest, sizeof(digest), "sha256:%.*s", DIGEST_HEX_LENGTH, entry->d_name);
                int r = digest_is_valid(digest) ? add_image(content, inventory, digest, NULL, error) : 0;
                if (r < 0)
                        return r;
        }
        return errno > 0 ? error_set_errno(error, -errno, "can't read the image records") : 0;
}

/* The array grows while we walk it: an index may name an index. */
static int add_images_of_indexes(ContentStore *content, Inventory *inventory, Error *error) {
        for (size_t i = 0; i < inventory->n; i++)
                for (size_t k = 0; inventory->images[i].known && k < inventory->images[i].record.manifests.n;
                     k++) {
                        const ImageDescriptor *entry =
                                LIST_ITEM(&inventory->images[i].record.manifests, ImageDescriptor, k);
                        int r = add_image(content, inventory, entry->digest, NULL, error);
                        if (r < 0)
                                return r;
                }
        return 0;
}

static int load(ContentStore *content, Inventory *inventory, Error *error) {
        _cleanup_free_ char *text = NULL;
        size_t size;

        int r = read_file_at(content->fd, "index.json", INDEX_SIZE_MAX, &text, &size);
        json_t *json = r < 0 ? NULL : json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
        if (json_is_array(json_object_get(json, "manifests")))
                r = add_entries(content, inventory, json, error);
        else {
                error_set(&inventory->index_problem, ERROR_CORRUPT,
                          r == -ENOENT ? "it is missing" : "it is not the index of an image layout");
                r = add_all_records(content, inventory, error);
        }
        json_decref(json);
        return r < 0 ? r : add_images_of_indexes(content, inventory, error);
}

int inventory_load(ContentStore *content, Inventory *ret, Error *error) {
        Inventory inventory = {};

        int r = load(content, &inventory, error);
        if (r < 0)
                inventory_done(&inventory);
        else
                *ret = inventory;
        return r;
}

void inventory_done(Inventory *inventory) {
        for (size_t i = 0; i < inventory->n; i++) {
                StoredImage *image = &inventory->images[i];
                free(image->digest);
                strv_free(image->names);
                object_done(&image_record_type, &image->record);
                error_done(&image->problem);
                error_done(&image->lost);
        }
        free(inventory->images);
        error_done(&inventory->index_problem);
        *inventory = (Inventory){};
}

bool inventory_is_complete(const Inventory *inventory) {
        for (size_t i = 0; i < inventory->n; i++)
                if (!inventory->images[i].known)
                        return false;
        return inventory->index_problem.kind == ERROR_NONE;
}

int inventory_pieces(const Inventory *inventory, PieceTable **ret) {
        _cleanup_free_ const ImageRecord **records = new0(const ImageRecord *, inventory->n + 1);
        size_t n = 0;

        if (!records)
                return -ENOMEM;
        for (size_t i = 0; i < inventory->n; i++)
                if (inventory->images[i].known)
                        records[n++] = &inventory->images[i].record;
        return piece_table_new(records, n, PIECES_ALL, ret);
}
