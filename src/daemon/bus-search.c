/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon.h"
#include "reference.h"
#include "string-util.h"
#include "strv.h"

#define TERM_MAX 256

typedef struct SearchOptions {
        RemoteOptions remote;
        uint32_t limit;
        char **filters;
} SearchOptions;

static const Field search_options_fields[] = {
        REMOTE_OPTION_FIELDS,
        { "Limit", FIELD_UINT, offsetof(SearchOptions, limit) },
        { "Filters", FIELD_STRV, offsetof(SearchOptions, filters), .max = 100 },
        {},
};
static const ObjectType search_options_type = { "options", sizeof(SearchOptions), search_options_fields };

static int fill_request(const char *term, SearchOptions *options, WorkerRequest *request) {
        _cleanup_free_ char *registry = NULL;
        const char *rest;

        int r = reference_split_registry(term, &registry, &rest);
        if (r < 0)
                return r;
        request->reference = TAKE_PTR(registry);
        request->limit = options->limit;
        request->filters = TAKE_PTR(options->filters);
        if (options->remote.insecure && strv_extend(&request->insecure_registries, request->reference) < 0)
                return -ENOMEM;
        options->remote.insecure = false; /* said already: what is named here is no image */
        return free_and_strdup(&request->term, rest);
}

static int search(Call *call, const char *term, int output, SearchOptions *options, Error *error) {
        JobParameters parameters = { .subject = term };
        WorkerRequest request;
        Job *job;

        if (isempty(term))
                return error_set(error, ERROR_INVALID, "nothing to look for was named");
        if (strlen(term) > TERM_MAX)
                return error_set(error, ERROR_INVALID, "what is looked for has more than %d characters",
                                 TERM_MAX);
        int r = call_make_request("search", &request, error);
        if (r < 0)
                return r;
        r = fill_request(term, options, &request);
        if (r < 0) {
                object_done(&worker_request_type, &request);
                return error_set_errno(error, r, "cannot search");
        }
        r = call_make_remote_job(call, &request, &output, 1, &options->remote, &parameters, &job, error);
        return r < 0 ? r : call_reply_job(call, job);
}

int method_search_images(Call *call, Error *error) {
        SearchOptions options;
        const char *term;
        int output, r;

        if ((r = call_read(call, error, "sh", &term, &output)) < 0 ||
            (r = call_read_options(call, &search_options_type, &options, error)) < 0)
                return r;
        r = search(call, term, output, &options, error);
        object_done(&search_options_type, &options);
        return r;
}
