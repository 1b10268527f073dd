/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon.h"
#include "image-mount.h"
#include "string-util.h"
#include "strv.h"

/* The manager's methods that look inside images. */

static int find_image(Call *call, const char *reference, Image **ret, Error *error) {
        return image_store_find(call->daemon->manager->images, reference, ret, error);
}

/* ---- mounting ---- */

int method_mount_image(Call *call, Error *error) {
        const char *reference;
        Image *image;
        int r;

        if ((r = call_read(call, error, "s", &reference)) < 0 ||
            (r = find_image(call, reference, &image, error)) < 0 ||
            (r = image_mount(call->daemon->manager->images, image, error)) < 0)
                return r;
        _cleanup_free_ char *path = image_mount_path(image);
        return path ? sd_bus_reply_method_return(call->message, "s", path) : -ENOMEM;
}

int method_unmount_image(Call *call, Error *error) {
        const char *reference;
        Image *image;
        int r;

        if ((r = call_read(call, error, "s", &reference)) < 0 ||
            (r = find_image(call, reference, &image, error)) < 0 || (r = image_unmount(image, error)) < 0)
                return r;
        return call_reply(call);
}

/* ---- comparing ---- */

static const Field compare_options_fields[] = { JOB_OPTION_FIELD, {} };
static const ObjectType compare_options_type = { "options", sizeof(JobOptions), compare_options_fields };

static int add_lower(Call *call, const char *reference, char ***ret, Error *error) {
        Image *image;

        int r = find_image(call, reference, &image, error);
        if (r < 0)
                return r;
        if (image->record.kind != IMAGE_RUNNABLE)
                return error_set(error, ERROR_UNSUPPORTED, "%s is not an image with files", reference);
        r = image_store_lower(call->daemon->manager->images, &image->record, ret);
        return r < 0 ? error_set_errno(error, r, "cannot compare images") : 0;
}

int method_compare_images(Call *call, Error *error) {
        JobParameters parameters = {};
        const char *a, *b;
        WorkerRequest request;
        JobOptions options;
        int fd, r;
        Job *job;

        if ((r = call_read(call, error, "ssh", &a, &b, &fd)) < 0 ||
            (r = call_read_options(call, &compare_options_type, &options, error)) < 0 ||
            (r = call_make_request("image-diff", &request, error)) < 0)
                return r;
        if ((r = add_lower(call, a, &request.lower, error)) < 0 ||
            (r = add_lower(call, b, &request.other_lower, error)) < 0) {
                object_done(&worker_request_type, &request);
                return r;
        }
        parameters.subject = a;
        r = call_make_job(call, &request, &fd, 1, &options, &parameters, &job, error);
        return r < 0 ? r : call_reply_job(call, job);
}
