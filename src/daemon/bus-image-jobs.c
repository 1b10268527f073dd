/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon.h"
#include "reference.h"
#include "string-util.h"
#include "strv.h"

/* The manager's methods that are jobs: images in and out. */

/* Names that images may get here: without digest. */
static int add_name(char ***names, const char *reference, Error *error) {
        _cleanup_free_ char *canonical = NULL;

        int r = reference_canonicalize(reference, &canonical, error);
        if (r < 0)
                return r;
        if (strchr(canonical, '@'))
                return error_set(error, ERROR_INVALID,
                                 "\"%s\" has a digest; a name for an image can't have one", reference);
        return strv_consume(names, TAKE_PTR(canonical));
}

/* ---- pull ---- */

typedef enum PullPolicy { PULL_ALWAYS, PULL_MISSING, PULL_NEWER } PullPolicy;
static const char *const pull_policy_words[] = { "always", "missing", "newer", NULL };

typedef struct PullOptions {
        RemoteOptions remote;
        char *platform;
        int policy;
} PullOptions;

static const Field pull_options_fields[] = {
        REMOTE_OPTION_FIELDS,
        { "Platform", FIELD_STRING, offsetof(PullOptions, platform), .max = 256 },
        { "Policy", FIELD_ENUM, offsetof(PullOptions, policy), .words = pull_policy_words },
        {},
};
static const ObjectType pull_options_type = { "options", sizeof(PullOptions), pull_options_fields };

static int pull(Call *call, const char *reference, PullOptions *options, Error *error) {
        JobParameters parameters = { .subject = reference, .flags = JOB_ADDS_IMAGES };
        WorkerRequest request;
        Image *image = NULL;
        Job *job;
        int r;

        if ((r = call_make_request("pull", &request, error)) < 0 ||
            (r = reference_canonicalize(reference, &request.reference, error)) < 0) {
                object_done(&worker_request_type, &request);
                return r;
        }
        request.platform = TAKE_PTR(options->platform);
        /* always and newer are the same: what has not changed is not fetched. */
        if (options->policy == PULL_MISSING)
                image = image_store_by_name(call->daemon->manager->images, request.reference);
        if (image)
                parameters.image = image->record.digest;
        r = call_make_remote_job(call, &request, NULL, 0, &options->remote, &parameters, &job, error);
        return r < 0 ? r : call_reply_job(call, job);
}

int method_pull_image(Call *call, Error *error) {
        PullOptions options;
        const char *reference;
        int r;

        if ((r = call_read(call, error, "s", &reference)) < 0 ||
            (r = call_read_options(call, &pull_options_type, &options, error)) < 0)
                return r;
        r = pull(call, reference, &options, error);
        object_done(&pull_options_type, &options);
        return r;
}

/* ---- load, import, save ---- */

static const Field job_options_fields[] = { JOB_OPTION_FIELD, {} };
static const ObjectType job_options_type = { "options", sizeof(JobOptions), job_options_fields };

int method_load_images(Call *call, Error *error) {
        JobParameters parameters = { .flags = JOB_ADDS_IMAGES };
        WorkerRequest request;
        JobOptions options;
        int fd, r;
        Job *job;

        if ((r = call_read(call, error, "h", &fd)) < 0 ||
            (r = call_read_options(call, &job_options_type, &options, error)) < 0 ||
            (r = call_make_request("load", &request, error)) < 0)
                return r;
        r = call_make_job(call, &request, &fd, 1, &options, &parameters, &job, error);
        return r < 0 ? r : call_reply_job(call, job);
}

typedef struct ImportOptions {
        JobOptions job;
        char *comment, *platform;
        char **changes;
} ImportOptions;

static const Field import_options_fields[] = {
        JOB_OPTION_FIELD,
        { "Comment", FIELD_STRING, offsetof(ImportOptions, comment), .max = 4096 },
        { "Changes", FIELD_STRV, offsetof(ImportOptions, changes), .max = 1000 },
        { "Platform", FIELD_STRING, offsetof(ImportOptions, platform), .max = 256 },
        {},
};
static const ObjectType import_options_type = { "options", sizeof(ImportOptions), import_options_fields };

int method_import_image(Call *call, Error *error) {
        JobParameters parameters = { .flags = JOB_ADDS_IMAGES };
        WorkerRequest request;
        ImportOptions options;
        const char *reference;
        int fd, r;
        Job *job;

        if ((r = call_read(call, error, "hs", &fd, &reference)) < 0 ||
            (r = call_read_options(call, &import_options_type, &options, error)) < 0)
                return r;
        r = call_make_request("import", &request, error);
        if (r >= 0 && !isempty(reference))
                r = add_name(&request.names, reference, error);
        if (r >= 0) {
                request.comment = TAKE_PTR(options.comment);
                request.changes = TAKE_PTR(options.changes);
                request.platform = TAKE_PTR(options.platform);
                parameters.subject = reference;
                r = call_make_job(call, &request, &fd, 1, &options.job, &parameters, &job, error);
        } else
                object_done(&worker_request_type, &request);
        object_done(&import_options_type, &options);
        return r < 0 ? r : call_reply_job(call, job);
}

/* An image that is named by a name of its own goes out under that name; one named by digest or id, under none. */
static int add_saved(Call *call, const char *reference, WorkerRequest *request, Error *error) {
        _cleanup_free_ char *canonical = NULL;
        Image *image;

        int r = image_store_find(call->daemon->manager->images, reference, &image, error);
        if (r < 0)
                return r;
        bool named = reference_canonicalize(reference, &canonical, NULL) >= 0 &&
                     strv_contains(image->names, canonical);
        if (strv_extend(&request->names, named ? canonical : "") < 0 ||
            strv_extend(&request->records, digest_hex(image->record.digest)) < 0)
                return error_set_errno(error, -ENOMEM, "cannot save");
        return 0;
}

static int save(Call *call, char **references, int fd, const JobOptions *options, Error *error) {
        JobParameters parameters = { .subject = references[0] };
        WorkerRequest request;
        Job *job;

        int r = call_make_request("save", &request, error);
        for (size_t i = 0; r >= 0 && references[i]; i++)
                r = add_saved(call, references[i], &request, error);
        if (r < 0) {
                object_done(&worker_request_type, &request);
                return r;
        }
        r = call_make_job(call, &request, &fd, 1, options, &parameters, &job, error);
        return r < 0 ? r : call_reply_job(call, job);
}

int method_save_images(Call *call, Error *error) {
        _cleanup_strv_free_ char **references = NULL;
        JobOptions options;
        int fd;

        int r = sd_bus_message_read_strv(call->message, &references);
        if (r < 0)
                return call_malformed(r, error);
        if ((r = call_read(call, error, "h", &fd)) < 0 ||
            (r = call_read_options(call, &job_options_type, &options, error)) < 0)
                return r;
        if (strv_isempty(references))
                return error_set(error, ERROR_INVALID, "no image was named");
        return save(call, references, fd, &options, error);
}
