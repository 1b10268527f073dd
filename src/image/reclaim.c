/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "content-internal.h"
#include "fd-util.h"
#include "file-util.h"
#include "image-pieces.h"
#include "random-util.h"
#include "reclaim.h"
#include "string-util.h"
#include "strv.h"
#include "time-util.h"

#define RECORD_SIZE_MAX (32 * MIB)
#define PARTIAL_AGE_MAX USEC_PER_DAY

static bool is_hex_name(const char *s, const char *suffix) {
        return strspn(s, "0123456789abcdef") == DIGEST_HEX_LENGTH && streq(s + DIGEST_HEX_LENGTH, suffix);
}

static int add_needed(const ImageRecord *record, char ***blobs, char ***layers) {
        _cleanup_free_ ImagePiece *pieces = NULL;
        size_t n;

        int r = image_record_pieces(record, &pieces, &n);
        for (size_t i = 0; r >= 0 && i < n; i++)
                r = strv_extend(pieces[i].kind == PIECE_LAYER ? layers : blobs,
                                digest_hex(pieces[i].digest));
        return r;
}

/* What all records need. One that can't be read stops the deleting: who knows what it needs. */
static int load_needed(ContentStore *content, char ***blobs, char ***layers, Error *error) {
        _cleanup_closedir_ DIR *dir = opendir_at(content->images_fd, ".");
        struct dirent *entry;

        if (!dir)
                return error_set_errno(error, negative_errno(), "can't read the image records");
        while ((entry = readdir_no_dot(dir))) {
                ImageRecord record;
                if (!is_hex_name(entry->d_name, ".json"))
                        continue;
                int r = object_load_at(&image_record_type, &record, content->images_fd, entry->d_name,
                                       RECORD_SIZE_MAX, error);
                if (r < 0)
                        return error_prefix(error, r, "can't read image record %.16s", entry->d_name);
                r = add_needed(&record, blobs, layers);
                object_done(&image_record_type, &record);
                if (r < 0)
                        return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        }
        strv_sort(*blobs);
        strv_sort(*layers);
        return errno > 0 ? error_set_errno(error, -errno, "can't read the image records") : 0;
}

