/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capability.h"
#include "fd-util.h"
#include "file-util.h"
#include "launch-security.h"
#include "launch-spec.h"
#include "seccomp-cache.h"
#include "sha256.h"
#include "string-util.h"
#include "strv.h"

#define CACHE_DIRECTORY RUNTIME_DIRECTORY "/seccomp"
#define WORKER_PROGRAM LIBEXECDIR "/berth-worker"

static int filter_name(const ContainerSpec *spec, char *const *capabilities, char **ret, Error *error) {
        const char *profile = strempty(spec->seccomp_profile);
        _cleanup_free_ char *key = NULL;
        uint8_t hash[SHA256_SIZE];
        uint64_t set;

        int r = capabilities_from_names(capabilities, &set, error);
        if (r < 0)
                return r;
        if (isempty(profile))
                key = strdup("default");
        else {
                sha256(profile, strlen(profile), hash);
                key = hex_encode(hash, sizeof(hash));
        }
        *ret = key ? format_string("%s-%010llx", key, (unsigned long long) set) : NULL;
        return *ret ? 0 : error_set_errno(error, -ENOMEM, "cannot name the filter of system calls");
}

static int open_cache(Error *error) {
        int r = mkdir_parents_at(AT_FDCWD, CACHE_DIRECTORY, 0700);
        int fd = r < 0 ? r : open(CACHE_DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (r >= 0 && fd < 0)
                fd = negative_errno();
        return fd < 0 ? error_set_errno(error, fd, "cannot open %s", CACHE_DIRECTORY) : fd;
}

/* The cache and the container's filter in it. */
static int find_filter(const ContainerSpec *spec, char ***ret_capabilities, char **ret_name, Error *error) {
        int r;

        if ((r = capabilities_make(spec, ret_capabilities, error)) < 0 ||
            (r = filter_name(spec, *ret_capabilities, ret_name, error)) < 0)
                return r;
        return open_cache(error);
}

static bool is_earlier(const struct timespec *a, const struct timespec *b) {
        return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

/* What is used is young again, as the oldest are swept. */
static bool is_cached(int cache_fd, const char *name) {
        struct stat filter, worker;

        return fstatat(cache_fd, name, &filter, AT_SYMLINK_NOFOLLOW) >= 0 &&
               stat(WORKER_PROGRAM, &worker) >= 0 && !is_earlier(&filter.st_mtim, &worker.st_ctim) &&
               utimensat(cache_fd, name, NULL, 0) >= 0;
}

static int fill_request(const char *profile, char **capabilities, char *name, WorkerRequest *request) {
        int r;

        request->capabilities = capabilities;
        request->name = name;
        if ((r = free_and_strdup(&request->verb, "compile-seccomp")) < 0 ||
            (r = free_and_strdup(&request->state_directory, CACHE_DIRECTORY)) < 0)
                return r;
        return free_and_strdup(&request->profile, profile);
}

int seccomp_cache_prepare(const ContainerSpec *spec, WorkerRequest *request, Error *error) {
        _cleanup_strv_free_ char **capabilities = NULL;
        _cleanup_free_ char *name = NULL;

        if (!spec_filters_calls(spec))
                return 0;
        _cleanup_close_ int fd = find_filter(spec, &capabilities, &name, error);
        if (fd < 0)
                return fd;
        if (is_cached(fd, name))
                return 0;
        int r = fill_request(spec->seccomp_profile, TAKE_PTR(capabilities), TAKE_PTR(name), request);
        return r < 0 ? error_set_errno(error, r, "cannot ask for a filter of system calls") : 1;
}

int seccomp_cache_link(const ContainerSpec *spec, int run_directory_fd, Error *error) {
        _cleanup_strv_free_ char **capabilities = NULL;
        _cleanup_free_ char *name = NULL;

        if (unlinkat(run_directory_fd, SECCOMP_FILE, 0) < 0 && errno != ENOENT)
                return error_set_errno(error, negative_errno(), "cannot remove the last run's filter");
        if (!spec_filters_calls(spec))
                return 0;
        _cleanup_close_ int fd = find_filter(spec, &capabilities, &name, error);
        if (fd < 0)
                return fd;
        if (linkat(fd, name, run_directory_fd, SECCOMP_FILE, 0) < 0)
                return error_set_errno(error, negative_errno(), "cannot use the filter of system calls %s",
                                       name);
        return 0;
}
