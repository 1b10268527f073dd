/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "manager.h"
#include "manifest.h"
#include "reference.h"
#include "string-util.h"
#include "strv.h"

/* Indexes that are made here: one name for images of several platforms. */

static int out_of_memory(Error *error) {
        return error_set_errno(error, -ENOMEM, "cannot make an index");
}

/* ---- which image of an index runs here ---- */

static const ImageDescriptor *find_entry(const ImageRecord *index, const Platform *platform) {
        const ImageDescriptor *found = NULL;

        for (size_t i = 0; i < index->manifests.n; i++) {
                const ImageDescriptor *entry = LIST_ITEM(&index->manifests, ImageDescriptor, i);
                if (!streq_ptr(entry->os, platform->os) ||
                    !streq_ptr(entry->architecture, platform->architecture))
                        continue;
                if (streq(strempty(entry->variant), strempty(platform->variant)))
                        return entry;
                found = found ?: entry;
        }
        return found;
}

int manager_resolve_index(Manager *m, Image *index, const char *name, Image **ret, Error *error) {
        _cleanup_(platform_done) Platform platform = {};

        int r = platform_parse(NULL, &platform, error);
        if (r < 0)
                return r;
        const ImageDescriptor *entry = find_entry(&index->record, &platform);
        if (!entry)
                return error_set(error, ERROR_INVALID,
                                 "the index \"%s\" has no image for %s/%s (berthctl manifest inspect %s)",
                                 name, platform.os, platform.architecture, name);
        *ret = image_store_by_digest(m->images, entry->digest);
        if (!*ret)
                return error_set(error, ERROR_INVALID, "the image of the index \"%s\" for %s/%s is not here",
                                 name, platform.os, platform.architecture);
        return 0;
}

/* ---- making one ---- */

static char *platform_text(const char *os, const char *architecture, const char *variant) {
        return string_join(os, "/", architecture, isempty(variant) ? "" : "/", strempty(variant));
}

/* What an index is being made of. */
typedef struct IndexEntries {
        char **records;   /* hex */
        char **platforms; /* of each */
} IndexEntries;

static void index_entries_done(IndexEntries *entries) {
        strv_free(entries->records);
        strv_free(entries->platforms);
}

static int add_entry(IndexEntries *entries, const char *digest, const char *platform) {
        return strv_extend(&entries->records, digest_hex(digest)) < 0 ||
                               strv_extend(&entries->platforms, platform) < 0
                       ? -ENOMEM
                       : 0;
}

static int add_existing(const ImageRecord *index, char *const *except, IndexEntries *entries, Error *error) {
        for (size_t i = 0; i < index->manifests.n; i++) {
                const ImageDescriptor *entry = LIST_ITEM(&index->manifests, ImageDescriptor, i);
                _cleanup_free_ char *platform =
                        platform_text(strempty(entry->os), strempty(entry->architecture), entry->variant);
                if (strv_contains(except, digest_hex(entry->digest)))
                        continue;
                if (!platform || add_entry(entries, entry->digest, platform) < 0)
                        return out_of_memory(error);
        }
        return 0;
}

static int add_image(const Image *image, const char *reference, IndexEntries *entries, Error *error) {
        const ImageRecord *record = &image->record;
        _cleanup_free_ char *platform =
                platform_text(strempty(record->os), strempty(record->architecture), record->variant);

        if (strv_contains(entries->records, digest_hex(record->digest)))
                return 0;
        if (record->kind != IMAGE_RUNNABLE)
                return error_set(error, ERROR_INVALID, "\"%s\" is an %s; an index is made of images",
                                 reference, image_kind_words[record->kind]);
        if (!platform)
                return out_of_memory(error);
        if (strv_contains(entries->platforms, platform))
                return error_set(error, ERROR_INVALID,
                                 "\"%s\" is for %s, and the index has an image for that already", reference,
                                 platform);
        return add_entry(entries, record->digest, platform) < 0 ? out_of_memory(error) : 0;
}

/* Digests of the named ones are taken out. */
static int list_removed(Manager *m, const ImageRecord *index, char *const *references, char ***ret,
                        Error *error) {
        for (char *const *reference = references; *reference; reference++) {
                Image *image;
                int r = image_store_find(m->images, *reference, &image, error);
                if (r < 0)
                        return r;
                if (!image_record_has_manifest(index, image->record.digest))
                        return error_set(error, ERROR_NO_SUCH_IMAGE, "\"%s\" is not in the index",
                                         *reference);
                if (strv_extend(ret, digest_hex(image->record.digest)) < 0)
                        return out_of_memory(error);
        }
        return 0;
}

static int add_images(Manager *m, char *const *references, IndexEntries *entries, Error *error) {
        for (char *const *reference = references; *reference; reference++) {
                Image *image;
                int r = image_store_find(m->images, *reference, &image, error);
                if (r >= 0)
                        r = add_image(image, *reference, entries, error);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int check_name(const Image *existing, const char *name, IndexChange change, Error *error) {
        if (existing && existing->record.kind != IMAGE_INDEX)
                return error_set(error, ERROR_NAME_TAKEN, "\"%s\" is an image, not an index", name);
        if (existing && change == INDEX_CREATE)
                return error_set(error, ERROR_NAME_TAKEN,
                                 "there is an index \"%s\" already (berthctl manifest add adds to it)",
                                 name);
        if (!existing && change == INDEX_REMOVE)
                return error_set(error, ERROR_NO_SUCH_IMAGE, "there is no index \"%s\"", name);
        return 0;
}

static int fill_request(const char *canonical, IndexEntries *entries, WorkerRequest *request, Error *error) {
        if (strv_isempty(entries->records))
                return error_set(error, ERROR_INVALID, "nothing would be left in the index");
        if (strv_length(entries->records) > image_limits()->index_entries)
                return error_set(error, ERROR_LIMIT, "an index of %zu images is too large",
                                 strv_length(entries->records));
        request->records = TAKE_PTR(entries->records);
        return strv_extend(&request->names, canonical) < 0 ? out_of_memory(error) : 0;
}

int manager_index_request(Manager *m, const char *name, char *const *references, IndexChange change,
                          WorkerRequest *request, Error *error) {
        _cleanup_(index_entries_done) IndexEntries entries = {};
        _cleanup_strv_free_ char **removed = NULL;
        _cleanup_free_ char *canonical = NULL;

        int r = reference_canonicalize(name, &canonical, error);
        if (r < 0)
                return r;
        if (strchr(canonical, '@'))
                return error_set(error, ERROR_INVALID,
                                 "\"%s\" has a digest; a name for an index can't have one", name);
        const Image *existing = image_store_by_name(m->images, canonical);
        r = check_name(existing, name, change, error);
        if (r >= 0 && change == INDEX_REMOVE)
                r = list_removed(m, &existing->record, references, &removed, error);
        if (r >= 0 && existing)
                r = add_existing(&existing->record, removed, &entries, error);
        if (r >= 0 && change != INDEX_REMOVE)
                r = add_images(m, references, &entries, error);
        return r < 0 ? r : fill_request(canonical, &entries, request, error);
}
