/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "build-layer.h"
#include "byte-stream.h"
#include "image-change.h"
#include "report.h"
#include "string-util.h"
#include "time-util.h"

/* The tar becomes the one layer of an image. What is compressed is kept as it is; a plain tar is compressed, since it will
 * lie in the store for long, and be pushed. */

static int write_layer(Worker *worker, LayerBuild *build, Error *error) {
        _cleanup_(fd_source_done) FdSource input = {};
        _cleanup_(peek_source_done) PeekSource peek = {};

        if (fd_source_init(&input, worker->fds[0], worker_cancel_fd(), "the tar") < 0)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        peek.input = fd_source(&input);
        int r = peek_source_fill(&peek, COMPRESSION_MAGIC_MAX, error);
        if (r < 0)
                return r;
        if (peek.size == 0)
                return error_set(error, ERROR_CORRUPT, "the tar is empty");
        Compression found = compression_detect(peek.head, peek.size);
        r = layer_build_start(build, found, found == COMPRESSION_NONE ? COMPRESSION_GZIP : COMPRESSION_NONE,
                              error);
        if (r < 0)
                return r;
        Source source = peek_source(&peek);
        Sink sink = layer_build_sink(build);
        r = source_copy(&source, &sink, NULL, error);
        return r < 0 ? r : layer_build_finish(build, error);
}

static int make_document(Worker *worker, const LayerBuild *build, json_t **ret, Error *error) {
        _cleanup_(platform_done) Platform platform = {};
        _cleanup_(json_decrefp) json_t *document = NULL;
        LayerNote note = {
                .diff_id = build->layer.diff_id,
                .created = realtime_usec(),
                .author = worker->request.author,
                .comment =
                        isempty(worker->request.comment) ? "Imported from a tar" : worker->request.comment,
        };

        int r = platform_parse(worker->request.platform, &platform, error);
        if (r >= 0)
                r = image_document_new(&platform, &document, error);
        if (r >= 0)
                r = image_change_apply(image_document_config(document), worker->request.changes, error);
        if (r >= 0)
                r = image_document_add_layer(document, &note, error);
        if (r >= 0)
                *ret = TAKE_PTR(document);
        return r;
}

static int import(Worker *worker, ContentStore *content, Error *error) {
        _cleanup_(layer_build_done) LayerBuild build = { .content = content };
        _cleanup_(json_decrefp) json_t *document = NULL;
        ImageRecord record;

        /* A wrong instruction should not cost the reading of a big tar. */
        _cleanup_(json_decrefp) json_t *trial = json_object();
        int r = image_change_apply(trial, worker->request.changes, error);
        if (r >= 0)
                r = write_layer(worker, &build, error);
        if (r >= 0)
                r = make_document(worker, &build, &document, error);
        if (r >= 0)
                r = layer_build_publish(&build, false, NULL, document, &record, error);
        if (r < 0)
                return r;
        r = worker_send_image(worker, &record, worker->request.names, false, error);
        object_done(&image_record_type, &record);
        return r;
}

int verb_import(Worker *worker, Error *error) {
        _cleanup_(content_closep) ContentStore *content = NULL;
        int r = report_open_content(worker, &content, error);

        if (r >= 0)
                r = import(worker, content, error);
        return error_prefix(error, r, "can't import");
}
