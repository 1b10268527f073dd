/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon.h"
#include "log.h"
#include "manager-volumes.h"
#include "string-util.h"
#include "strv.h"

/* The manager's methods that are about the store as a whole: what may go, what it takes, whether all is well. */

#define LAYERS_MAX 1000

/* ---- prune ---- */

typedef struct PruneOptions {
        JobOptions job;
        PruneImagesOptions what;
} PruneOptions;

#define W(member) offsetof(PruneOptions, what.member)
#define COMMON_FIELDS                                                              \
        { "Until", FIELD_UINT64, W(until) }, { "DryRun", FIELD_BOOL, W(dry_run) }, \
                { "Labels", FIELD_STRV, W(labels), .max = 1000 }, {                \
                "ExceptLabels", FIELD_STRV, W(except_labels), .max = 1000          \
        }

static const Field prune_images_fields[] = {
        JOB_OPTION_FIELD,
        COMMON_FIELDS,
        { "All", FIELD_BOOL, W(all) },
        { "Policy", FIELD_BOOL, W(policy) },
        {},
};
static const ObjectType prune_images_type = { "options", sizeof(PruneOptions), prune_images_fields };

static const Field prune_containers_fields[] = { COMMON_FIELDS, {} };
static const Field prune_volumes_fields[] = { COMMON_FIELDS, { "All", FIELD_BOOL, W(all) }, {} };
static const ObjectType prune_volumes_type = { "options", sizeof(PruneOptions), prune_volumes_fields };
static const ObjectType prune_containers_type = { "options", sizeof(PruneOptions), prune_containers_fields };

/* The images are forgotten at once; the job deletes what nobody needs any more. */
static int prune_images(Call *call, const PruneOptions *options, Error *error) {
        JobParameters parameters = { .flags = JOB_TAKES_STOCK, .nothing = options->what.dry_run };
        _cleanup_(prune_result_done) PruneResult result = {};
        WorkerRequest request;
        Job *job;
        int r;

        if ((r = call_make_request("prune", &request, error)) < 0)
                return r;
        request.everything = true;
        r = manager_prune_images(call->daemon->manager, &options->what, &result, error);
        if (r < 0) {
                object_done(&worker_request_type, &request);
                return r;
        }
        /* With a policy that has nothing to say, nothing is looked for either. */
        parameters.nothing |= options->what.policy && !result.deleted;
        r = call_make_job(call, &request, NULL, 0, &options->job, &parameters, &job, error);
        if (r < 0)
                return r;
        job->result.deleted = TAKE_PTR(result.deleted);
        job->result.untagged = TAKE_PTR(result.untagged);
        if (options->what.dry_run)
                job->result.size = result.size;
        return call_reply_job(call, job);
}

int method_prune_images(Call *call, Error *error) {
        PruneOptions options;

        int r = call_read_options(call, &prune_images_type, &options, error);
        if (r < 0)
                return r;
        r = prune_images(call, &options, error);
        object_done(&prune_images_type, &options);
        return r;
}

typedef int (*Pruner)(Manager *manager, const PruneImagesOptions *options, PruneResult *ret, Error *error);

static int reply_pruned(Call *call, const ObjectType *type, Pruner prune, Error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(prune_result_done) PruneResult result = {};
        PruneOptions options;

        int r = call_read_options(call, type, &options, error);
        if (r < 0)
                return r;
        r = prune(call->daemon->manager, &options.what, &result, error);
        object_done(type, &options);
        if (r < 0)
                return r;
        if ((r = sd_bus_message_new_method_return(call->message, &reply)) < 0 ||
            (r = sd_bus_message_append_strv(reply, result.deleted)) < 0)
                return error_set_errno(error, r, "cannot reply");
        return sd_bus_send(NULL, reply, NULL);
}

int method_prune_containers(Call *call, Error *error) {
        return reply_pruned(call, &prune_containers_type, manager_prune_containers, error);
}

int method_prune_volumes(Call *call, Error *error) {
        return reply_pruned(call, &prune_volumes_type, manager_prune_volumes, error);
}

/* ---- reports ---- */

typedef struct ReportOptions {
        JobOptions job;
        bool repair;
} ReportOptions;

static const Field usage_fields[] = { JOB_OPTION_FIELD, {} };
static const ObjectType usage_options_type = { "options", sizeof(ReportOptions), usage_fields };

static const Field verify_fields[] = {
        JOB_OPTION_FIELD,
        { "Repair", FIELD_BOOL, offsetof(ReportOptions, repair) },
        {},
};
static const ObjectType verify_options_type = { "options", sizeof(ReportOptions), verify_fields };

/* A job whose verb writes a JSON document to the descriptor. */
static int start_report(Call *call, const char *verb, const ObjectType *type, JobFlags flags, Job **ret_job,
                        bool *ret_repair, Error *error) {
        JobParameters parameters = { .flags = flags };
        ReportOptions options;
        WorkerRequest request;
        int fd, r;

        if ((r = call_read(call, error, "h", &fd)) < 0 ||
            (r = call_read_options(call, type, &options, error)) < 0 ||
            (r = call_make_request(verb, &request, error)) < 0)
                return r;
        request.repair = *ret_repair = options.repair;
        r = manager_layers_in_use(call->daemon->manager, &request.layers);
        /* They only decide what is said about a layer: a request has limits. */
        if (r >= 0 && strv_length(request.layers) > LAYERS_MAX)
                request.layers = strv_free(request.layers);
        if (r < 0) {
                object_done(&worker_request_type, &request);
                return error_set_errno(error, r, "cannot make a job");
        }
        return call_make_job(call, &request, &fd, 1, &options.job, &parameters, ret_job, error);
}

int method_disk_usage(Call *call, Error *error) {
        bool repair;
        Job *job;

        int r = start_report(call, "usage", &usage_options_type, 0, &job, &repair, error);
        return r < 0 ? r : call_reply_job(call, job);
}

/* Names are berthd's: the index is written anew, whatever was found in it. What the worker has set aside can go now. */
static void on_repaired(Job *job, const Error *failure, void *userdata) {
        _cleanup_error_ Error error = {};

        if (image_store_save(job->manager->images, &error) < 0)
                log_error("%s", error_text(&error));
        manager_sweep(job->manager);
}

int method_verify(Call *call, Error *error) {
        bool repair;
        Job *job;

        int r = start_report(call, "verify", &verify_options_type, JOB_TAKES_STOCK, &job, &repair, error);
        if (r >= 0 && repair && job_wait(job, on_repaired, NULL) < 0)
                log_oom();
        return r < 0 ? r : call_reply_job(call, job);
}
