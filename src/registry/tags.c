/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <jansson.h>

#include "http-header.h"
#include "session.h"
#include "strv.h"

#define PAGE_TAGS 1000
#define PAGE_SIZE_MAX (8 * MIB)

static int page_sink(void *userdata, const HttpResponse *response, const void *data, size_t size,
                     Error *error) {
        StringBuffer *body = userdata;

        if (response->received == 0)
                body->size = 0;
        if (size > PAGE_SIZE_MAX - body->size)
                return error_set(error, ERROR_LIMIT, "the registry's list of tags is too long");
        return string_buffer_append(body, data, size) < 0
                       ? error_set(error, ERROR_OUT_OF_MEMORY, "out of memory")
                       : 0;
}

/* A tag of the distribution specification; what else a registry lists can't be asked for. */
static bool tag_is_valid(const char *tag) {
        static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
        size_t n = strlen(tag);

        return n > 0 && n <= 128 && strchr(first, tag[0]) &&
               strspn(tag, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == n;
}

/* Adds those of a page. *ret_new: how many were not known before. */
static int add_page(const Registry *registry, const StringBuffer *body, size_t max, char ***tags,
                    size_t *ret_new, Error *error) {
        json_t *json = json_loadb(strempty(body->data), body->size, 0, NULL);
        json_t *list = json_object_get(json, "tags"), *item;
        size_t i, before = strv_length(*tags), n = before;
        int r = json_is_array(list) || json_is_null(list)
                        ? 0
                        : error_set(error, ERROR_REGISTRY, "%s: the registry's list of tags is none",
                                    registry->purpose);

        json_array_foreach(list, i, item) {
                const char *tag = json_string_value(item);
                if (r < 0 || !tag || !tag_is_valid(tag) || strv_contains(*tags, tag))
                        continue;
                if (++n > max)
                        r = error_set(error, ERROR_LIMIT, "%s: it has more than %zu tags", registry->purpose,
                                      max);
                else if (strv_extend(tags, tag) < 0)
                        r = error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        }
        json_decref(json);
        *ret_new = n - before;
        return r;
}

/* The query of the next page: what the registry says, or else behind the last tag of this one, if it was full. NULL in
 * *ret: this was the last one, or it brought nothing new. */
static int next_query(const HttpResponse *response, char *const *tags, size_t n_new, char **ret) {
        *ret = n_new > 0 && response->link ? parse_next_page(response->link) : NULL;
        if (*ret || n_new < PAGE_TAGS)
                return 0;
        *ret = format_string("n=%d&last=%s", PAGE_TAGS, tags[strv_length(tags) - 1]);
        return *ret ? 0 : -ENOMEM;
}

static int get_page(RegistrySession *session, const char *query, size_t max, char ***tags, char **ret_next,
                    Error *error) {
        _cleanup_free_ char *path = string_join("/tags/list?", query);
        _cleanup_(http_response_done) HttpResponse response = {};
        _cleanup_(string_buffer_done) StringBuffer body = {};
        size_t n_new;

        if (!path)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        const RegistryRequest request = { .path = path, .sink = page_sink, .userdata = &body };
        int r = session_request(session, &request, &response, error);
        if (r >= 0)
                r = add_page(session->registry, &body, max, tags, &n_new, error);
        if (r < 0)
                return r;
        return next_query(&response, *tags, n_new, ret_next) < 0
                       ? error_set(error, ERROR_OUT_OF_MEMORY, "out of memory")
                       : 0;
}

int registry_get_tags(RegistrySession *session, size_t max, char ***ret, Error *error) {
        _cleanup_free_ char *query = format_string("n=%d", PAGE_TAGS);
        _cleanup_strv_free_ char **tags = NULL;

        if (!query)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        while (query) {
                char *next = NULL;
                int r = get_page(session, query, max, &tags, &next, error);
                if (r < 0)
                        return r;
                free_and_replace(query, next);
        }
        if (!tags)
                return error_set(error, ERROR_NO_SUCH_IMAGE, "%s: it has no tags",
                                 session->registry->purpose);
        *ret = TAKE_PTR(tags);
        return 0;
}
