/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <unistd.h>

#include "bus.h"
#include "daemon.h"
#include "fd-util.h"
#include "object-bus.h"
#include "reference.h"
#include "string-util.h"
#include "strv.h"

/* What concerns a container's files is a worker's work, in jobs where it may take long. */

/* ---- cp ---- */

typedef struct GetOptions {
        JobOptions job;
        bool follow_link;
} GetOptions;

static const Field get_options_fields[] = {
        JOB_OPTION_FIELD,
        { "FollowLink", FIELD_BOOL, offsetof(GetOptions, follow_link) },
        {},
};
static const ObjectType get_options_type = { "options", sizeof(GetOptions), get_options_fields };

int method_get_archive(Call *call, Error *error) {
        JobParameters parameters = { .container = call->object };
        WorkerRequest request;
        GetOptions options;
        const char *path;
        int fds[2];
        Job *job;
        int r;

        if ((r = call_read(call, error, "s", &path)) < 0 ||
            (r = call_read_options(call, &get_options_type, &options, error)) < 0)
                return r;
        if (pipe2(fds, O_CLOEXEC) < 0)
                return error_set_errno(error, negative_errno(), "cannot make a pipe");
        _cleanup_close_ int from = fds[0], to = fds[1];
        if ((r = call_make_request("get", &request, error)) < 0)
                return r;
        request.follow_link = options.follow_link;
        request.path = strdup(path);
        parameters.subject = path;
        if ((r = call_make_job(call, &request, &to, 1, &options.job, &parameters, &job, error)) < 0)
                return r;
        _cleanup_free_ char *object = job_path(job);
        return object ? sd_bus_reply_method_return(call->message, "ho", from, object) : -ENOMEM;
}

typedef struct PutOptions {
        JobOptions job;
        bool no_overwrite_dir_non_dir, copy_ids;
} PutOptions;

static const Field put_options_fields[] = {
        JOB_OPTION_FIELD,
        { "NoOverwriteDirNonDir", FIELD_BOOL, offsetof(PutOptions, no_overwrite_dir_non_dir) },
        { "CopyIds", FIELD_BOOL, offsetof(PutOptions, copy_ids) },
        {},
};
static const ObjectType put_options_type = { "options", sizeof(PutOptions), put_options_fields };

int method_put_archive(Call *call, Error *error) {
        JobParameters parameters = { .container = call->object };
        WorkerRequest request;
        PutOptions options;
        const char *path;
        int fd, r;
        Job *job;

        if ((r = call_read(call, error, "sh", &path, &fd)) < 0 ||
            (r = call_read_options(call, &put_options_type, &options, error)) < 0 ||
            (r = call_make_request("put", &request, error)) < 0)
                return r;
        request.no_overwrite_dir_non_dir = options.no_overwrite_dir_non_dir;
        request.copy_ids = options.copy_ids;
        request.path = strdup(path);
        parameters.subject = path;
        r = call_make_job(call, &request, &fd, 1, &options.job, &parameters, &job, error);
        return r < 0 ? r : call_reply_job(call, job);
}

int method_export(Call *call, Error *error) {
        Container *c = call->object;
        JobParameters parameters = { .container = c, .subject = c->spec.name };
        WorkerRequest request;
        int fd, r;
        Job *job;

        if ((r = call_read(call, error, "h", &fd)) < 0 ||
            (r = call_make_request("export", &request, error)) < 0)
                return r;
        r = call_make_job(call, &request, &fd, 1, NULL, &parameters, &job, error);
        return r < 0 ? r : call_reply_job(call, job);
}

/* ---- commit ---- */

typedef struct CommitOptions {
        JobOptions job;
        char *author, *comment;
        char **changes;
        bool pause;
} CommitOptions;

static void commit_options_init(void *object) {
        CommitOptions *options = object;

        options->pause = true;
}

static const Field commit_options_fields[] = {
        JOB_OPTION_FIELD,
        { "Author", FIELD_STRING, offsetof(CommitOptions, author), .max = 4096 },
        { "Comment", FIELD_STRING, offsetof(CommitOptions, comment), .max = 4096 },
        { "Changes", FIELD_STRV, offsetof(CommitOptions, changes), .max = 1000 },
        { "Pause", FIELD_BOOL, offsetof(CommitOptions, pause) },
        {},
};
static const ObjectType commit_options_type = { "options", sizeof(CommitOptions), commit_options_fields,
                                                commit_options_init };

/* The configuration that the container has, as the new image's: its image's, with what was given at its creation. */
static int commit_config(Call *call, const Container *c, ImageConfig *config) {
        const Image *image =
                image_store_by_digest(call->daemon->manager->images, strempty(c->spec.image_digest));
        const ContainerSpec *spec = &c->spec;
        bool own_entrypoint = spec->reset_entrypoint || spec->entrypoint;
        int r = image ? object_copy(&image_config_type, config, &image->record.config) : 0;

        if (r < 0)
                return r;
        if (own_entrypoint) {
                config->entrypoint = strv_free(config->entrypoint);
                config->command = strv_free(config->command);
                r = strv_copy_into(spec->entrypoint, &config->entrypoint);
        }
        if (r >= 0 && spec->command) {
                config->command = strv_free(config->command);
                r = strv_copy_into(spec->command, &config->command);
        }
        STRV_FOREACH(e, spec->environment)
                r = r < 0 ? r : strv_map_put(&config->environment, *e);
        STRV_FOREACH(l, spec->labels)
                r = r < 0 ? r : strv_map_put(&config->labels, *l);
        if (r >= 0 && !isempty(spec->working_directory))
                r = free_and_strdup(&config->working_directory, spec->working_directory);
        if (r >= 0 && !isempty(spec->user))
                r = free_and_strdup(&config->user, spec->user);
        if (r >= 0)
                r = health_check_overlay(&config->health, &spec->health);
        if (r >= 0 && !isempty(spec->stop_signal))
                r = free_and_strdup(&config->stop_signal, spec->stop_signal);
        return r;
}

