/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Looking for repositories. Docker Hub, and a few others, still answer the search of Docker's first registry API; all that the
 * registries of today offer is a list of what they have, and some not even that. */
#include <jansson.h>

#include "listing.h"
#include "strv.h"

#define ANSWER_MAX (4 * MIB)

typedef struct Answer {
        StringBuffer body;
        const char *purpose;
} Answer;

static void answer_done(Answer *answer) {
        string_buffer_done(&answer->body);
}

static int answer_sink(void *userdata, const HttpResponse *response, const void *data, size_t size,
                       Error *error) {
        Answer *answer = userdata;

        if (response->received == 0)
                answer->body.size = 0;
        if (size > ANSWER_MAX - answer->body.size)
                return error_set(error, ERROR_LIMIT, "%s: the registry's answer is longer than %u MiB",
                                 answer->purpose, (unsigned) (ANSWER_MAX / MIB));
        return string_buffer_append(&answer->body, data, size) < 0
                       ? error_set(error, ERROR_OUT_OF_MEMORY, "out of memory")
                       : 0;
}

/* ---- the search of the first API ---- */

static char *search_path(const char *term, size_t limit) {
        _cleanup_(string_buffer_done) StringBuffer path = {};
        int r = string_buffer_append_string(&path, "/v1/search?q=");

        for (const unsigned char *p = (const unsigned char *) term; *p && r >= 0; p++)
                r = string_buffer_appendf(
                        &path, strchr("abcdefghijklmnopqrstuvwxyz0123456789-._/", *p) ? "%c" : "%%%02X", *p);
        if (r >= 0)
                r = string_buffer_appendf(&path, "&n=%zu", limit);
        return r < 0 ? NULL : TAKE_PTR(path.data);
}

static json_t *make_result(const json_t *said) {
        const char *name = json_string_value(json_object_get(said, "name"));
        const char *description = json_string_value(json_object_get(said, "description"));

        return name ? json_pack("{s:s, s:s, s:I, s:b, s:b}", "Name", name, "Description",
                                strempty(description), "Stars",
                                json_integer_value(json_object_get(said, "star_count")), "Official",
                                (int) json_is_true(json_object_get(said, "is_official")), "Automated",
                                (int) json_is_true(json_object_get(said, "is_automated")))
                    : NULL;
}

/* Returns 0, or -EBADMSG when it is not such an answer: a web page, say. */
static int read_results(const StringBuffer *body, size_t limit, json_t *results) {
        json_t *json = json_loadb(strempty(body->data), body->size, 0, NULL);
        const json_t *list = json_object_get(json, "results");
        int r = json_is_array(list) ? 0 : -EBADMSG;

        for (size_t i = 0; r >= 0 && i < MIN(json_array_size(list), limit); i++) {
                json_t *result = make_result(json_array_get(list, i));
                if (result && json_array_append_new(results, result) < 0)
                        r = -ENOMEM;
        }
        json_decref(json);
        return r;
}

/* Returns 1, or 0 when the registry knows no such thing. */
static int search_by_term(RegistrySession *session, const char *term, size_t limit, json_t *results,
                          Error *error) {
        _cleanup_(http_response_done) HttpResponse response = {};
        _cleanup_(answer_done) Answer answer = { .purpose = session->registry->purpose };
        _cleanup_free_ char *path = search_path(term, limit);
        _cleanup_error_ Error failure = {};

        if (!path)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        const RegistryRequest request = {
                .path = path, .is_whole_path = true, .sink = answer_sink, .userdata = &answer
        };
        int r = session_request(session, &request, &response, &failure);
        bool unknown = response.failure == TRANSFER_NO_FAILURE && response.status / 100 == 4 &&
                       response.status != 429;
        if (r < 0 && (unknown || failure.kind == ERROR_UNAUTHORIZED))
                return 0;
        if (r < 0) {
                error_move(error, &failure);
                return r;
        }
        r = read_results(&answer.body, limit, results);
        return r == -EBADMSG ? 0 : r < 0 ? error_set(error, ERROR_OUT_OF_MEMORY, "out of memory") : 1;
}

/* ---- what the registry has ---- */

static bool has_term(const char *name, void *userdata) {
        return strcasestr(name, userdata);
}

static int search_in_catalog(RegistrySession *session, const char *term, size_t limit, json_t *results,
                             Error *error) {
        const Listing listing = { .path = "/v2/_catalog",
                                  .is_whole_path = true,
                                  .key = "repositories",
                                  .what = "repositories",
                                  .is_wanted = has_term,
                                  .userdata = (void *) term,
                                  .max = limit,
                                  .ends_at_max = true };
        _cleanup_strv_free_ char **names = NULL;

        int r = session_list(session, &listing, &names, error);
        STRV_FOREACH(name, names) {
                json_t *result = json_pack("{s:s, s:s, s:i, s:b, s:b}", "Name", *name, "Description", "",
                                           "Stars", 0, "Official", 0, "Automated", 0);
                if (!result || json_array_append_new(results, result) < 0)
                        return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        }
        return r;
}

static int no_way(const Registry *registry, ErrorKind kind, Error *error) {
        return error_set(
                error, kind,
                kind == ERROR_UNAUTHORIZED
                        ? "%s: the registry can't search, and lists what it has to nobody without a "
                          "login that may"
                        : "%s: the registry can neither search nor list what it has",
                registry->purpose);
}

int registry_search(RegistrySession *session, const char *term, size_t limit, json_t **ret, Error *error) {
        json_t *results = json_array();
        _cleanup_error_ Error failure = {};

        if (!results)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        int r = *term ? search_by_term(session, term, limit, results, error) : 0;
        if (r == 0) {
                r = search_in_catalog(session, term, limit, results, &failure);
                if (failure.kind == ERROR_NO_SUCH_IMAGE || failure.kind == ERROR_UNAUTHORIZED)
                        r = no_way(session->registry,
                                   failure.kind == ERROR_UNAUTHORIZED ? ERROR_UNAUTHORIZED
                                                                      : ERROR_UNSUPPORTED,
                                   error);
                else
                        error_move(error, &failure);
        }
        if (r < 0)
                json_decref(results);
        else
                *ret = results;
        return MIN(r, 0);
}
