/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "byte-stream.h"
#include "compress.h"
#include "extract.h"
#include "fd-util.h"
#include "pack.h"
#include "report.h"
#include "string-util.h"
#include "strv.h"
#include "unpack.h"
#include "volume-mount.h"
#include "volume-store.h"

/* A volume's files as a tar, a tar into a volume, and volumes into the host's mount table. */

static int open_volume(const Worker *worker, const char *name, const char *below, Error *error) {
        _cleanup_free_ char *path =
                string_join(worker->request.state_directory, "/" VOLUMES_FOLDER "/", name, below);

        if (!volume_name_is_valid(name))
                return error_set(error, ERROR_INVALID, "the request names no volume");
        int fd = path ? open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
        return fd < 0 ? error_set_errno(error, path ? negative_errno() : -ENOMEM, "can't open volume \"%s\"",
                                        name)
                      : fd;
}

static int out_of_memory(Error *error) {
        return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
}

int verb_volume_export(Worker *worker, Error *error) {
        const PackOptions options = { .prefix = "", .cancelled = worker_cancelled };
        _cleanup_(fd_sink_done) FdSink output = {};
        _cleanup_(tar_writer_freep) TarWriter *tar = NULL;
        _cleanup_close_ int fd = open_volume(worker, strempty(worker->request.name), "/" VOLUME_DATA, error);

        if (fd < 0)
                return fd;
        if (fd_sink_init(&output, worker->fds[0], worker_cancel_fd(), "the archive") < 0)
                return out_of_memory(error);
        Sink sink = fd_sink(&output);
        int r = tar_writer_new(&sink, &tar);
        if (r < 0)
                return out_of_memory(error);
        if ((r = pack_tree(fd, &options, tar, error)) < 0 || (r = tar_writer_finish(tar, error)) < 0 ||
            (r = fd_sink_flush(&output, error)) < 0)
                return r;
        WorkerResult result = { .size = output.position };
        return report_result(worker, &result, error);
}

static int unpack(Worker *worker, int root_fd, ExtractStatistics *statistics, Error *error) {
        const ExtractOptions options = { .keep_owner = true };
        _cleanup_(tree_done) Tree tree = { .parent_fd = -EBADF };

        if (tree_init(&tree, root_fd, "", false) < 0)
                return out_of_memory(error);
        return unpack_input(worker, &tree, &options, statistics, error);
}

int verb_volume_import(Worker *worker, Error *error) {
        ExtractStatistics statistics = {};
        _cleanup_close_ int fd = open_volume(worker, strempty(worker->request.name), "/" VOLUME_DATA, error);

        if (fd < 0)
                return fd;
        int r = unpack(worker, fd, &statistics, error);
        if (r < 0)
                return r;
        if (syncfs(fd) < 0)
                return error_set_errno(error, negative_errno(), "can't store the files");
        WorkerResult result = { .size = statistics.size };
        return report_result(worker, &result, error);
}

/* ---- mounting ---- */

/* The lock is held by whoever is unmounting it (manager-volumes.c), and for as long. */
static int mount_one(Worker *worker, const char *name, Error *error) {
        _cleanup_close_ int fd = open_volume(worker, name, "", error);
        VolumeSpec spec;

        if (fd < 0)
                return fd;
        if (flock(fd, LOCK_EX) < 0)
                return error_set_errno(error, negative_errno(), "can't lock volume \"%s\"", name);
        int r = object_load_at(&volume_spec_type, &spec, fd, VOLUME_DEFINITION, VOLUME_DEFINITION_MAX,
                               error);
        if (r < 0)
                return r;
        r = free_and_strdup(&spec.name, name);
        if (r >= 0)
                r = volume_mount(&spec, fd, error);
        object_done(&volume_spec_type, &spec);
        return r;
}

int verb_volume_mount(Worker *worker, Error *error) {
        WorkerResult result = {};

        STRV_FOREACH(name, worker->request.names) {
                int r = worker_cancelled() ? worker_set_cancelled(error) : mount_one(worker, *name, error);
                if (r < 0)
                        return r;
        }
        return report_result(worker, &result, error);
}