static int commit_request(Call *call, const char *name, CommitOptions *options, WorkerRequest *request,
                          Error *error) {
        int r = call_make_request("commit", request, error);

        if (r >= 0 && (r = commit_config(call, call->object, &request->config)) < 0)
                error_set_errno(error, r, "cannot commit");
        if (r >= 0 && name && strv_extend(&request->names, name) < 0)
                r = error_set_errno(error, -ENOMEM, "cannot commit");
        if (r < 0) {
                object_done(&worker_request_type, request);
                return r;
        }
        request->author = TAKE_PTR(options->author);
        request->comment = TAKE_PTR(options->comment);
        request->changes = TAKE_PTR(options->changes);
        return 0;
}

/* A name for a new image: canonical, without digest; NULL for none. */
static int new_name(const char *reference, char **ret, Error *error) {
        *ret = NULL;
        if (isempty(reference))
                return 0;
        int r = reference_canonicalize(reference, ret, error);
        if (r >= 0 && strchr(*ret, '@')) {
                free_and_replace(*ret, NULL);
                return error_set(error, ERROR_INVALID,
                                 "\"%s\" has a digest; a name for an image can't have one", reference);
        }
        return r;
}

int method_commit(Call *call, Error *error) {
        JobParameters parameters = { .container = call->object, .flags = JOB_ADDS_IMAGES };
        _cleanup_free_ char *name = NULL;
        CommitOptions options;
        WorkerRequest request;
        const char *reference;
        Job *job;
        int r;

        if ((r = call_read(call, error, "s", &reference)) < 0 ||
            (r = new_name(reference, &name, error)) < 0 ||
            (r = call_read_options(call, &commit_options_type, &options, error)) < 0)
                return r;
        parameters.subject = name;
        parameters.pause = options.pause;
        r = commit_request(call, name, &options, &request, error);
        if (r >= 0)
                r = call_make_job(call, &request, NULL, 0, &options.job, &parameters, &job, error);
        object_done(&commit_options_type, &options);
        return r < 0 ? r : call_reply_job(call, job);
}

/* ---- short ones, without a job ---- */

typedef struct ShortWork {
        sd_bus_message *message; /* that waits for the result; NULL: was answered */
        WorkerProcess *worker;
        WorkerResult result;
        bool has_result;
} ShortWork;

static void short_result(const WorkerResult *result, void *userdata) {
        ShortWork *work = userdata;

        object_done(&worker_result_type, &work->result);
        work->has_result = object_copy(&worker_result_type, &work->result, result) >= 0;
}

static int reply_stat(sd_bus_message *call, const WorkerResult *result) {
        return sd_bus_reply_method_return(call, "a{sv}", 5, "Name", "s", strempty(result->name), "Size", "t",
                                          result->size, "Mode", "t", result->mode, "Modified", "t",
                                          result->modified, "LinkTarget", "s",
                                          strempty(result->link_target));
}

static void short_ended(const Error *error, void *userdata) {
        ShortWork *work = userdata;

        if (work->message && (error || !work->has_result))
                (void) bus_reply_error(work->message, -EIO, error);
        else if (work->message)
                (void) reply_stat(work->message, &work->result);
        sd_bus_message_unref(work->message);
        object_done(&worker_result_type, &work->result);
        free(work);
}

static int start_short(Call *call, const char *verb, const char *path, int fd, bool wait, Error *error) {
        static const WorkerHooks hooks = { .result = short_result, .ended = short_ended };
        Manager *manager = call->daemon->manager;
        WorkerRequest request;

        ShortWork *work = new0(ShortWork, 1);
        if (!work)
                return error_set_errno(error, -ENOMEM, "cannot start a worker");
        int r = call_make_request(verb, &request, error);
        if (r >= 0 && ((r = container_files_request(manager, call->object, &request)) < 0 ||
                       (r = free_and_strdup(&request.path, path)) < 0 ||
                       (r = free_and_strdup(&request.state_directory, STATE_DIRECTORY)) < 0))
                error_set_errno(error, r, "cannot reach the container's files");
        if (r >= 0)
                r = worker_start(manager->event, &request, &fd, fd >= 0, &hooks, work, &work->worker, error);
        object_done(&worker_request_type, &request);
        if (r < 0) {
                free(work);
                return r;
        }
        if (wait)
                work->message = call_hold(call);
        return 0;
}

int method_stat_path(Call *call, Error *error) {
        const char *path;

        int r = call_read(call, error, "s", &path);
        return r < 0 ? r : start_short(call, "stat", path, -EBADF, true, error);
}

int method_changes(Call *call, Error *error) {
        int fds[2];

        if (pipe2(fds, O_CLOEXEC) < 0)
                return error_set_errno(error, negative_errno(), "cannot make a pipe");
        _cleanup_close_ int from = fds[0], to = fds[1];
        int r = start_short(call, "changes", NULL, to, false, error);
        return r < 0 ? r : sd_bus_reply_method_return(call->message, "h", from);
}
