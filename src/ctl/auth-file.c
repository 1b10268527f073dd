/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/file.h>
#include <unistd.h>

#include "auth-file.h"
#include "credentials.h"
#include "fd-util.h"
#include "file-util.h"
#include "json-util.h"
#include "path-util.h"
#include "string-util.h"
#include "strv.h"

/* ---- where they are ---- */

/* A file below the folder that a variable names, or else below another one's. */
static const struct {
        const char *variable, *below;
        const char *other_variable, *other_below;
} places[] = {
        { "REGISTRY_AUTH_FILE", NULL },
        { "XDG_RUNTIME_DIR", "containers/auth.json" },
        { "XDG_CONFIG_HOME", "containers/auth.json", "HOME", ".config/containers/auth.json" },
        { "DOCKER_CONFIG", "config.json", "HOME", ".docker/config.json" },
};
#define PLACE_DOCKER (ELEMENTSOF(places) - 1)

/* NULL also when out of memory. */
static char *place_path(size_t i) {
        const char *below = places[i].below, *value = getenv(places[i].variable);

        if (isempty(value) && places[i].other_variable) {
                value = getenv(places[i].other_variable);
                below = places[i].other_below;
        }
        if (isempty(value))
                return NULL;
        return below ? path_join(value, below) : strdup(value);
}

char *auth_file_docker(void) {
        return place_path(PLACE_DOCKER);
}

int auth_file_paths(char ***ret) {
        _cleanup_strv_free_ char **paths = NULL;

        for (size_t i = 0; i < ELEMENTSOF(places); i++) {
                char *path = place_path(i);
                if (path && strv_consume(&paths, path) < 0)
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(paths);
        return 0;
}

/* ---- reading ---- */

static int load_at(int dir_fd, const char *name, const char *path, json_t **ret, Error *error) {
        char *text = NULL;
        size_t size = 0;

        int r = read_file_at(dir_fd, name, CREDENTIALS_SIZE_MAX, &text, &size);
        if (r == -EFBIG)
                return error_set(error, ERROR_LIMIT,
                                 "%s is larger than %d bytes, which is too much for credentials", path,
                                 CREDENTIALS_SIZE_MAX);
        bool missing = r == -ENOENT || r == -ENOTDIR;
        if (r < 0 && !missing)
                return error_set_errno(error, r, "cannot read the credentials in %s", path);
        r = credentials_parse(strempty(text), size, ret, error);
        if (text)
                explicit_bzero(text, size);
        free(text);
        return r < 0 ? error_prefix(error, r, "%s", path) : !missing;
}

int auth_file_load(const char *path, json_t **ret, Error *error) {
        return load_at(AT_FDCWD, path, path, ret, error);
}

/* ---- writing ---- */

/* The file itself, not a link to it: a link would be replaced by the new file. */
static char *follow_link(const char *path, Error *error) {
        struct stat st;
        char *target = realpath(path, NULL);

        if (target)
                return target;
        if (errno != ENOENT) {
                error_set_errno(error, negative_errno(), "cannot write %s", path);
                return NULL;
        }
        if (lstat(path, &st) >= 0) {
                error_set(error, ERROR_INVALID, "cannot write %s: it is a link that leads nowhere", path);
                return NULL;
        }
        target = strdup(path);
        if (!target)
                error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        return target;
}

/* One of us who was killed has left a file with passwords. Names are those of write_file_atomic_at(); while the folder is locked
 * none of them is in use. */
static void sweep_folder(int dir_fd) {
        _cleanup_closedir_ DIR *dir = opendir_at(dir_fd, ".");
        const struct dirent *entry;

        while (dir && (entry = readdir_no_dot(dir))) {
                const char *number = startswith(entry->d_name, ".tmp-");
                struct stat st;
                if (number && strlen(number) == 16 && string_in_charset(number, "0123456789abcdef") &&
                    fstatat(dir_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) >= 0 &&
                    st.st_mode == (S_IFREG | 0600) && st.st_uid == geteuid())
                        (void) unlinkat(dir_fd, entry->d_name, 0);
        }
}

/* Opens the folder of the file and keeps others of us out of it. */
static int lock_folder(const char *path, Error *error) {
        const char *name = path_basename(path);
        _cleanup_free_ char *folder =
                name == path ? strdup(".") : strndup(path, MAX((size_t) (name - path) - 1, (size_t) 1));

        if (!folder)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        /* What else lies beside the system's is for everybody to read. */
        int r = mkdir_parents_at(AT_FDCWD, folder, streq(path, AUTH_FILE_SYSTEM) ? 0755 : 0700);
        if (r < 0)
                return error_set_errno(error, r, "cannot create %s", folder);
        _cleanup_close_ int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        while (fd >= 0 && flock(fd, LOCK_EX) < 0)
                if (errno != EINTR)
                        return error_set_errno(error, negative_errno(), "cannot lock %s", folder);
        return fd < 0 ? error_set_errno(error, negative_errno(), "cannot open %s", folder) : TAKE_FD(fd);
}

/* Who owned the file (root may have been asked to write a user's) does so afterwards. */
static int replace(int dir_fd, const char *name, const json_t *document) {
        _cleanup_erase_ char *json = json_dumps(document, JSON_INDENT(8));
        _cleanup_erase_ char *text = json ? string_join(json, "\n") : NULL;
        struct stat before;

        if (!text)
                return -ENOMEM;
        bool existed = fstatat(dir_fd, name, &before, 0) >= 0;
        int r = write_file_atomic_at(dir_fd, name, text, strlen(text), 0600, WRITE_SYNC);
        if (r >= 0 && existed && before.st_uid != geteuid() &&
            fchownat(dir_fd, name, before.st_uid, before.st_gid, AT_SYMLINK_NOFOLLOW) < 0)
                r = negative_errno();
        return r;
}

int auth_file_change(const char *path, AuthFileChange change, void *userdata, Error *error) {
        _cleanup_free_ char *target = follow_link(path, error);
        _cleanup_json_ json_t *document = NULL;

        if (!target)
                return error ? -error_kind_to_errno(error->kind) : -EIO;
        _cleanup_close_ int dir_fd = lock_folder(target, error);
        if (dir_fd < 0)
                return dir_fd;
        sweep_folder(dir_fd);
        const char *name = path_basename(target);
        int r = load_at(dir_fd, name, path, &document, error);
        if (r < 0)
                return r;
        int changed = change(document, userdata, error);
        if (changed <= 0)
                return changed;
        r = replace(dir_fd, name, document);
        return r < 0 ? error_set_errno(error, r, "cannot write %s", path) : changed;
}
