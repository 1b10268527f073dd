/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon.h"
#include "reference.h"
#include "string-util.h"
#include "strv.h"

static const Field login_options_fields[] = { REMOTE_OPTION_FIELDS, {} };
static const ObjectType login_options_type = { "options", sizeof(RemoteOptions), login_options_fields };

/* The worker gets the caller's file twice: to read, as every remote job does, and to write an identity token into. */
static int log_in(Call *call, const char *place, RemoteOptions *options, Error *error) {
        _cleanup_free_ char *registry = NULL, *path = NULL;
        JobParameters parameters = { .subject = place };
        WorkerRequest request;
        Job *job;

        int r = registry_prefix_parse(place, &registry, &path);
        if (r < 0)
                return error_set(error, ERROR_INVALID, "\"%s\" is no registry (HOST[:PORT][/PATH])", place);
        if (options->credentials <= 0)
                return error_set(error, ERROR_INVALID, "a login needs the option Credentials");
        if ((r = call_make_request("login", &request, error)) < 0)
                return r;
        if (free_and_strdup(&request.reference, place) < 0 ||
            (options->insecure && strv_extend(&request.insecure_registries, registry) < 0)) {
                object_done(&worker_request_type, &request);
                return error_set_errno(error, -ENOMEM, "cannot log in");
        }
        options->insecure = false; /* said already: what is named here is no image */
        r = call_make_remote_job(call, &request, &options->credentials, 1, options, &parameters, &job,
                                 error);
        return r < 0 ? r : call_reply_job(call, job);
}

int method_login_registry(Call *call, Error *error) {
        RemoteOptions options;
        const char *place;
        int r;

        if ((r = call_read(call, error, "s", &place)) < 0 ||
            (r = call_read_options(call, &login_options_type, &options, error)) < 0)
                return r;
        r = log_in(call, place, &options, error);
        object_done(&login_options_type, &options);
        return r;
}
