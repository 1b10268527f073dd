/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "string-util.h"
#include "strv.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* 0, or why this file can't be executed. */
static int check_executable(const char *path) {
        struct stat st;

        if (stat(path, &st) < 0)
                return negative_errno();
        if (S_ISDIR(st.st_mode))
                return -EISDIR;
        if (!S_ISREG(st.st_mode))
                return -EACCES;
        return access(path, X_OK) < 0 ? negative_errno() : 0;
}

static int search_path(const char *name, const char *directories, char **ret, char **ret_refused) {
        for (const char *p = directories;; p++) {
                size_t n = strcspn(p, ":");
                _cleanup_free_ char *path =
                        n == 0 ? format_string("./%s", name) : format_string("%.*s/%s", (int) n, p, name);
                if (!path)
                        return -ENOMEM;
                int r = check_executable(path);
                if (r >= 0) {
                        *ret = TAKE_PTR(path);
                        return 0;
                }
                if (r == -EACCES && !*ret_refused)
                        *ret_refused = TAKE_PTR(path);
                p += n;
                if (*p == 0)
                        return *ret_refused ? -EACCES : -ENOENT;
        }
}

int command_find(const char *name, char *const *environment, char **ret_path, Error *error) {
        _cleanup_free_ char *refused = NULL;
        int r;

        if (isempty(name))
                return error_set(error, ERROR_COMMAND_NOT_FOUND, "the command is empty");
        if (strchr(name, '/')) {
                r = free_and_strdup(ret_path, name);
                return r < 0 ? error_set_errno(error, r, "cannot execute %s", name) : 0;
        }

        const char *directories = strv_map_get(environment, "PATH");
        r = search_path(name, isempty(directories) ? DEFAULT_PATH : directories, ret_path, &refused);
        if (r == -ENOENT)
                return error_set(error, ERROR_COMMAND_NOT_FOUND,
                                 "the command \"%s\" is not in the container's PATH (%s)", name,
                                 isempty(directories) ? DEFAULT_PATH : directories);
        if (r == -EACCES)
                return error_set(error, ERROR_COMMAND_NOT_EXECUTABLE, "cannot execute %s: permission denied",
                                 refused);
        return r < 0 ? error_set_errno(error, r, "cannot look up the command %s", name) : 0;
}

int command_execute(const char *path, char *const *arguments, char *const *environment, Error *error) {
        static char *const empty[] = { NULL };

        (void) execve(path, arguments, environment ?: empty);
        int r = negative_errno();
        switch (-r) {
        case ENOENT:
                return access(path, F_OK) < 0
                               ? error_set(error, ERROR_COMMAND_NOT_FOUND,
                                           "there is no file %s in the container", path)
                               : error_set(error, ERROR_COMMAND_NOT_FOUND,
                                           "cannot execute %s: its interpreter is not in the container",
                                           path);
        case ENOTDIR:
                return error_set(error, ERROR_COMMAND_NOT_FOUND, "there is no file %s in the container",
                                 path);
        case EACCES:
        case EPERM:
        case EISDIR:
                return error_set(error, ERROR_COMMAND_NOT_EXECUTABLE, "cannot execute %s: %s", path,
                                 check_executable(path) == -EISDIR ? "it is a directory" : strerror(-r));
        case ENOEXEC:
                return error_set(error, ERROR_COMMAND_NOT_EXECUTABLE,
                                 "cannot execute %s: it is neither a program for this machine nor a script",
                                 path);
        case E2BIG:
                return error_set(error, ERROR_LIMIT,
                                 "cannot execute %s: arguments and environment are too long", path);
        default:
                return error_set(error, ERROR_COMMAND_NOT_EXECUTABLE, "cannot execute %s: %s", path,
                                 strerror(-r));
        }
}
