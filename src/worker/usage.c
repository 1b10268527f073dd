/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "byte-stream.h"
#include "fd-util.h"
#include "file-util.h"
#include "inventory.h"
#include "json-util.h"
#include "report.h"
#include "string-util.h"

/* The verb usage: what is on the disk, as one JSON document:
 *
 *      {"Images":     [{"Digest": …, "Size": …, "SharedSize": …, "UniqueSize": …}, …],
 *       "ImagesSize": …,                 all of them, what they share counted once
 *       "Containers": [{"Id": …, "Size": …}, …],
 *       "Volumes":    [{"Name": …, "Size": …}, …]}
 *
 * An image takes its blobs and its unpacked layers, as its record says; a container what it has written. */

#define DEPTH_MAX 1000

static int out_of_memory(Error *error) {
        return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
}

/* ---- containers and volumes ---- */

static int add_tree(int dir_fd, const char *path, unsigned depth, uint64_t *size);

static int add_entry(DIR *dir, const struct dirent *entry, unsigned depth, uint64_t *size) {
        struct stat st;

        if (worker_cancelled())
                return -ECANCELED;
        /* The container runs: files come and go. */
        if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0 : negative_errno();
        if (S_ISDIR(st.st_mode))
                *size += (uint64_t) st.st_blocks * 512;
        else
                *size += (uint64_t) st.st_blocks * 512 / MAX(st.st_nlink, (nlink_t) 1);
        return S_ISDIR(st.st_mode) ? add_tree(dirfd(dir), entry->d_name, depth + 1, size) : 0;
}

static int add_tree(int dir_fd, const char *path, unsigned depth, uint64_t *size) {
        _cleanup_close_ int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        struct dirent *entry;
        int r = 0;

        if (fd < 0)
                return errno == ENOENT ? 0 : negative_errno();
        if (depth > DEPTH_MAX)
                return 0; /* below that, open files would become many */
        _cleanup_closedir_ DIR *dir = opendir_at(fd, ".");
        if (!dir)
                return negative_errno();
        while (r >= 0 && (entry = readdir_no_dot(dir)))
                r = add_entry(dir, entry, depth, size);
        return r < 0 ? r : errno > 0 ? -errno : 0;
}

/* A folder of objects, and where in each of them its files are. */
typedef struct ObjectFolder {
        const char *folder, *key, *identity, *files;
} ObjectFolder;

static int add_object(const ObjectFolder *kind, int folder_fd, const char *name, json_t *list) {
        _cleanup_free_ char *files = string_join(name, kind->files);
        uint64_t size = 0;

        if (!files)
                return -ENOMEM;
        int r = add_tree(folder_fd, files, 0, &size);
        if (r < 0)
                return r;
        return json_array_append_new(
                       list, json_pack("{s:s, s:I}", kind->identity, name, "Size", (json_int_t) size)) < 0
                       ? -ENOMEM
                       : 0;
}

static int add_objects(Worker *worker, const ObjectFolder *kind, json_t *report, Error *error) {
        _cleanup_free_ char *path = string_join(worker->request.state_directory, "/", kind->folder);
        _cleanup_closedir_ DIR *dir = path ? opendir_at(AT_FDCWD, path) : NULL;
        json_t *list = json_array();
        struct dirent *entry;
        int r = 0;

        if (!path || json_object_set_new(report, kind->key, list) < 0)
                return out_of_memory(error);
        if (!dir)
                return errno == ENOENT
                               ? 0
                               : error_set_errno(error, negative_errno(), "can't read the %s", kind->folder);
        while (r >= 0 && (entry = readdir_no_dot(dir)))
                if (entry->d_name[0] != '.')
                        r = add_object(kind, dirfd(dir), entry->d_name, list);
        if (r == -ECANCELED)
                return worker_set_cancelled(error);
        return r < 0 ? error_set_errno(error, r, "can't measure the %s", kind->folder) : 0;
}

/* ---- images ---- */

static int add_image(PieceTable *pieces, const ImageRecord *record, json_t *list) {
        ImageSizes sizes;

        int r = piece_table_sizes(pieces, record, &sizes);
        if (r < 0)
                return r;
        return json_array_append_new(list, json_pack("{s:s, s:I, s:I, s:I}", "Digest", record->digest,
                                                     "Size", (json_int_t) sizes.size, "SharedSize",
                                                     (json_int_t) sizes.shared, "UniqueSize",
                                                     (json_int_t) sizes.unique)) < 0
                       ? -ENOMEM
                       : 0;
}

static int add_images(ContentStore *content, json_t *report, Error *error) {
        _cleanup_(piece_table_freep) PieceTable *pieces = NULL;
        _cleanup_(inventory_done) Inventory inventory = {};
        json_t *list = json_array();

        if (json_object_set_new(report, "Images", list) < 0)
                return out_of_memory(error);
        int r = inventory_load(content, &inventory, error);
        if (r < 0)
                return r;
        r = inventory_pieces(&inventory, &pieces);
        for (size_t i = 0; r >= 0 && i < inventory.n; i++)
                if (inventory.images[i].known)
                        r = add_image(pieces, &inventory.images[i].record, list);
        if (r < 0 || json_object_set_new(report, "ImagesSize",
                                         json_integer((json_int_t) piece_table_total(pieces))) < 0)
                return out_of_memory(error);
        return 0;
}

int verb_usage(Worker *worker, Error *error) {
        static const ObjectFolder kinds[] = {
                { "containers", "Containers", "Id", "/upper" },
                { "volumes", "Volumes", "Name", "/data" },
        };
        _cleanup_(content_closep) ContentStore *content = NULL;
        _cleanup_json_ json_t *report = json_object();

        if (!report)
                return out_of_memory(error);
        int r = report_open_content(worker, &content, error);
        if (r >= 0)
                r = add_images(content, report, error);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(kinds); i++)
                r = add_objects(worker, &kinds[i], report, error);
        return r < 0 ? r : report_document(worker, worker->fds[0], report, error);
}
