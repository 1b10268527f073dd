/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "bus.h"
#include "daemon.h"
#include "fd-util.h"
#include "parse-util.h"
#include "reference.h"
#include "string-util.h"
#include "strv.h"

char *job_path(const Job *job) {
        return format_string(JOB_PATH "/%u", job->id);
}

static Daemon *daemon_of(const Job *job) {
        return job->manager->userdata;
}

/* ---- making one ---- */

int call_make_request(const char *verb, WorkerRequest *request, Error *error) {
        object_init(&worker_request_type, request);
        return free_and_strdup(&request->verb, verb) < 0
                       ? error_set_errno(error, -ENOMEM, "cannot make a job")
                       : 0;
}

int call_make_job(Call *call, WorkerRequest *request, const int *fds, size_t n_fds,
                  const JobOptions *options, JobParameters *parameters, Job **ret, Error *error) {
        parameters->call = call->message;
        parameters->action = call->action;
        if (options && options->cancel_on_disconnect)
                parameters->flags |= JOB_CANCEL_ON_DISCONNECT;
        int r = job_new(call->daemon->manager, request, fds, n_fds, parameters, ret, error);
        if (r < 0)
                object_done(&worker_request_type, request);
        return r;
}

static int allow_insecure(WorkerRequest *request, Error *error) {
        _cleanup_(reference_done) Reference parsed = {};

        int r = reference_parse(request->reference, &parsed, error);
        if (r < 0)
                return r;
        r = strv_extend(&request->insecure_registries, parsed.registry);
        return r < 0 ? error_set_errno(error, r, "cannot make a job") : 0;
}

int call_make_remote_job(Call *call, WorkerRequest *request, const int *fds, size_t n_fds,
                         const RemoteOptions *options, JobParameters *parameters, Job **ret, Error *error) {
        _cleanup_close_ int nothing = memfd_with_data("berth-credentials", "", 0);
        int all[JOB_DESCRIPTORS_MAX] = { options->credentials > 0 ? options->credentials : nothing };

        int r = nothing < 0         ? error_set_errno(error, nothing, "cannot make a job")
                : options->insecure ? allow_insecure(request, error)
                                    : 0;
        if (r < 0) {
                object_done(&worker_request_type, request);
                return r;
        }
        if (n_fds > 0)
                memcpy(all + 1, fds, n_fds * sizeof(int));
        return call_make_job(call, request, all, n_fds + 1, &options->job, parameters, ret, error);
}

int call_reply_job(Call *call, const Job *job) {
        _cleanup_free_ char *path = job_path(job);

        return path ? sd_bus_reply_method_return(call->message, "o", path) : -ENOMEM;
}

/* ---- the result ---- */

static int append_image(sd_bus_message *m, const char *digest) {
        _cleanup_free_ char *path = image_path(digest);

        return path ? sd_bus_message_append(m, "{sv}{sv}", "Image", "o", path, "Digest", "s", digest)
                    : -ENOMEM;
}

static int append_images(sd_bus_message *m, char *const *digests) {
        int r;

        if ((r = sd_bus_message_open_container(m, 'e', "sv")) < 0 ||
            (r = sd_bus_message_append(m, "s", "Images")) < 0 ||
            (r = sd_bus_message_open_container(m, 'v', "ao")) < 0 ||
            (r = sd_bus_message_open_container(m, 'a', "o")) < 0)
                return r;
        for (size_t i = 0; digests && digests[i]; i++) {
                _cleanup_free_ char *path = image_path(digests[i]);
                if (!path)
                        return -ENOMEM;
                if ((r = sd_bus_message_append(m, "o", path)) < 0)
                        return r;
        }
        for (int open = 3; open > 0; open--)
                if ((r = sd_bus_message_close_container(m)) < 0)
                        return r;
        return 0;
}

static int append_strings(sd_bus_message *m, const char *key, char *const *strings) {
        int r;

        if ((r = sd_bus_message_open_container(m, 'e', "sv")) < 0 ||
            (r = sd_bus_message_append(m, "s", key)) < 0 ||
            (r = sd_bus_message_open_container(m, 'v', "as")) < 0 ||
            (r = sd_bus_message_append_strv(m, (char **) strings)) < 0 ||
            (r = sd_bus_message_close_container(m)) < 0)
                return r;
        return sd_bus_message_close_container(m);
}

static int append_pruned(sd_bus_message *m, const JobResult *result) {
        int r = append_strings(m, "Deleted", result->deleted);

        if (r >= 0)
                r = append_strings(m, "Untagged", result->untagged);
        return r < 0 ? r : sd_bus_message_append(m, "{sv}", "Size", "t", result->size);
}

static int append_pulled(sd_bus_message *m, const JobResult *result) {
        int r = append_images(m, result->images);

        if (r >= 0)
                r = sd_bus_message_append(m, "{sv}", "Existed", "b", (int) result->existed);
        if (r >= 0 && result->warning)
                r = sd_bus_message_append(m, "{sv}", "Warning", "s", result->warning);
        return r;
}

