/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unpack.h"
#include "byte-stream.h"
#include "compress.h"
#include "tar-reader.h"

int unpack_input(Worker *worker, Tree *tree, const ExtractOptions *options, ExtractStatistics *statistics,
                 Error *error) {
        _cleanup_(fd_source_done) FdSource input = {};
        _cleanup_(decompressor_freep) Decompressor *decompressor = NULL;
        _cleanup_(tar_reader_freep) TarReader *reader = NULL;
        const void *data;
        ssize_t n;
        int r;

        if ((r = fd_source_init(&input, worker->fds[0], worker_cancel_fd(), "the archive")) < 0)
                return error_set_errno(error, r, "cannot unpack");
        Source source = fd_source(&input);
        if ((r = decompressor_new(&source, NULL, &decompressor)) < 0)
                return error_set_errno(error, r, "cannot unpack");
        source = decompressor_source(decompressor);
        if ((r = tar_reader_new(&source, NULL, &reader)) < 0)
                return error_set_errno(error, r, "cannot unpack");
        if ((r = extract_archive(tree, reader, options, statistics, error)) < 0)
                return r;
        while ((n = source_next(&source, &data, error)) > 0)
                ;
        return n;
}
