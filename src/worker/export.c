/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <unistd.h>

#include "byte-stream.h"
#include "container-files.h"
#include "fd-util.h"
#include "pack.h"
#include "report.h"
#include "sandbox.h"
#include "string-util.h"
#include "strv.h"

/* The container's files as one tar. They are read out of the layers even while it runs: what is mounted into it, volumes
 * and /proc, is not part of it. */

static int open_layers(Worker *worker, Error *error) {
        const WorkerRequest *request = &worker->request;
        _cleanup_strv_free_ char **layers = NULL;

        int r = isempty(request->upper) ? 0 : strv_extend(&layers, request->upper);
        for (char **layer = request->lower; r >= 0 && layer && *layer; layer++)
                r = strv_extend(&layers, *layer);
        if (r < 0)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        _cleanup_close_ int fd = container_overlay_open(layers, NULL, NULL, error);
        if (fd < 0)
                return fd;
        r = sandbox_drop_mounts(WORKER_NEEDS_FILES, error);
        return r < 0 ? r : TAKE_FD(fd);
}

static int write_archive(Worker *worker, int root_fd, FdSink *output, Error *error) {
        PackOptions options = { .prefix = "", .skip_root = true, .cancelled = worker_cancelled };
        _cleanup_(tar_writer_freep) TarWriter *tar = NULL;
        Sink sink = fd_sink(output);

        int r = tar_writer_new(&sink, &tar);
        if (r < 0)
                return error_set_errno(error, r, "can't write a tar archive");
        r = pack_tree(root_fd, &options, tar, error);
        if (r >= 0)
                r = tar_writer_finish(tar, error);
        return r < 0 ? r : fd_sink_flush(output, error);
}

int verb_export(Worker *worker, Error *error) {
        _cleanup_(fd_sink_done) FdSink output = {};
        _cleanup_close_ int root_fd = open_layers(worker, error);

        if (root_fd < 0)
                return root_fd;
        if (fd_sink_init(&output, worker->fds[0], worker_cancel_fd(), "the archive") < 0)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        int r = write_archive(worker, root_fd, &output, error);
        if (r < 0)
                return error_prefix(error, r, "can't export");
        WorkerResult result = { .size = output.position };
        return report_result(worker, &result, error);
}