static int append_entries(sd_bus_message *m, const Job *job) {
        const JobResult *result = &job->result;
        int r = 0;

        if (job->state != JOB_DONE)
                return 0;
        if (streq(job->type, "prune"))
                return append_pruned(m, result);
        if (streq(job->type, "load"))
                return append_images(m, result->images);
        if (result->images && (r = append_image(m, result->images[0])) < 0)
                return r;
        if (streq(job->type, "pull"))
                return append_pulled(m, result);
        if (streq(job->type, "push") || streq(job->type, "inspect-manifest"))
                return sd_bus_message_append(m, "{sv}{sv}", "Digest", "s", strempty(result->digest), "Size",
                                             "t", result->size);
        if (streq(job->type, "sign"))
                return sd_bus_message_append(m, "{sv}{sv}", "Digest", "s", strempty(result->digest),
                                             "Existed", "b", (int) result->existed);
        if (streq(job->type, "get"))
                return sd_bus_message_append(m, "{sv}{sv}{sv}{sv}{sv}", "Name", "s", strempty(result->name),
                                             "Size", "t", result->size, "Mode", "t", result->mode,
                                             "Modified", "t", result->modified, "LinkTarget", "s",
                                             strempty(result->link_target));
        if (streq(job->type, "volume-create"))
                return sd_bus_message_append(m, "{sv}", "Name", "s", strempty(result->name));
        if (streq(job->type, "save") || endswith(job->type, "export") || streq(job->type, "volume-import"))
                return sd_bus_message_append(m, "{sv}", "Size", "t", result->size);
        return 0;
}

int job_append_result(sd_bus_message *m, const Job *job) {
        int r = sd_bus_message_open_container(m, 'a', "{sv}");

        if (r >= 0)
                r = append_entries(m, job);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

/* ---- methods ---- */

static void reply_result(Job *job, const Error *error, void *userdata) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = userdata, *reply = NULL;

        if (error)
                (void) bus_reply_error(m, -EIO, error);
        else if (sd_bus_message_new_method_return(m, &reply) < 0 || job_append_result(reply, job) < 0)
                (void) bus_reply_error(m, -ENOMEM, NULL);
        else
                (void) sd_bus_send(NULL, reply, NULL);
}

static int method_wait(Call *call, Error *error) {
        sd_bus_message *held = call_hold(call);

        int r = call_started(job_wait(call->object, reply_result, held), held);
        return r < 0 ? error_set_errno(error, r, "cannot wait") : 0;
}

static int method_cancel(Call *call, Error *error) {
        job_cancel(call->object);
        return call_reply(call);
}

static int dispatch(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        Job *job = userdata;
        bool own = streq_ptr(sd_bus_message_get_sender(m), job->owner);
        const Method methods[] = {
                { "Wait", NULL, method_wait },
                { "Cancel", own ? NULL : job->action, method_cancel },
                {},
        };

        return method_dispatch(daemon_of(job), methods, m, job, NULL);
}

/* ---- properties ---- */

static int get_items(sd_bus_message *m, const Job *job) {
        int r = sd_bus_message_open_container(m, 'a', "(sstt)");

        for (size_t i = 0; r >= 0 && i < job->items.n; i++) {
                const WorkerProgress *item = LIST_ITEM(&job->items, WorkerProgress, i);
                r = sd_bus_message_append(m, "(sstt)", strempty(item->id), strempty(item->status),
                                          item->current, item->total);
        }
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int get_property(sd_bus *bus, const char *path, const char *interface, const char *property,
                        sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        const Job *job = userdata;

        if (streq(property, "Items"))
                return get_items(reply, job);
        if (streq(property, "Result"))
                return job_append_result(reply, job);
        return sd_bus_message_append(reply, "s",
                                     streq(property, "Type")    ? job->type
                                     : streq(property, "State") ? job_state_words[job->state]
                                                                : job->subject);
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        METHOD("Cancel", "", NONE, "", NONE),
        METHOD("Wait", "", NONE, "a{sv}", P(result)),
        CONSTANT("Type", "s"),
        CONSTANT("Subject", "s"),
        SD_BUS_PROPERTY("State", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Items", "a(sstt)", get_property, 0, 0),
        SD_BUS_PROPERTY("Result", "a{sv}", get_property, 0, 0),
        SD_BUS_SIGNAL_WITH_NAMES(
                "Progress", "sstt",
                SD_BUS_PARAM(id) SD_BUS_PARAM(status) SD_BUS_PARAM(current) SD_BUS_PARAM(total), 0),
        SD_BUS_VTABLE_END,
};

static int find_job(sd_bus *bus, const char *path, const char *interface, void *userdata, void **ret_found,
                    sd_bus_error *ret_error) {
        _cleanup_free_ char *name = NULL;
        Daemon *daemon = userdata;
        unsigned id;

        if (bus_object_name(path, JOB_PATH, &name) < 0 || parse_unsigned(name, &id) < 0)
                return 0;
        *ret_found = manager_find_job(daemon->manager, id);
        return *ret_found != NULL;
}

static int enumerate(sd_bus *bus, const char *prefix, void *userdata, char ***ret_nodes,
                     sd_bus_error *ret_error) {
        _cleanup_strv_free_ char **paths = NULL;
        Daemon *daemon = userdata;
        Job *job;

        TAILQ_FOREACH(job, &daemon->manager->jobs, list) {
                int r = strv_consume(&paths, job_path(job));
                if (r < 0)
                        return r;
        }
        *ret_nodes = TAKE_PTR(paths);
        return 0;
}

int bus_job_add(Daemon *daemon) {
        int r = sd_bus_add_fallback_vtable(daemon->bus, NULL, JOB_PATH, JOB_INTERFACE, vtable, find_job,
                                           daemon);

        return r < 0 ? r : sd_bus_add_node_enumerator(daemon->bus, NULL, JOB_PATH, enumerate, daemon);
}
