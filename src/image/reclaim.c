/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "content-internal.h"
#include "fd-util.h"
#include "file-util.h"
#include "image-pieces.h"
#include "inventory.h"
#include "random-util.h"
#include "reclaim.h"
#include "string-util.h"
#include "strv.h"
#include "time-util.h"

#define RECORD_SIZE_MAX (32 * MIB)
#define PARTIAL_AGE_MAX USEC_PER_DAY
#define REPLACED_PREFIX ".old-"

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

/* Its name goes first: half a layer must never be taken for a whole one, and a large one takes long to delete. */
static int set_layer_aside(ContentStore *content, const char *hex) {
        _cleanup_free_ char *aside = format_string(".tmp-%016llx", (unsigned long long) random_u64());

        if (!aside)
                return -ENOMEM;
        if (renameat(content->layers_fd, hex, content->layers_fd, aside) < 0)
                return errno == ENOENT ? 0 : negative_errno();
        return strv_consume(&content->aside, TAKE_PTR(aside));
}

int content_delete_aside(ContentStore *content, Error *error) {
        int r = 0;

        STRV_FOREACH(path, content->aside)
                if (r >= 0 && (r = remove_tree_at(content->layers_fd, *path)) < 0)
                        error_set_errno(error, r, "can't delete what was a layer, layers/%s", *path);
        content->aside = strv_free(content->aside);
        return r;
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
                int r = set_layer_aside(content, *hex);
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

/* ---- everything that no image needs ---- */

typedef struct Sorting {
        Inventory *inventory;
        PieceTable *pieces;
        char **blobs, **layers, **records; /* that nobody needs */
} Sorting;

static void sorting_done(Sorting *sorting) {
        strv_free(sorting->blobs);
        strv_free(sorting->layers);
        strv_free(sorting->records);
        piece_table_free(sorting->pieces);
}

static bool is_wanted(const Sorting *sorting, const char *folder, const char *digest) {
        if (streq(folder, "images"))
                return inventory_find(sorting->inventory, digest);
        return piece_table_users(sorting->pieces, streq(folder, "layers") ? PIECE_LAYER : PIECE_BLOB,
                                 digest) > 0;
}

static int sort_out(ContentStore *content, const Sorting *sorting, const char *folder, const char *suffix,
                    char ***ret) {
        _cleanup_closedir_ DIR *dir = opendir_at(content->fd, folder);
        struct dirent *entry;

        if (!dir)
                return negative_errno();
        while ((entry = readdir_no_dot(dir))) {
                char digest[DIGEST_LENGTH + 1];
                if (!is_hex_name(entry->d_name, suffix))
                        continue;
                snprintf(digest, sizeof(digest), "sha256:%.*s", DIGEST_HEX_LENGTH, entry->d_name);
                if (!is_wanted(sorting, folder, digest) && strv_extend(ret, digest_hex(digest)) < 0)
                        return -ENOMEM;
        }
        return errno > 0 ? -errno : 0;
}

int content_orphans(ContentStore *content, Inventory *inventory, char ***ret_blobs, char ***ret_layers,
                    char ***ret_records) {
        _cleanup_(sorting_done) Sorting sorting = { .inventory = inventory };

        int r = inventory_pieces(inventory, &sorting.pieces);
        if (r >= 0)
                r = sort_out(content, &sorting, "blobs/sha256", "", &sorting.blobs);
        if (r >= 0)
                r = sort_out(content, &sorting, "layers", "", &sorting.layers);
        if (r >= 0)
                r = sort_out(content, &sorting, "images", ".json", &sorting.records);
        if (r < 0)
                return r;
        *ret_blobs = TAKE_PTR(sorting.blobs);
        *ret_layers = TAKE_PTR(sorting.layers);
        *ret_records = TAKE_PTR(sorting.records);
        return 0;
}

static int reclaim_orphans_locked(ContentStore *content, uint64_t *size, Error *error) {
        _cleanup_strv_free_ char **blobs = NULL, **layers = NULL, **records = NULL;
        _cleanup_(inventory_done) Inventory inventory = {};

        int r = inventory_load(content, &inventory, error);
        if (r < 0)
                return r;
        if (!inventory_is_complete(&inventory))
                return error_set(error, ERROR_CORRUPT,
                                 "the image store is damaged, so it is not known what is needed; "
                                 "berthctl verify --repair comes first");
        r = content_orphans(content, &inventory, &blobs, &layers, &records);
        if (r < 0)
                return error_set_errno(error, r, "can't look for unused files in the image store");
        return reclaim_locked(content, blobs, layers, records, size, error);
}

/* ---- the lock ---- */

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

int content_reclaim_orphans(ContentStore *content, uint64_t *ret_size, Error *error) {
        uint64_t size = 0;

        int r = lock(content, LOCK_EX);
        if (r < 0)
                return error_set_errno(error, r, "can't lock the image store");
        r = reclaim_orphans_locked(content, &size, error);
        (void) lock(content, LOCK_SH);
        *ret_size = size;
        return r;
}

/* ---- sweeping ---- */

/* Layers that were replaced by whole ones (content_replace_layer()) go when nobody stands on them any more. */
static int sweep_replaced(ContentStore *content, char *const *in_use, Error *error) {
        _cleanup_closedir_ DIR *dir = opendir_at(content->layers_fd, ".");
        struct dirent *entry;

        if (!dir)
                return error_set_errno(error, negative_errno(), "can't read the layers");
        while ((entry = readdir_no_dot(dir))) {
                const char *rest = startswith(entry->d_name, REPLACED_PREFIX);
                char hex[DIGEST_HEX_LENGTH + 1];
                if (!rest || strspn(rest, "0123456789abcdef") != DIGEST_HEX_LENGTH)
                        continue;
                snprintf(hex, sizeof(hex), "%s", rest);
                int r = strv_contains(in_use, hex) ? 0 : remove_tree_at(content->layers_fd, entry->d_name);
                if (r < 0)
                        return error_set_errno(error, r, "can't delete a damaged layer");
        }
        return errno > 0 ? error_set_errno(error, -errno, "can't read the layers") : 0;
}

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
                /* What is made and renamed at once is not locked, but young; layers are locked. */
                uint64_t age = !temporary ? PARTIAL_AGE_MAX : streq(path, "layers") ? 0 : USEC_PER_SEC;
                if (changed + age > now || is_in_use(dirfd(dir), entry->d_name))
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

int content_sweep(ContentStore *content, bool replaced, char *const *in_use, uint64_t *ret_size,
                  Error *error) {
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
        return replaced ? sweep_replaced(content, in_use, error) : 0;
}

/* ---- replacing a layer ---- */

int content_replace_layer(ContentStore *content, const char *diff_id, const char *copy) {
        const char *hex = digest_hex(diff_id);
        _cleanup_free_ char *aside =
                format_string(REPLACED_PREFIX "%s-%08llx", hex, (unsigned long long) random_u64());

        if (!aside)
                return -ENOMEM;
        int r = content_sync(content);
        if (r < 0)
                return r;
        /* There is a layer of this name at every moment; and the old one, which may be in use, has at no moment a name that
         * the sweep would take for something half-made. */
        if (renameat2(content->layers_fd, copy, content->layers_fd, aside, RENAME_NOREPLACE) < 0)
                return negative_errno();
        if (renameat2(content->layers_fd, aside, content->layers_fd, hex, RENAME_NOREPLACE) < 0 &&
            (errno != EEXIST ||
             renameat2(content->layers_fd, aside, content->layers_fd, hex, RENAME_EXCHANGE) < 0))
                return negative_errno();
        return fsync(content->layers_fd) < 0 ? negative_errno() : 0;
}
