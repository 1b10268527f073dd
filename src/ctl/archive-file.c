/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive-file.h"
#include "fd-util.h"
#include "random-util.h"
#include "string-util.h"

int archive_file_open_input(const char *path, Error *error) {
        if (path && !streq(path, "-")) {
                int fd = open(path, O_RDONLY | O_CLOEXEC);
                return fd < 0 ? error_set_errno(error, negative_errno(), "cannot read %s", path) : fd;
        }
        if (isatty(STDIN_FILENO))
                return error_set(error, ERROR_INVALID,
                                 "an archive is expected on standard input, which is a terminal (name a "
                                 "file, or use <)");
        int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
        return fd < 0 ? error_set_errno(error, negative_errno(), "cannot read standard input") : fd;
}

void archive_file_done(ArchiveFile *file) {
        if (file->temporary)
                (void) unlink(file->temporary);
        free(file->temporary);
        free(file->path);
        safe_close(file->fd);
        *file = ARCHIVE_FILE_NONE;
}

static int open_standard_output(ArchiveFile *ret, Error *error) {
        if (isatty(STDOUT_FILENO))
                return error_set(error, ERROR_INVALID,
                                 "an archive is not written to a terminal (name a file with -o, or use >)");
        ret->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
        return ret->fd < 0 ? error_set_errno(error, negative_errno(), "cannot write to standard output") : 0;
}

int archive_file_open_output(const char *path, ArchiveFile *ret, Error *error) {
        struct stat st;

        *ret = ARCHIVE_FILE_NONE;
        if (!path || streq(path, "-"))
                return open_standard_output(ret, error);
        if (stat(path, &st) >= 0 && !S_ISREG(st.st_mode)) {
                ret->fd = open(path, O_WRONLY | O_CLOEXEC);
                return ret->fd < 0 ? error_set_errno(error, negative_errno(), "cannot write %s", path) : 0;
        }
        ret->path = strdup(path);
        ret->temporary = format_string("%s.tmp-%016llx", path, (unsigned long long) random_u64());
        if (!ret->path || !ret->temporary)
                return error_set_errno(error, -ENOMEM, "cannot write %s", path);
        ret->fd = open(ret->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (ret->fd < 0) {
                int r = negative_errno();
                free_and_replace(ret->temporary, NULL);
                return error_set_errno(error, r, "cannot write %s", path);
        }
        return 0;
}

int archive_file_commit(ArchiveFile *file, Error *error) {
        if (!file->temporary)
                return 0;
        if (rename(file->temporary, file->path) < 0)
                return error_set_errno(error, negative_errno(), "cannot write %s", file->path);
        free_and_replace(file->temporary, NULL);
        return 0;
}
