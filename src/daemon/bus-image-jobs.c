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

typedef enum PullPolicy {
        PULL_ALWAYS,  /* asks the registry, and fetches what has changed */
        PULL_MISSING, /* asks only for what is not here */
        PULL_NEVER,   /* does not ask at all */
        PULL_NEWER, /* like always, but contents itself with what is here when the registry can't be asked */
} PullPolicy;
static const char *const pull_policy_words[] = { "always", "missing", "never", "newer", NULL };

typedef struct PullOptions {
        RemoteOptions remote;
        char *platform;
        int policy;
        bool all_tags;
} PullOptions;

static const Field pull_options_fields[] = {
        REMOTE_OPTION_FIELDS,
        { "Platform", FIELD_STRING, offsetof(PullOptions, platform), .max = 256 },
        { "Policy", FIELD_ENUM, offsetof(PullOptions, policy), .words = pull_policy_words },
        { "AllTags", FIELD_BOOL, offsetof(PullOptions, all_tags) },
        {},
};
static const ObjectType pull_options_type = { "options", sizeof(PullOptions), pull_options_fields };

/* "linux/arm64" fits any variant of it. */
static bool suits_platform(const ImageRecord *record, const char *platform) {
        _cleanup_free_ char *own = string_join(strempty(record->os), "/", strempty(record->architecture));
        const char *rest = isempty(platform) ? "" : own ? startswith(platform, own) : NULL;

        return rest && (*rest == 0 || (*rest == '/' && streq_ptr(rest + 1, record->variant)));
}

/* The image that a pull would bring, as far as it is here. With a digest, the tag beside it says nothing. */
static int find_pulled(Call *call, const char *text, const char *platform, Image **ret, Error *error) {
        ImageStore *store = call->daemon->manager->images;
        _cleanup_(reference_done) Reference reference = {};

        int r = reference_parse(text, &reference, error);
        if (r < 0)
                return r;
        if (reference.digest)
                reference.tag = (free(reference.tag), NULL);
        _cleanup_free_ char *name = reference_to_string(&reference);
        if (!name)
                return error_set_errno(error, -ENOMEM, "cannot pull");
        Image *image = image_store_by_name(store, name);
        if (!image && reference.digest)
                image = image_store_by_digest(store, reference.digest);
        *ret = image && suits_platform(&image->record, platform) ? image : NULL;
        return 0;
}

static int check_all_tags(const char *reference, const PullOptions *options, Error *error) {
        const char *slash = strrchr(reference, '/');

        if (strpbrk(slash ? slash : reference, ":@"))
                return error_set(error, ERROR_INVALID,
                                 "\"%s\" names a tag or a digest, and all tags are asked for", reference);
        if (options->policy == PULL_MISSING || options->policy == PULL_NEVER)
                return error_set(error, ERROR_INVALID,
                                 "which tags there are only the registry knows; the policy can't be \"%s\"",
                                 pull_policy_words[options->policy]);
        return 0;
}

/* What the policy makes of what is here. */
static int apply_policy(Call *call, PullOptions *options, WorkerRequest *request, JobParameters *parameters,
                        Error *error) {
        Image *image = NULL;

        if (request->all_tags)
                return check_all_tags(parameters->subject, options, error);
        int r = find_pulled(call, request->reference, options->platform, &image, error);
        if (r < 0)
                return r;
        if (!image && options->policy == PULL_NEVER)
                return error_set(error, ERROR_NO_SUCH_IMAGE,
                                 "the image %s is not here, and the policy \"never\" forbids asking its "
                                 "registry (berthctl pull gets it)",
                                 parameters->subject);
        if (image && (options->policy == PULL_MISSING || options->policy == PULL_NEVER))
                parameters->image = image->record.digest;
        request->ask_first = options->policy == PULL_NEWER;
        if (image && request->ask_first && free_and_strdup(&request->base_digest, image->record.digest) < 0)
                return error_set_errno(error, -ENOMEM, "cannot pull");
        return 0;
}

static int pull(Call *call, const char *reference, PullOptions *options, Error *error) {
        JobParameters parameters = { .subject = reference, .flags = JOB_ADDS_IMAGES };
        WorkerRequest request;
        Job *job;
        int r;

        if ((r = call_make_request("pull", &request, error)) < 0)
                return r;
        request.all_tags = options->all_tags;
        if ((r = reference_canonicalize(reference, &request.reference, error)) < 0 ||
            (r = apply_policy(call, options, &request, &parameters, error)) < 0) {
                object_done(&worker_request_type, &request);
                return r;
        }
        request.platform = TAKE_PTR(options->platform);
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
