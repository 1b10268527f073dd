/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The verb search: repositories of a registry, as a JSON array of {Name, Description, Stars, Official, Automated}, whose
 * names can be pulled as they are. */
#include <jansson.h>

#include "json-util.h"
#include "parse-util.h"
#include "remote.h"
#include "report.h"
#include "string-util.h"
#include "strv.h"

#define DOCKER_REGISTRY "docker.io"
#define LIMIT_DEFAULT 25
#define LIMIT_MAX 100

/* ---- filters ---- */

typedef struct Filter {
        uint32_t stars;
        int official, automated; /* -1: either */
} Filter;

static int parse_stars(const char *value, void *target) {
        return parse_unsigned(value, target);
}

static int parse_flag(const char *value, void *target) {
        int r = parse_bool(value);

        if (r >= 0)
                *(int *) target = r;
        return r;
}

static const struct {
        const char *prefix;
        size_t offset;
        int (*parse)(const char *value, void *target);
} filters[] = {
        { "stars=", offsetof(Filter, stars), parse_stars },
        { "is-official=", offsetof(Filter, official), parse_flag },
        { "is-automated=", offsetof(Filter, automated), parse_flag },
};

static int take_filter(Filter *filter, const char *text, Error *error) {
        for (size_t i = 0; i < ELEMENTSOF(filters); i++) {
                const char *value = startswith(text, filters[i].prefix);
                if (!value)
                        continue;
                if (filters[i].parse(value, (char *) filter + filters[i].offset) >= 0)
                        return 0;
                return error_set(error, ERROR_INVALID, "the filter \"%.100s\" makes no sense", text);
        }
        return error_set(error, ERROR_INVALID,
                         "unknown filter \"%.100s\": there are stars=NUMBER, is-official=BOOL and "
                         "is-automated=BOOL",
                         text);
}

static bool passes(const Filter *filter, const json_t *result) {
        int official = json_is_true(json_object_get(result, "Official"));
        int automated = json_is_true(json_object_get(result, "Automated"));

        return json_integer_value(json_object_get(result, "Stars")) >= filter->stars &&
               (filter->official < 0 || filter->official == official) &&
               (filter->automated < 0 || filter->automated == automated);
}

/* ---- results ---- */

/* Names without registry are for those of the registry that goes without saying. */
static int set_name(const Remote *remote, const char *registry, json_t *result) {
        const char *said = json_string_value(json_object_get(result, "Name"));

        if (streq(registry, remote->conf.default_registry ?: DOCKER_REGISTRY))
                return 0;
        _cleanup_free_ char *name = string_join(registry, "/", said);
        json_t *text = name ? json_string(name) : NULL;
        return json_object_set_new(result, "Name", text) < 0 ? -ENOMEM : 0;
}

static int finish(const Remote *remote, const char *registry, const Filter *filter, json_t *results,
                  json_t *ret) {
        json_t *result;
        size_t i;

        json_array_foreach(results, i, result) {
                if (!passes(filter, result))
                        continue;
                if (set_name(remote, registry, result) < 0 || json_array_append(ret, result) < 0)
                        return -ENOMEM;
        }
        return 0;
}

/* ---- the verb ---- */

static int search(Remote *remote, Worker *worker, const Reference *place, json_t **ret, Error *error) {
        _cleanup_(registry_session_freep) RegistrySession *session = NULL;
        _cleanup_(registry_freep) Registry *registry = NULL;
        const WorkerRequest *request = &worker->request;
        _cleanup_free_ char *purpose = string_join("cannot search ", place->registry);
        int r;

        if (!purpose)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        if ((r = remote_registry(remote, worker, place, REGISTRY_SEARCH, purpose, -EBADF, &registry,
                                 error)) < 0 ||
            (r = registry_session_new(registry, &session, error)) < 0)
                return r;
        return registry_search(session, strempty(request->term), request->limit ?: LIMIT_DEFAULT, ret,
                               error);
}

static int search_and_report(Worker *worker, const Reference *place, const Filter *filter, Error *error) {
        _cleanup_json_ json_t *results = NULL, *wanted = json_array();
        _cleanup_(remote_done) Remote remote = {};
        int r;

        if ((r = remote_open(worker, &remote, error)) < 0 ||
            (r = search(&remote, worker, place, &results, error)) < 0)
                return r;
        if (!wanted || finish(&remote, place->registry, filter, results, wanted) < 0)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        return report_document(worker, worker->fds[1], wanted, error);
}

int verb_search(Worker *worker, Error *error) {
        _cleanup_(reference_done) Reference place = {};
        const WorkerRequest *request = &worker->request;
        Filter filter = { .official = -1, .automated = -1 };

        int r = registry_prefix_parse(strempty(request->reference), &place.registry, &place.repository);
        if (r < 0 || *place.repository)
                return error_set(error, ERROR_INVALID, "\"%.256s\" is no registry",
                                 strempty(request->reference));
        if (request->limit > LIMIT_MAX)
                return error_set(error, ERROR_INVALID, "a search has at most %d results", LIMIT_MAX);
        STRV_FOREACH(text, request->filters) {
                r = take_filter(&filter, *text, error);
                if (r < 0)
                        return r;
        }
        r = search_and_report(worker, &place, &filter, error);
        return r < 0 && worker_cancelled() ? worker_set_cancelled(error) : r;
}
