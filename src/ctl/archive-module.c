/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "archive-module.h"
#include "string-util.h"
#include "strv.h"
#include "tar-reader.h"
#include "time-util.h"

int local_list(int tar_fd, uint64_t usec, char ***names) {
        _cleanup_(tar_reader_freep) TarReader *reader = NULL;
        _cleanup_(fd_source_done) FdSource file = {};
        _cleanup_error_ Error ignored = {};
        uint64_t deadline = now_usec(CLOCK_MONOTONIC) + usec;
        TarEntry entry;

        int r = fd_source_init(&file, tar_fd, -EBADF, "the archive");
        const Source source = fd_source(&file);
        if (r >= 0)
                r = tar_reader_new(&source, NULL, &reader);
        while (r >= 0 && now_usec(CLOCK_MONOTONIC) < deadline &&
               tar_reader_next(reader, &entry, &ignored) > 0) {
                const char *slash = strchr(entry.path, '/');
                if (slash && slash[1] && !strchr(slash + 1, '/'))
                        r = strv_extendf(names, "%s%s", slash + 1, entry.type == TAR_DIRECTORY ? "/" : "");
        }
        return r;
}

__attribute__((visibility("default"))) const LocalArchive local_archive = {
        .unpack = local_unpack,
        .pack = local_pack,
        .list = local_list,
};
