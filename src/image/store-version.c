/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "fd-util.h"
#include "file-util.h"
#include "object.h"
#include "store-version.h"
#include "string-util.h"

#define VERSION_FILE "store.json"
#define VERSION_FILE_MAX (64 * KIB)

typedef struct StoreVersion {
        uint32_t version;
} StoreVersion;

static const Field fields[] = {
        { "Version", FIELD_UINT, offsetof(StoreVersion, version), FIELD_REQUIRED },
        {},
};
static const ObjectType store_version_type = { "store", sizeof(StoreVersion), fields };

/* The first berth left the modes of folders that other programs had made before it as they were. */
static int close_folders(int dir_fd, Error *error) {
        static const char *const folders[] = { "blobs", "blobs/sha256", "layers", "images", "containers" };

        for (size_t i = 0; i < ELEMENTSOF(folders); i++)
                if (fchmodat(dir_fd, folders[i], 0700, 0) < 0 && errno != ENOENT)
                        return error_set_errno(error, negative_errno(),
                                               "can't close the folder %s to others", folders[i]);
        return 0;
}

/* steps[n] makes version n + 1 of version n. */
static int (*const steps[STORE_VERSION])(int dir_fd, Error *error) = {
        close_folders,
};

static int read_version(int dir_fd, const char *directory, uint32_t *ret, Error *error) {
        _cleanup_error_ Error why = {};
        StoreVersion version;

        int r = object_load_at(&store_version_type, &version, dir_fd, VERSION_FILE, VERSION_FILE_MAX, &why);
        if (r == -ENOENT) {
                *ret = 0;
                return 0;
        }
        if (r < 0)
                return error_set(error, ERROR_CORRUPT,
                                 "can't tell the version of the image store: %s/" VERSION_FILE
                                 ": %s (it should be {\"Version\": %d})",
                                 directory, why.message ?: strerror(-r), STORE_VERSION);
        *ret = version.version;
        return 0;
}

int store_version_update(int dir_fd, const char *directory, Error *error) {
        StoreVersion version;

        int r = read_version(dir_fd, directory, &version.version, error);
        if (r < 0)
                return r;
        if (version.version > STORE_VERSION)
                return error_set(
                        error, ERROR_UNSUPPORTED,
                        "the image store %s is of a newer berth (version %u, and this one knows up to %d); "
                        "install that berth again, or move the directory away",
                        directory, version.version, STORE_VERSION);
        while (version.version < STORE_VERSION) {
                r = steps[version.version](dir_fd, error);
                if (r < 0)
                        return r;
                version.version++;
                r = object_save_at(&store_version_type, &version, dir_fd, VERSION_FILE, true);
                if (r < 0)
                        return error_set_errno(error, r, "can't write %s/" VERSION_FILE, directory);
        }
        return 0;
}
