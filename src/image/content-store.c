/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "content-internal.h"
#include "digest.h"
#include "fd-util.h"
#include "file-util.h"
#include "manifest.h"
#include "reclaim.h"
#include "string-util.h"

#define RECORD_SIZE_MAX (32 * MIB)

static int open_folder(int dir_fd, const char *path, int *ret, Error *error) {
        int fd = mkdir_open_at(dir_fd, path, 0700);

        if (fd < 0)
                return error_set_errno(error, fd, "can't open the folder %s of the image store", path);
        *ret = fd;
        return 0;
}

static int open_folders(ContentStore *content, const char *directory, Error *error) {
        int r = open_folder(AT_FDCWD, directory, &content->fd, error);

        if (r >= 0)
                r = open_folder(content->fd, "blobs/sha256", &content->blobs_fd, error);
        if (r >= 0)
                r = open_folder(content->fd, "layers", &content->layers_fd, error);
        if (r >= 0)
                r = open_folder(content->fd, "images", &content->images_fd, error);
        return r;
}

int content_open(const char *directory, const ContentHooks *hooks, ContentStore **ret, Error *error) {
        _cleanup_(content_closep) ContentStore *content = new0(ContentStore, 1);
        long processors = sysconf(_SC_NPROCESSORS_ONLN);

        if (!content)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        content->fd = content->blobs_fd = content->layers_fd = content->images_fd = -EBADF;
        content->hooks = hooks ? *hooks : (ContentHooks){};
        sem_init(&content->unpack_slots, 0, MAX(processors, 1L));
        pthread_mutex_init(&content->sync_mutex, NULL);
        pthread_cond_init(&content->sync_done, NULL);
        int r = open_folders(content, directory, error);
        if (r < 0)
                return r;
        /* Shared by all who add; prune takes it alone (reclaim.h). */
        while (flock(content->layers_fd, LOCK_SH) < 0)
                if (errno != EINTR || content_cancelled(content))
                        return error_set_errno(error, negative_errno(), "can't lock the image store");
        *ret = TAKE_PTR(content);
        return 0;
}

ContentStore *content_close(ContentStore *content) {
        if (!content)
                return NULL;
        (void) content_delete_aside(content, NULL);
        pthread_cond_destroy(&content->sync_done);
        pthread_mutex_destroy(&content->sync_mutex);
        sem_destroy(&content->unpack_slots);
        safe_close(content->images_fd);
        safe_close(content->layers_fd);
        safe_close(content->blobs_fd);
        safe_close(content->fd);
        free(content);
        return NULL;
}

bool content_cancelled(ContentStore *content) {
        return content->hooks.cancelled && content->hooks.cancelled(content->hooks.userdata);
}

void content_progress(ContentStore *content, const char *id, const char *status, uint64_t current,
                      uint64_t total) {
        if (content->hooks.progress)
                content->hooks.progress(content->hooks.userdata, id, status, current, total);
}

/* syncfs() waits for everything that is dirty in the file system, so two at the same time would wait twice for the same.
 * A sync that begins after the call covers it; one that is under way does not. */
int content_sync(ContentStore *content) {
        pthread_mutex_lock(&content->sync_mutex);
        uint64_t wanted = content->syncs_begun + 1;
        while (content->syncs_done < wanted) {
                if (content->syncing) {
                        pthread_cond_wait(&content->sync_done, &content->sync_mutex);
                        continue;
                }
                content->syncing = true;
                uint64_t number = ++content->syncs_begun;
                pthread_mutex_unlock(&content->sync_mutex);
                int r = syncfs(content->fd) < 0 ? negative_errno() : 0;
                pthread_mutex_lock(&content->sync_mutex);
                content->syncing = false;
                content->syncs_done = number;
                content->sync_result = r;
                pthread_cond_broadcast(&content->sync_done);
        }
        int r = content->sync_result;
        pthread_mutex_unlock(&content->sync_mutex);
        return r;
}

bool content_has_blob(ContentStore *content, const char *digest, uint64_t *ret_size) {
        struct stat st;

        if (fstatat(content->blobs_fd, digest_hex(digest), &st, AT_SYMLINK_NOFOLLOW) < 0 ||
            !S_ISREG(st.st_mode))
                return false;
        if (ret_size)
                *ret_size = st.st_size;
        return true;
}

bool content_has_layer(ContentStore *content, const char *diff_id, uint64_t *ret_size) {
        char path[DIGEST_HEX_LENGTH + sizeof("/layer.json")];
        ImageLayer layer;

        snprintf(path, sizeof(path), "%s/layer.json", digest_hex(diff_id));
        if (object_load_at(&image_layer_type, &layer, content->layers_fd, path, 64 * KIB, NULL) < 0)
                return false;
        if (ret_size)
                *ret_size = layer.unpacked_size;
        object_done(&image_layer_type, &layer);
        return true;
}

int content_open_blob(ContentStore *content, const char *digest) {
        int fd = openat(content->blobs_fd, digest_hex(digest), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);

        return fd < 0 ? negative_errno() : fd;
}

