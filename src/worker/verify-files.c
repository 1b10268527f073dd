/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "content-internal.h"
#include "file-util.h"
#include "json-util.h"
#include "log.h"
#include "reclaim.h"
#include "report.h"
#include "string-util.h"
#include "strv.h"
#include "verify.h"

static int out_of_memory(Error *error) {
        return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
}

/* ---- modes and owners ---- */

/* What is in the store is root's and nobody else's: layers hold set-id programs. */
static int check_mode(Verify *verify, int dir_fd, const char *folder, const char *name, mode_t wanted,
                      Error *error) {
        _cleanup_free_ char *path = isempty(folder) ? strdup(name) : string_join(folder, "/", name);
        _cleanup_free_ char *detail = NULL;
        struct stat st;

        if (!path)
                return out_of_memory(error);
        if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || S_ISLNK(st.st_mode))
                return 0; /* what is missing or something else is somebody else's business */
        if ((st.st_mode & 07777 & ~wanted) == 0 && (st.st_mode & 0400) && st.st_uid == geteuid())
                return 0;
        if (st.st_uid != geteuid())
                detail = format_string("it belongs to user %u", (unsigned) st.st_uid);
        else
                detail = format_string("its mode is %04o instead of %04o", (unsigned) st.st_mode & 07777,
                                       (unsigned) wanted);
        if (!detail)
                return out_of_memory(error);
        if (verify->repair && (fchownat(dir_fd, name, geteuid(), getegid(), AT_SYMLINK_NOFOLLOW) < 0 ||
                               fchmodat(dir_fd, name, wanted, 0) < 0))
                return error_set_errno(error, negative_errno(), "can't change the mode of %s", path);
        const Problem problem = { "permissions", "file", path, detail, verify->repair };
        return verify_found(verify, &problem, error);
}

