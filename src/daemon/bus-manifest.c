/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon.h"
#include "reference.h"
#include "string-util.h"
#include "strv.h"

/* The manager's methods for manifests and indexes. */

/* ---- making an index ---- */

static const char *const index_change_words[] = { "create", "add", "remove", NULL };

typedef struct IndexOptions {
        JobOptions job;
        int change; /* IndexChange */
} IndexOptions;

static const Field index_options_fields[] = {
        JOB_OPTION_FIELD,
        { "Change", FIELD_ENUM, offsetof(IndexOptions, change), .words = index_change_words },
        {},
};
static const ObjectType index_options_type = { "options", sizeof(IndexOptions), index_options_fields };

static int create_index(Call *call, const char *name, char *const *references, const IndexOptions *options,
                        Error *error) {
        JobParameters parameters = { .subject = name, .flags = JOB_ADDS_IMAGES };
        WorkerRequest request;
        Job *job;
        int r;

        if ((r = call_make_request("create-index", &request, error)) < 0 ||
            (r = manager_index_request(call->daemon->manager, name, references, options->change, &request,
                                       error)) < 0) {
                object_done(&worker_request_type, &request);
                return r;
        }
        r = call_make_job(call, &request, NULL, 0, &options->job, &parameters, &job, error);
        return r < 0 ? r : call_reply_job(call, job);
}

int method_create_index(Call *call, Error *error) {
        _cleanup_strv_free_ char **references = NULL;
        IndexOptions options;
        const char *name;

        int r = call_read(call, error, "s", &name);
        if (r < 0)
                return r;
        if ((r = sd_bus_message_read_strv(call->message, &references)) < 0)
                return call_malformed(r, error);
        if ((r = call_read_options(call, &index_options_type, &options, error)) < 0)
                return r;
        if (strv_isempty(references))
                return error_set(error, ERROR_INVALID, "no image was named");
        return create_index(call, name, references, &options, error);
}

/* ---- looking at one ---- */

typedef enum ManifestSource { SOURCE_ANY, SOURCE_LOCAL, SOURCE_REGISTRY } ManifestSource;
static const char *const manifest_source_words[] = { "any", "local", "registry", NULL };

typedef struct InspectManifestOptions {
        RemoteOptions remote;
        int source;
        bool verbose;
} InspectManifestOptions;

static const Field inspect_options_fields[] = {
        REMOTE_OPTION_FIELDS,
        { "Source", FIELD_ENUM, offsetof(InspectManifestOptions, source), .words = manifest_source_words },
        { "Verbose", FIELD_BOOL, offsetof(InspectManifestOptions, verbose) },
        {},
};
static const ObjectType inspect_options_type = { "options", sizeof(InspectManifestOptions),
                                                 inspect_options_fields };

/* What is here is looked at here, unless the registry is to be asked. */
static int fill_inspect_request(Call *call, const char *reference, const InspectManifestOptions *options,
                                WorkerRequest *request, Error *error) {
        _cleanup_error_ Error not_here = {};
        Image *image = NULL;
        int r = 0;

        if (options->source != SOURCE_REGISTRY)
                r = image_store_find(call->daemon->manager->images, reference, &image, &not_here);
        if (r < 0 && (options->source == SOURCE_LOCAL || not_here.kind != ERROR_NO_SUCH_IMAGE)) {
                error_move(error, &not_here);
                return r;
        }
        request->verbose = options->verbose;
        r = reference_canonicalize(image && image->names ? image->names[0] : reference, &request->reference,
                                   error);
        if (r < 0)
                return r;
        return image && strv_extend(&request->records, digest_hex(image->record.digest)) < 0
                       ? error_set_errno(error, -ENOMEM, "cannot inspect %s", reference)
                       : 0;
}

int method_inspect_manifest(Call *call, Error *error) {
        InspectManifestOptions options;
        JobParameters parameters = {};
        WorkerRequest request;
        const char *reference;
        int output, r;
        Job *job;

        if ((r = call_read(call, error, "sh", &reference, &output)) < 0 ||
            (r = call_read_options(call, &inspect_options_type, &options, error)) < 0 ||
            (r = call_make_request("inspect-manifest", &request, error)) < 0)
                return r;
        parameters.subject = reference;
        r = fill_inspect_request(call, reference, &options, &request, error);
        if (r < 0) {
                object_done(&worker_request_type, &request);
                return r;
        }
        r = call_make_remote_job(call, &request, &output, 1, &options.remote, &parameters, &job, error);
        return r < 0 ? r : call_reply_job(call, job);
}
