/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "file-util.h"
#include "image-store-internal.h"
#include "string-util.h"
#include "strv.h"

/* Names of files as hex digits, sorted once, then asked for. Borrows the texts. */
typedef struct HexSet {
        const char **items;
        size_t n, allocated;
} HexSet;

static int hex_compare(const void *a, const void *b) {
        return strncmp(*(const char *const *) a, *(const char *const *) b, DIGEST_HEX_LENGTH);
}

static int hex_set_add(HexSet *set, const char *digest) {
        if (!digest_is_valid(digest))
                return 0;
        int r = array_reserve(&set->items, &set->allocated, set->n + 1, sizeof(char *));
        if (r >= 0)
                set->items[set->n++] = digest_hex(digest);
        return r;
}

static bool hex_set_contains(const HexSet *set, const char *hex) {
        return set->n > 0 && bsearch(&hex, set->items, set->n, sizeof(char *), hex_compare);
}

/* What the images need, of each kind. */
typedef struct Needed {
        HexSet blobs, layers, records;
} Needed;

static void needed_done(Needed *needed) {
        free(needed->blobs.items);
        free(needed->layers.items);
        free(needed->records.items);
}

static int needed_add(Needed *needed, const ImageRecord *record) {
        int r = hex_set_add(&needed->records, record->digest);

        if (r >= 0)
                r = hex_set_add(&needed->blobs, record->digest);
        if (r >= 0)
                r = hex_set_add(&needed->blobs, record->id);
        for (size_t i = 0; r >= 0 && i < record->layers.n; i++) {
                const ImageLayer *layer = LIST_ITEM(&record->layers, ImageLayer, i);
                r = hex_set_add(&needed->blobs, layer->digest);
                if (r >= 0)
                        r = hex_set_add(&needed->layers, layer->diff_id);
        }
        return r;
}

static int needed_by_all(ImageStore *store, const ImageRecord *except, Needed *ret) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < store->n_images; i++)
                if (!except || !streq(store->images[i]->record.digest, except->digest))
                        r = needed_add(ret, &store->images[i]->record);
        HexSet *sets[] = { &ret->blobs, &ret->layers, &ret->records };
        for (size_t i = 0; i < ELEMENTSOF(sets); i++)
                if (sets[i]->n > 0)
                        qsort(sets[i]->items, sets[i]->n, sizeof(char *), hex_compare);
        return r;
}

void image_garbage_done(ImageGarbage *garbage) {
        strv_free(garbage->blobs);
        strv_free(garbage->layers);
        strv_free(garbage->records);
        *garbage = (ImageGarbage){};
}

static int list_unneeded(ImageStore *store, const char *folder, const char *suffix, const HexSet *needed,
                         char ***ret) {
        _cleanup_closedir_ DIR *dir = opendir_at(store->fd, folder);
        struct dirent *entry;

        if (!dir)
                return negative_errno();
        while ((entry = readdir_no_dot(dir))) {
                char hex[DIGEST_HEX_LENGTH + 1] = "";
                size_t n = strspn(entry->d_name, "0123456789abcdef");
                if (n != DIGEST_HEX_LENGTH || !streq(entry->d_name + n, suffix))
                        continue;
                memcpy(hex, entry->d_name, DIGEST_HEX_LENGTH);
                if (!hex_set_contains(needed, hex) && strv_extend(ret, hex) < 0)
                        return -ENOMEM;
        }
        return errno > 0 ? -errno : 0;
}

int image_store_garbage(ImageStore *store, ImageGarbage *ret, Error *error) {
        _cleanup_(image_garbage_done) ImageGarbage garbage = {};
        _cleanup_(needed_done) Needed needed = {};

        int r = needed_by_all(store, NULL, &needed);
        if (r >= 0)
                r = list_unneeded(store, "blobs/sha256", "", &needed.blobs, &garbage.blobs);
        if (r >= 0)
                r = list_unneeded(store, "layers", "", &needed.layers, &garbage.layers);
        if (r >= 0)
                r = list_unneeded(store, "images", ".json", &needed.records, &garbage.records);
        if (r < 0)
                return error_set_errno(error, r, "can't look for unused files in the image store");
        *ret = garbage;
        garbage = (ImageGarbage){};
        return 0;
}

static int take_unneeded(const HexSet *of_image, const HexSet *needed, char ***ret) {
        for (size_t i = 0; i < of_image->n; i++)
                if (!hex_set_contains(needed, of_image->items[i]) &&
                    !strv_contains(*ret, of_image->items[i]) && strv_extend(ret, of_image->items[i]) < 0)
                        return -ENOMEM;
        return 0;
}

int image_store_garbage_of(ImageStore *store, const ImageRecord *record, ImageGarbage *ret) {
        _cleanup_(image_garbage_done) ImageGarbage garbage = {};
        _cleanup_(needed_done) Needed needed = {}, own = {};

        int r = needed_by_all(store, record, &needed);
        if (r >= 0)
                r = needed_add(&own, record);
        if (r >= 0)
                r = take_unneeded(&own.blobs, &needed.blobs, &garbage.blobs);
        if (r >= 0)
                r = take_unneeded(&own.layers, &needed.layers, &garbage.layers);
        if (r >= 0)
                r = take_unneeded(&own.records, &needed.records, &garbage.records);
        if (r < 0)
                return r;
        *ret = garbage;
        garbage = (ImageGarbage){};
        return 0;
}