static int check_folders(Verify *verify, Error *error) {
        static const struct {
                const char *path;
                mode_t mode;
        } wanted[] = {
                { "blobs", 0700 },      { "blobs/sha256", 0700 }, { "layers", 0700 },     { "images", 0700 },
                { "containers", 0700 }, { "index.json", 0600 },   { "oci-layout", 0644 },
        };

        for (size_t i = 0; i < ELEMENTSOF(wanted); i++) {
                int r = check_mode(verify, verify->state_fd, "", wanted[i].path, wanted[i].mode, error);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* ---- what does not belong there ---- */

typedef struct Folder {
        const char *path;
        const char *suffix; /* of what belongs into it, behind the hex digits */
        bool directories;
} Folder;

static const Folder folders[] = {
        { "blobs/sha256", "", false },
        { "layers", "", true },
        { "images", ".json", false },
};

/* Half-made files are the sweep's. */
static bool is_transient(const char *name) {
        return startswith(name, ".tmp-") || startswith(name, ".partial-") || startswith(name, ".old-") ||
               streq(name, ".lock");
}

/* Set aside as damaged: it stays until the whole one is back. */
static bool is_still_missed(int dir_fd, const char *name) {
        const char *suffix = endswith(name, ".corrupt");
        _cleanup_free_ char *original = suffix ? strndup(name, suffix - name) : NULL;

        return original && faccessat(dir_fd, original, F_OK, AT_SYMLINK_NOFOLLOW) < 0;
}

static bool belongs(const Folder *folder, int dir_fd, const char *name) {
        size_t n = strspn(name, "0123456789abcdef");
        struct stat st;

        if (n != DIGEST_HEX_LENGTH || !streq(name + n, folder->suffix))
                return is_transient(name) || is_still_missed(dir_fd, name);
        return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
               (folder->directories ? S_ISDIR(st.st_mode) : S_ISREG(st.st_mode));
}

static int check_entry(Verify *verify, const Folder *folder, int dir_fd, const char *name, Error *error) {
        if (belongs(folder, dir_fd, name))
                return is_transient(name) || endswith(name, ".corrupt")
                               ? 0
                               : check_mode(verify, dir_fd, folder->path, name,
                                            folder->directories ? 0700 : 0600, error);
        _cleanup_free_ char *path = string_join(folder->path, "/", name);
        if (!path)
                return out_of_memory(error);
        int r = verify->repair ? remove_tree_at(dir_fd, name) : 0;
        if (r < 0)
                return error_set_errno(error, r, "can't remove %s", path);
        const Problem problem = { "orphan", "file", path, "it does not belong there", verify->repair };
        return verify_found(verify, &problem, error);
}

static int check_folder(Verify *verify, const Folder *folder, Error *error) {
        _cleanup_closedir_ DIR *dir = opendir_at(verify->state_fd, folder->path);
        struct dirent *entry;
        int r = 0;

        if (!dir)
                return error_set_errno(error, negative_errno(), "can't read %s", folder->path);
        while (r >= 0 && (entry = readdir_no_dot(dir)))
                r = worker_cancelled() ? worker_set_cancelled(error)
                                       : check_entry(verify, folder, dirfd(dir), entry->d_name, error);
        return r < 0 ? r : errno > 0 ? error_set_errno(error, -errno, "can't read %s", folder->path) : 0;
}

/* ---- the files of the layout ---- */

static int check_layout(Verify *verify, Error *error) {
        static const char layout[] = "{\"imageLayoutVersion\":\"1.0.0\"}\n";
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r = read_file_at(verify->state_fd, "oci-layout", 64 * KIB, &text, &size);

        _cleanup_json_ json_t *json = r < 0 ? NULL : json_loadb(text, size, 0, NULL);
        if (json_is_string(json_object_get(json, "imageLayoutVersion")))
                return 0;
        if (verify->repair) {
                int w = write_file_atomic_at(verify->state_fd, "oci-layout", layout, strlen(layout), 0644,
                                             WRITE_SYNC);
                if (w < 0)
                        return error_set_errno(error, w, "can't write oci-layout");
        }
        const Problem problem = { r == -ENOENT ? "missing" : "damaged", "file", "oci-layout",
                                  .repaired = verify->repair };
        return verify_found(verify, &problem, error);
}

/* berthd writes it anew after a repair. */
static int check_index(Verify *verify, Error *error) {
        const Error *why = &verify->inventory.index_problem;
        const Problem problem = { "damaged", "file", "index.json", error_text(why), verify->repair };

        return why->kind == ERROR_NONE ? 0 : verify_found(verify, &problem, error);
}

int verify_files(Verify *verify, Error *error) {
        int r = check_layout(verify, error);

        if (r >= 0)
                r = check_index(verify, error);
        if (r >= 0)
                r = check_folders(verify, error);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(folders); i++)
                r = check_folder(verify, &folders[i], error);
        return r;
}

/* ---- records ---- */

static bool blobs_are_good(const Verify *verify, const ImageRecord *record) {
        return verify_blob_is_good(verify, record->digest) && verify_blob_is_good(verify, record->id);
}

/* What layers take unpacked is not in the blobs, nor is what the images of an index say. */
static void complete(const ImageRecord *from, ImageRecord *record) {
        record->size = from->size;
        if (record->kind == IMAGE_INDEX) {
                record->download_size = from->download_size;
                record->created = from->created;
        }
        for (size_t i = 0; i < record->layers.n && i < from->layers.n; i++)
                LIST_ITEM(&record->layers, ImageLayer, i)->unpacked_size =
                        LIST_ITEM(&from->layers, ImageLayer, i)->unpacked_size;
}

static int compare_records(const ImageRecord *a, const ImageRecord *b, bool *ret_equal) {
        _cleanup_json_ json_t *x = object_to_json(&image_record_type, a, 0),
                              *y = object_to_json(&image_record_type, b, 0);

        if (!x || !y)
                return -ENOMEM;
        *ret_equal = json_equal(x, y);
        return 0;
}

static int repair_record(Verify *verify, StoredImage *image, bool *ret_repaired, Error *error) {
        _cleanup_error_ Error why = {};
        ImageRecord record;

        int r = content_restore_record(verify->content, image->digest, &record, &why);
        *ret_repaired = r >= 0;
        if (r < 0) /* a layer or blob of it is missing, which is reported */
                return why.kind == ERROR_OUT_OF_MEMORY ? out_of_memory(error) : 0;
        r = worker_send_image(verify->worker, &record, image->names, true, error);
        object_done(&image_record_type, &record);
        return r;
}

static int report_record(Verify *verify, StoredImage *image, const char *kind, const char *detail,
                         Error *error) {
        Problem problem = { kind, "image", image->digest, detail, .can_be_pulled = true };

        int r = verify->repair ? repair_record(verify, image, &problem.repaired, error) : 0;
        return r < 0 ? r : verify_found(verify, &problem, error);
}

static int check_record(Verify *verify, StoredImage *image, Error *error) {
        ImageRecord record;
        bool equal = false;

        if (image->problem.kind != ERROR_NONE)
                return report_record(verify, image,
                                     image->problem.kind == ERROR_NO_SUCH_FILE ? "missing" : "damaged",
                                     error_text(&image->problem), error);
        if (!blobs_are_good(verify, &image->record))
                return 0; /* they are reported */
        _cleanup_error_ Error why = {};
        int r = image_record_from_blobs(verify->content, image->digest, &record, &why);
        if (r < 0)
                return report_record(verify, image, "damaged", error_text(&why), error);
        complete(&image->record, &record);
        r = compare_records(&image->record, &record, &equal);
        object_done(&image_record_type, &record);
        if (r < 0)
                return out_of_memory(error);
        return equal ? 0
                     : report_record(verify, image, "damaged", "its record is not what its manifest says",
                                     error);
}

int verify_records(Verify *verify, Error *error) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < verify->inventory.n; i++)
                r = worker_cancelled() ? worker_set_cancelled(error)
                                       : check_record(verify, &verify->inventory.images[i], error);
        return r;
}

/* ---- what nobody needs ---- */

static int report_orphans(Verify *verify, const char *object, char *const *names, bool repaired,
                          Error *error) {
        int r = 0;

        for (char *const *name = names; r >= 0 && name && *name; name++) {
                _cleanup_free_ char *digest = string_join("sha256:", *name);
                const Problem problem = { "orphan", object, digest, "no image needs it", repaired };
                r = digest ? verify_found(verify, &problem, error) : out_of_memory(error);
        }
        return r;
}

int verify_orphans(Verify *verify, Error *error) {
        _cleanup_strv_free_ char **blobs = NULL, **layers = NULL, **records = NULL;
        bool complete = inventory_is_complete(&verify->inventory);
        uint64_t size;

        if (!complete)
                return 0; /* who knows what is needed */
        int r = content_orphans(verify->content, &verify->inventory, &blobs, &layers, &records);
        if (r < 0)
                return error_set_errno(error, r, "can't look for unused files in the image store");
        if (verify->repair && (blobs || layers || records)) {
                r = content_reclaim_orphans(verify->content, &size, error);
                if (r < 0)
                        return r;
        }
        r = report_orphans(verify, "blob", blobs, verify->repair, error);
        if (r >= 0)
                r = report_orphans(verify, "layer", layers, verify->repair, error);
        return r < 0 ? r : report_orphans(verify, "image", records, verify->repair, error);
}
