/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon.h"
#include "fd-util.h"
#include "reference.h"

/* SignImage: key and passphrase are passed on unread. */

typedef struct SignOptions {
        RemoteOptions remote;
        int passphrase;
} SignOptions;

static const Field sign_options_fields[] = {
        REMOTE_OPTION_FIELDS,
        { "Passphrase", FIELD_FD, offsetof(SignOptions, passphrase) },
        {},
};
static const ObjectType sign_options_type = { "options", sizeof(SignOptions), sign_options_fields };

static int sign(Call *call, const char *reference, int key, const SignOptions *options, Error *error) {
        _cleanup_close_ int nothing = memfd_with_data("berth-passphrase", "", 0);
        const int fds[] = { key, options->passphrase > 0 ? options->passphrase : nothing };
        JobParameters parameters = { .subject = reference };
        WorkerRequest request;
        Job *job;
        int r;

        if (nothing < 0)
                return error_set_errno(error, nothing, "cannot make a job");
        if ((r = call_make_request("sign", &request, error)) < 0 ||
            (r = reference_canonicalize(reference, &request.reference, error)) < 0) {
                object_done(&worker_request_type, &request);
                return r;
        }
        r = call_make_remote_job(call, &request, fds, ELEMENTSOF(fds), &options->remote, &parameters, &job,
                                 error);
        return r < 0 ? r : call_reply_job(call, job);
}

int method_sign_image(Call *call, Error *error) {
        const char *reference;
        SignOptions options;
        int key, r;

        if ((r = call_read(call, error, "sh", &reference, &key)) < 0 ||
            (r = call_read_options(call, &sign_options_type, &options, error)) < 0)
                return r;
        r = sign(call, reference, key, &options, error);
        object_done(&sign_options_type, &options);
        return r;
}