int content_read_blob(ContentStore *content, const char *digest, size_t limit, char **ret, size_t *ret_size,
                      Error *error) {
        _cleanup_free_ char *data = NULL;
        char actual[DIGEST_TEXT_SIZE];
        size_t size;
        int r = read_file_at(content->blobs_fd, digest_hex(digest), limit, &data, &size);

        if (r == -EFBIG)
                return error_set(error, ERROR_LIMIT, "blob %.19s is larger than %zu bytes, the maximum",
                                 digest, limit);
        if (r == -ENOENT)
                return error_set(error, ERROR_CORRUPT, "blob %.19s is missing in the image store", digest);
        if (r < 0)
                return error_set_errno(error, r, "can't read blob %.19s", digest);
        digest_of(data, size, actual);
        if (!streq(actual, digest))
                return error_set(error, ERROR_CORRUPT, "blob %.19s in the image store is damaged", digest);
        *ret = TAKE_PTR(data);
        *ret_size = size;
        return 0;
}

int content_add_blob(ContentStore *content, const void *data, size_t size, char **ret_digest, Error *error) {
        char digest[DIGEST_TEXT_SIZE];
        uint64_t existing;

        digest_of(data, size, digest);
        if (!content_has_blob(content, digest, &existing) || existing != size) {
                int r = write_file_atomic_at(content->blobs_fd, digest_hex(digest), data, size, 0600,
                                             WRITE_SYNC);
                if (r < 0)
                        return error_set_errno(error, r, "can't store a blob");
        }
        if (!ret_digest)
                return 0;
        *ret_digest = strdup(digest);
        return *ret_digest ? 0 : error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
}

int content_complete_record(ContentStore *content, ImageRecord *record, Error *error) {
        bool unpacked = record->kind != IMAGE_ARTIFACT;

        record->size = unpacked ? 0 : record->download_size;
        for (size_t i = 0; i < record->layers.n; i++) {
                ImageLayer *layer = LIST_ITEM(&record->layers, ImageLayer, i);
                uint64_t size;
                if (unpacked && !content_has_layer(content, layer->diff_id, &layer->unpacked_size))
                        return error_set(error, ERROR_CORRUPT, "layer %.19s is missing in the image store",
                                         layer->diff_id);
                if (!content_has_blob(content, layer->digest, &size) || size != layer->size)
                        return error_set(error, ERROR_CORRUPT, "blob %.19s is missing in the image store",
                                         layer->digest);
                record->size += layer->unpacked_size;
        }
        return 0;
}

int content_update_record(ContentStore *content, const ImageRecord *record, Error *error) {
        char path[DIGEST_HEX_LENGTH + sizeof(".json")];

        /* What the record speaks of must be as durable as the record: the names of blobs and layers, too. */
        int r = fsync(content->blobs_fd) < 0 || fsync(content->layers_fd) < 0 ? negative_errno() : 0;
        if (r >= 0) {
                snprintf(path, sizeof(path), "%s.json", digest_hex(record->digest));
                r = object_save_at(&image_record_type, record, content->images_fd, path, true);
        }
        return r < 0 ? error_set_errno(error, r, "can't store the image's record") : 0;
}

static int publish(ContentStore *content, const Manifest *manifest, const void *manifest_data,
                   size_t manifest_size, const void *config, size_t config_size, ImageRecord *record,
                   Error *error) {
        char digest[DIGEST_TEXT_SIZE];

        digest_of(manifest_data, manifest_size, digest);
        int r = image_record_build(manifest, digest, manifest_size, config, config_size, record, error);
        if (r < 0)
                return r;
        r = content_complete_record(content, record, error);
        if (r >= 0)
                r = content_add_blob(content, config, config_size, NULL, error);
        if (r >= 0)
                r = content_add_blob(content, manifest_data, manifest_size, NULL, error);
        if (r >= 0)
                r = content_update_record(content, record, error);
        if (r < 0)
                object_done(&image_record_type, record);
        return r;
}

int content_publish_image(ContentStore *content, const void *manifest_data, size_t manifest_size,
                          const char *media_type, const void *config, size_t config_size, ImageRecord *ret,
                          Error *error) {
        _cleanup_(manifest_done) Manifest manifest = {};
        _cleanup_free_ char *stored_config = NULL;
        char digest[DIGEST_TEXT_SIZE];

        int r = manifest_parse(manifest_data, manifest_size, media_type, &manifest, error);
        if (r < 0)
                return r;
        if (manifest.is_index)
                return error_set(error, ERROR_INVALID,
                                 "an index of several images can't be an image itself");
        if (!config) {
                r = content_read_blob(content, manifest.config.digest, image_limits()->config_size,
                                      &stored_config, &config_size, error);
                if (r < 0)
                        return r;
                config = stored_config;
        }
        digest_of(config, config_size, digest);
        if (!streq(digest, manifest.config.digest))
                return error_set(error, ERROR_CORRUPT,
                                 "the image's config is not the one that its manifest names");
        return publish(content, &manifest, manifest_data, manifest_size, config, config_size, ret, error);
}

int content_find_image(ContentStore *content, const char *manifest_digest, ImageRecord *ret, Error *error) {
        char path[DIGEST_HEX_LENGTH + sizeof(".json")];

        snprintf(path, sizeof(path), "%s.json", digest_hex(manifest_digest));
        int r = object_load_at(&image_record_type, ret, content->images_fd, path, RECORD_SIZE_MAX, NULL);
        if (r == -ENOMEM)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        if (r < 0)
                return 0; /* none, or one that is to be made anew */
        if (content_complete_record(content, ret, NULL) < 0 ||
            !content_has_blob(content, manifest_digest, NULL) || !content_has_blob(content, ret->id, NULL)) {
                object_done(&image_record_type, ret);
                return 0;
        }
        return 1;
}