static int compare(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

static bool is_needed(char **sorted, size_t n, const char *hex) {
        return n > 0 && bsearch(&hex, sorted, n, sizeof(char *), compare);
}

static int delete_records(ContentStore *content, char *const *records, Error *error) {
        for (char *const *hex = records; hex && *hex; hex++) {
                _cleanup_free_ char *path = string_join(*hex, ".json");
                if (!path || !is_hex_name(*hex, ""))
                        continue;
                if (unlinkat(content->images_fd, path, 0) < 0 && errno != ENOENT)
                        return error_set_errno(error, negative_errno(), "can't delete image record %.16s",
                                               *hex);
        }
        return fsync(content->images_fd) < 0
                       ? error_set_errno(error, negative_errno(), "can't sync the image records")
                       : 0;
}

static int delete_blobs(ContentStore *content, char *const *blobs, char **needed, uint64_t *size,
                        Error *error) {
        size_t n_needed = strv_length(needed);
        struct stat st;

        for (char *const *hex = blobs; hex && *hex; hex++) {
                if (!is_hex_name(*hex, "") || is_needed(needed, n_needed, *hex))
                        continue;
                if (fstatat(content->blobs_fd, *hex, &st, AT_SYMLINK_NOFOLLOW) < 0)
                        continue;
                if (unlinkat(content->blobs_fd, *hex, 0) < 0 && errno != ENOENT)
                        return error_set_errno(error, negative_errno(), "can't delete blob %.16s", *hex);
                *size += (uint64_t) st.st_blocks * 512;
        }
        return 0;
}

/* Its name goes first: half a layer must never be taken for a whole one. */
static int delete_layer(ContentStore *content, const char *hex) {
        _cleanup_free_ char *aside = format_string(".tmp-%016llx", (unsigned long long) random_u64());

        if (!aside)
                return -ENOMEM;
        if (renameat(content->layers_fd, hex, content->layers_fd, aside) < 0)
                return errno == ENOENT ? 0 : negative_errno();
        return remove_tree_at(content->layers_fd, aside);
}

static int delete_layers(ContentStore *content, char *const *layers, char **needed, uint64_t *size,
                         Error *error) {
        size_t n_needed = strv_length(needed);

        for (char *const *hex = layers; hex && *hex; hex++) {
                uint64_t layer_size = 0;
                if (!is_hex_name(*hex, "") || is_needed(needed, n_needed, *hex))
                        continue;
                _cleanup_free_ char *diff_id = string_join("sha256:", *hex);
                if (diff_id)
                        (void) content_has_layer(content, diff_id, &layer_size);
                int r = delete_layer(content, *hex);
                if (r < 0)
                        return error_set_errno(error, r, "can't delete layer %.16s", *hex);
                *size += layer_size;
        }
        return 0;
}

static int reclaim_locked(ContentStore *content, char *const *blobs, char *const *layers,
                          char *const *records, uint64_t *size, Error *error) {
        _cleanup_strv_free_ char **needed_blobs = NULL, **needed_layers = NULL;

        int r = delete_records(content, records, error);
        if (r >= 0)
                r = load_needed(content, &needed_blobs, &needed_layers, error);
        if (r >= 0)
                r = delete_blobs(content, blobs, needed_blobs, size, error);
        if (r >= 0)
                r = delete_layers(content, layers, needed_layers, size, error);
        return r;
}

static int lock(ContentStore *content, int operation) {
        while (flock(content->layers_fd, operation) < 0) {
                if (errno != EINTR)
                        return negative_errno();
                if (content_cancelled(content))
                        return -ECANCELED;
        }
        return 0;
}

int content_reclaim(ContentStore *content, char *const *blobs, char *const *layers, char *const *records,
                    bool wait, uint64_t *ret_size, Error *error) {
        uint64_t size = 0;

        int r = lock(content, LOCK_EX | (wait ? 0 : LOCK_NB));
        if (r == -EWOULDBLOCK)
                return lock(content, LOCK_SH); /* a failed upgrade may have lost it */
        if (r < 0)
                return error_set_errno(error, r, "can't lock the image store");
        r = reclaim_locked(content, blobs, layers, records, &size, error);
        (void) lock(content, LOCK_SH);
        if (ret_size)
                *ret_size = size;
        return r;
}

/* ---- sweeping ---- */

static bool is_in_use(int dir_fd, const char *name) {
        _cleanup_close_ int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

        return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

static int sweep_folder(ContentStore *content, int dir_fd, const char *path, uint64_t now, uint64_t *size) {
        _cleanup_closedir_ DIR *dir = opendir_at(dir_fd, path);
        struct dirent *entry;
        struct stat st;

        if (!dir)
                return errno == ENOENT ? 0 : negative_errno();
        while ((entry = readdir_no_dot(dir))) {
                bool temporary = startswith(entry->d_name, ".tmp-");
                if (!temporary && !startswith(entry->d_name, ".partial-"))
                        continue;
                if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                        continue;
                uint64_t changed = (uint64_t) st.st_ctim.tv_sec * USEC_PER_SEC + st.st_ctim.tv_nsec / 1000;
                /* Files that are written and renamed at once are not locked, but young. */
                if (changed + (temporary ? USEC_PER_SEC : PARTIAL_AGE_MAX) > now ||
                    is_in_use(dirfd(dir), entry->d_name))
                        continue;
                int r = remove_tree_at(dirfd(dir), entry->d_name);
                if (r < 0)
                        return r;
                *size += (uint64_t) st.st_blocks * 512;
                if (content_cancelled(content))
                        return -ECANCELED;
        }
        return errno > 0 ? -errno : 0;
}

int content_sweep(ContentStore *content, uint64_t *ret_size, Error *error) {
        static const char *const folders[] = { ".",          "blobs/sha256", "layers", "images",
                                               "containers", "networks",     "volumes" };
        uint64_t now = realtime_usec(), size = 0;

        for (size_t i = 0; i < ELEMENTSOF(folders); i++) {
                int r = sweep_folder(content, content->fd, folders[i], now, &size);
                if (r < 0)
                        return error_set_errno(error, r, "can't clean up \"%s\" in the state directory",
                                               folders[i]);
        }
        *ret_size = size;
        return 0;
}
