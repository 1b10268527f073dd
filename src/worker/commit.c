/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <unistd.h>

#include "build-layer.h"
#include "container-files.h"
#include "fd-util.h"
#include "image-change.h"
#include "pack.h"
#include "report.h"
#include "string-util.h"
#include "time-util.h"

/* A container's upper directory becomes a layer on top of its image. */

static int write_layer(Worker *worker, LayerBuild *build, Error *error) {
        PackOptions options = { .prefix = "",
                                .upper = true,
                                .skip = container_file_is_mount_point,
                                .cancelled = worker_cancelled };
        _cleanup_(tar_writer_freep) TarWriter *tar = NULL;
        _cleanup_close_ int fd =
                open(strempty(worker->request.upper), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        if (fd < 0)
                return error_set_errno(error, negative_errno(), "can't open the container's files");
        int r = layer_build_start(build, COMPRESSION_NONE, COMPRESSION_GZIP, error);
        if (r < 0)
                return r;
        Sink sink = layer_build_sink(build);
        r = tar_writer_new(&sink, &tar);
        if (r < 0)
                return error_set_errno(error, r, "can't write a tar archive");
        r = pack_tree(fd, &options, tar, error);
        if (r >= 0)
                r = tar_writer_finish(tar, error);
        return r < 0 ? r : layer_build_finish(build, error);
}

static int read_base(Worker *worker, ContentStore *content, ImageRecord *ret, json_t **ret_document,
                     Error *error) {
        const char *digest = worker->request.base_digest;
        _cleanup_free_ char *config = NULL;
        size_t size;

        if (!digest_is_valid(digest))
                return error_set(error, ERROR_INVALID, "the request names no base image");
        int r = content_find_image(content, digest, ret, error);
        if (r == 0)
                return error_set(error, ERROR_NO_SUCH_IMAGE,
                                 "the container's image %.19s is not complete here", digest);
        if (r < 0)
                return r;
        r = content_read_blob(content, ret->id, image_limits()->config_size, &config, &size, error);
        if (r >= 0)
                r = image_document_parse(config, size, ret_document, error);
        if (r < 0)
                object_done(&image_record_type, ret);
        return r;
}

/* The container's settings, then the instructions. */
static int change_document(Worker *worker, json_t *document, Error *error) {
        int r = image_document_set_config(document, &worker->request.config, error);

        return r < 0 ? r
                     : image_change_apply(image_document_config(document), worker->request.changes, error);
}

static int publish(Worker *worker, LayerBuild *build, const ImageRecord *base, json_t *document,
                   Error *error) {
        bool docker = streq(strempty(base->media_type), MEDIA_TYPE_DOCKER_MANIFEST);
        LayerNote note = {
                .diff_id = build->layer.diff_id,
                .created = realtime_usec(),
                .created_by = "commit",
                .author = worker->request.author,
                .comment = worker->request.comment,
        };
        ImageRecord record;

        int r = image_document_add_layer(document, &note, error);
        if (r >= 0)
                r = layer_build_publish(build, docker, base, document, &record, error);
        if (r < 0)
                return r;
        r = worker_send_image(worker, &record, worker->request.names, false, error);
        object_done(&image_record_type, &record);
        return r;
}

static int commit(Worker *worker, ContentStore *content, Error *error) {
        _cleanup_(layer_build_done) LayerBuild build = { .content = content };
        _cleanup_(json_decrefp) json_t *document = NULL;
        ImageRecord base;

        int r = read_base(worker, content, &base, &document, error);
        if (r < 0)
                return r;
        r = change_document(worker, document, error);
        if (r >= 0)
                r = write_layer(worker, &build, error);
        if (r >= 0)
                r = publish(worker, &build, &base, document, error);
        object_done(&image_record_type, &base);
        return r;
}

int verb_commit(Worker *worker, Error *error) {
        _cleanup_(content_closep) ContentStore *content = NULL;
        int r = report_open_content(worker, &content, error);

        if (r >= 0)
                r = commit(worker, content, error);
        return error_prefix(error, r, "can't commit");
}
