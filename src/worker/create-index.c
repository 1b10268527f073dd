/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "digest.h"
#include "image-build.h"
#include "report.h"
#include "string-util.h"
#include "strv.h"

/* An index of images that are here. berthd has seen to it that they fit together. */

static int out_of_memory(Error *error) {
        return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
}

static int fill_entry(const ImageRecord *record, ImageDescriptor *entry) {
        entry->size = record->manifest_size;
        return free_and_strdup(&entry->digest, record->digest) < 0 ||
                               free_and_strdup(&entry->media_type, record->media_type) < 0 ||
                               free_and_strdup(&entry->os, record->os) < 0 ||
                               free_and_strdup(&entry->architecture, record->architecture) < 0 ||
                               free_and_strdup(&entry->variant, record->variant) < 0
                       ? -ENOMEM
                       : 0;
}

static int add_entry(ContentStore *content, const char *hex, ImageRecord *index, Error *error) {
        _cleanup_free_ char *digest = string_join("sha256:", hex);
        ImageRecord record;

        if (!digest_is_valid(digest))
                return error_set(error, ERROR_INVALID, "\"%.100s\" is not a digest", hex);
        int r = content_find_image(content, digest, &record, error);
        if (r == 0)
                return error_set(error, ERROR_NO_SUCH_IMAGE,
                                 "image %.19s is not complete here (berthctl verify --repair)", digest);
        if (r < 0)
                return r;
        ImageDescriptor *entry = list_append(&index->manifests, &image_descriptor_type);
        r = entry ? fill_entry(&record, entry) : -ENOMEM;
        index->size += record.size;
        index->download_size += record.download_size;
        index->created = MAX(index->created, record.created);
        object_done(&image_record_type, &record);
        return r < 0 ? out_of_memory(error) : 0;
}

static int publish(ContentStore *content, ImageRecord *index, Error *error) {
        _cleanup_free_ char *text = NULL;
        size_t size;

        int r = image_index_write(&index->manifests, &text, &size, error);
        if (r >= 0)
                r = content_add_blob(content, text, size, &index->digest, error);
        if (r < 0)
                return r;
        index->kind = IMAGE_INDEX;
        index->manifest_size = size;
        if (free_and_strdup(&index->id, index->digest) < 0 ||
            free_and_strdup(&index->media_type, MEDIA_TYPE_OCI_INDEX) < 0)
                return out_of_memory(error);
        return content_update_record(content, index, error);
}

static int create_index(Worker *worker, ContentStore *content, ImageRecord *index, Error *error) {
        char *const *records = worker->request.records;
        int r = 0;

        for (size_t i = 0; r >= 0 && records && records[i]; i++)
                r = add_entry(content, records[i], index, error);
        if (r >= 0 && index->manifests.n == 0)
                r = error_set(error, ERROR_INVALID, "an index is made of images, and none was named");
        if (r >= 0)
                r = publish(content, index, error);
        return r < 0 ? r : worker_send_image(worker, index, worker->request.names, false, error);
}

int verb_create_index(Worker *worker, Error *error) {
        _cleanup_(content_closep) ContentStore *content = NULL;
        ImageRecord index = {};

        int r = report_open_content(worker, &content, error);
        if (r >= 0)
                r = create_index(worker, content, &index, error);
        object_done(&image_record_type, &index);
        return r < 0 ? error_prefix(error, r, "cannot make an index") : 0;
}
