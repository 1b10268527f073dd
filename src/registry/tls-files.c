/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <curl/curl.h>
#include <fcntl.h>
#include <unistd.h>

#include "file-util.h"
#include "path-util.h"
#include "reference.h"
#include "string-util.h"
#include "strv.h"
#include "tls-files.h"

static const char *const folders[] = { CONFIG_DIRECTORY "/certs.d", "/etc/docker/certs.d",
                                       "/etc/containers/certs.d" };

void tls_files_done(TlsFiles *files) {
        free(files->authorities);
        free(files->certificate);
        free(files->key);
        *files = (TlsFiles){};
}

static int append_file(StringBuffer *buffer, const char *path, Error *error) {
        _cleanup_free_ char *data = NULL;
        size_t size;

        int r = read_file_at(AT_FDCWD, path, TLS_FILE_MAX, &data, &size);
        if (r < 0)
                return error_set_errno(error, r, "cannot read %s", path);
        r = string_buffer_append(buffer, data, size);
        if (r >= 0)
                r = string_buffer_append_string(buffer, "\n");
        return r < 0 ? error_set(error, ERROR_OUT_OF_MEMORY, "out of memory") : 0;
}

/* What is given to curl takes the place of its own list, so that one comes first. A system without one trusts nobody. */
static int append_system_authorities(StringBuffer *buffer, Error *error) {
        CURL *easy = curl_easy_init();
        const char *path = NULL;
        int r = 0;

        if (!easy)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        curl_easy_getinfo(easy, CURLINFO_CAINFO, &path);
        if (path && access(path, F_OK) >= 0)
                r = append_file(buffer, path, error);
        curl_easy_cleanup(easy);
        return r;
}

static int load_authorities(const char *folder, char *const *names, TlsFiles *files, Error *error) {
        _cleanup_(string_buffer_done) StringBuffer buffer = {};
        int r = 0;

        STRV_FOREACH(name, (char **) names) {
                if (!endswith(*name, ".crt"))
                        continue;
                _cleanup_free_ char *path = path_join(folder, *name);
                if (!path)
                        return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
                if (buffer.size == 0)
                        r = append_system_authorities(&buffer, error);
                if (r >= 0)
                        r = append_file(&buffer, path, error);
                if (r < 0)
                        return r;
        }
        files->authorities = TAKE_PTR(buffer.data);
        files->authorities_size = buffer.size;
        return 0;
}

/* The name of what must stand beside "X.cert" or "X.key"; NULL when the name is neither, or when out of memory. */
static char *other_half(const char *name) {
        static const char *const suffixes[][2] = { { ".cert", ".key" }, { ".key", ".cert" } };

        for (size_t i = 0; i < ELEMENTSOF(suffixes); i++) {
                const char *suffix = endswith(name, suffixes[i][0]);
                if (suffix)
                        return format_string("%.*s%s", (int) (suffix - name), name, suffixes[i][1]);
        }
        return NULL;
}

static int find_client_certificate(const char *folder, char *const *names, TlsFiles *files, Error *error) {
        STRV_FOREACH(name, (char **) names) {
                _cleanup_free_ char *other = other_half(*name);
                if (!other)
                        continue;
                if (!strv_contains(names, other))
                        return error_set(error, ERROR_INVALID,
                                         "%s/%s has no %s beside it: a client certificate is both", folder,
                                         *name, other);
                if (files->certificate || !endswith(*name, ".cert"))
                        continue;
                files->certificate = path_join(folder, *name);
                files->key = path_join(folder, other);
                if (!files->certificate || !files->key)
                        return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        }
        return 0;
}

static int load_folder(const char *folder, TlsFiles *ret, Error *error) {
        _cleanup_(tls_files_done) TlsFiles files = {};
        _cleanup_strv_free_ char **names = NULL;

        int r = list_directory_at(AT_FDCWD, folder, &names);
        if (r < 0)
                return error_set_errno(error, r, "cannot list %s", folder);
        if (names)
                strv_sort(names);
        r = find_client_certificate(folder, names, &files, error);
        if (r >= 0)
                r = load_authorities(folder, names, &files, error);
        if (r < 0)
                return r;
        *ret = files;
        files = (TlsFiles){};
        return 0;
}

int tls_files_load(const char *root, const char *const *names, size_t n_names, TlsFiles *ret, Error *error) {
        for (size_t i = 0; i < ELEMENTSOF(folders); i++)
                for (size_t k = 0; k < n_names; k++) {
                        /* A redirect could name anything. */
                        if (!names[k] || !registry_name_is_valid(names[k]))
                                continue;
                        _cleanup_free_ char *folder = string_join(root, folders[i], "/", names[k]);
                        if (!folder)
                                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
                        if (access(folder, F_OK) >= 0)
                                return load_folder(folder, ret, error);
                }
        *ret = (TlsFiles){};
        return 0;
}
