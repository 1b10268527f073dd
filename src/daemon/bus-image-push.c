/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon.h"
#include "reference.h"
#include "string-util.h"

/* The manager's methods that are jobs: images to registries. */

typedef struct PushOptions {
        RemoteOptions remote;
        char *destination, *compression;
        int compression_level;
        bool all_tags;
} PushOptions;

static const Field push_options_fields[] = {
        REMOTE_OPTION_FIELDS,
        { "Destination", FIELD_STRING, offsetof(PushOptions, destination), .max = REFERENCE_MAX },
        { "AllTags", FIELD_BOOL, offsetof(PushOptions, all_tags) },
        { "Compression", FIELD_STRING, offsetof(PushOptions, compression), .max = 64 },
        { "CompressionLevel", FIELD_INT, offsetof(PushOptions, compression_level) },
        {},
};
static const ObjectType push_options_type = { "options", sizeof(PushOptions), push_options_fields };

static int push(Call *call, const char *reference, PushOptions *options, Error *error) {
        /* Compressed layers are added to the store. */
        JobParameters parameters = { .flags = JOB_ADDS_IMAGES };
        _cleanup_free_ char *subject = NULL;
        WorkerRequest request;
        Job *job;
        int r;

        if ((r = call_make_request("push", &request, error)) < 0 ||
            (r = manager_push_request(call->daemon->manager, reference, options->destination,
                                      options->all_tags, &request, error)) < 0) {
                object_done(&worker_request_type, &request);
                return r;
        }
        request.compression = TAKE_PTR(options->compression);
        request.compression_level = options->compression_level;
        request.all_tags = options->all_tags;
        parameters.subject = subject = strdup(request.reference);
        r = call_make_remote_job(call, &request, NULL, 0, &options->remote, &parameters, &job, error);
        return r < 0 ? r : call_reply_job(call, job);
}

int method_push_image(Call *call, Error *error) {
        const char *reference;
        PushOptions options;
        int r;

        if ((r = call_read(call, error, "s", &reference)) < 0 ||
            (r = call_read_options(call, &push_options_type, &options, error)) < 0)
                return r;
        r = push(call, reference, &options, error);
        object_done(&push_options_type, &options);
        return r;
}
