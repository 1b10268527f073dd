/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "build-layer.h"
#include "digest.h"
#include "reclaim.h"
#include "string-util.h"
#include "strv.h"
#include "worker.h"

static int out_of_memory(Error *error) {
        return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
}

static int append(void *userdata, const void *data, size_t size, Error *error) {
        LayerBuild *build = userdata;

        if (worker_cancelled())
                return worker_set_cancelled(error);
        return blob_writer_append(build->writer, data, size, error);
}

int layer_build_start(LayerBuild *build, Compression found, Compression add, Error *error) {
        Sink sink = { .write = append, .userdata = build };
        ImageLayer unknown = {};

        build->compression = found == COMPRESSION_NONE ? add : found;
        int r = blob_writer_open(build->content, NULL, UINT64_MAX, false, &build->writer, error);
        if (r >= 0)
                r = unpack_start(build->content, &unknown, build->writer, "layer", &build->unpack, error);
        if (r >= 0 && compressor_new(add, &sink, &build->compressor) < 0)
                r = out_of_memory(error);
        return r;
}

Sink layer_build_sink(LayerBuild *build) {
        return compressor_sink(build->compressor);
}

static int take_blob(LayerBuild *build, Error *error) {
        int r = compressor_finish(build->compressor, error);

        if (r < 0)
                return r;
        build->layer.size = blob_writer_size(build->writer);
        r = blob_writer_commit(build->writer, error);
        if (r < 0)
                return r;
        build->added_blob = true;
        return free_and_strdup(&build->layer.digest, blob_writer_digest(build->writer)) < 0
                       ? out_of_memory(error)
                       : 0;
}

int layer_build_finish(LayerBuild *build, Error *error) {
        int r = take_blob(build, error);

        if (r < 0)
                return r;
        LayerUnpack *unpack = TAKE_PTR(build->unpack);
        r = unpack_wait(unpack, &build->layer.diff_id, &build->layer.unpacked_size, error);
        build->added_layer = r >= 0;
        return r;
}

static int write_manifest(LayerBuild *build, bool docker, const ImageRecord *base, const char *config,
                          size_t config_size, char **ret, size_t *ret_size, Error *error) {
        size_t n = base ? base->layers.n : 0;
        _cleanup_free_ ImageLayer *items = new0(ImageLayer, n + 1);
        List layers = { .items = items, .n = n + 1 };
        char digest[DIGEST_TEXT_SIZE];

        if (!items)
                return out_of_memory(error);
        for (size_t i = 0; i < n; i++)
                items[i] = *LIST_ITEM(&base->layers, ImageLayer, i);
        items[n] = build->layer;
        items[n].media_type = (char *) image_layer_media_type(docker, build->compression);
        digest_of(config, config_size, digest);
        return image_manifest_write(docker, digest, config_size, &layers, ret, ret_size, error);
}

int layer_build_publish(LayerBuild *build, bool docker, const ImageRecord *base, const json_t *document,
                        ImageRecord *ret, Error *error) {
        _cleanup_free_ char *config = json_dumps(document, JSON_COMPACT), *manifest = NULL;
        size_t size;

        if (!config)
                return out_of_memory(error);
        int r = write_manifest(build, docker, base, config, strlen(config), &manifest, &size, error);
        if (r >= 0)
                r = content_publish_image(build->content, manifest, size, NULL, config, strlen(config), ret,
                                          error);
        build->published = r >= 0;
        return r;
}

void layer_build_done(LayerBuild *build) {
        static const Error stop = { .kind = ERROR_CANCELLED };

        if (build->writer)
                blob_writer_abort(build->writer, false, &stop);
        if (build->unpack)
                (void) unpack_wait(build->unpack, NULL, NULL, NULL);
        compressor_free(build->compressor);
        blob_writer_free(build->writer);
        if (!build->published && (build->added_blob || build->added_layer)) {
                char *blobs[] = { build->layer.digest ? (char *) digest_hex(build->layer.digest) : NULL,
                                  NULL };
                char *layers[] = { build->layer.diff_id ? (char *) digest_hex(build->layer.diff_id) : NULL,
                                   NULL };
                (void) content_reclaim(build->content, blobs, layers, NULL, false, NULL, NULL);
        }
        object_done(&image_layer_type, &build->layer);
}
