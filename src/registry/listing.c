/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <jansson.h>

#include "http-header.h"
#include "listing.h"
#include "strv.h"

#define PAGE_NAMES 1000
#define PAGE_SIZE_MAX (8 * MIB)

typedef struct Page {
        const Listing *listing;
        StringBuffer body;
        size_t n;   /* names on it */
        char *last; /* of them; NULL: none */
        bool full;  /* there are as many names as were wanted */
} Page;

static void page_done(Page *page) {
        string_buffer_done(&page->body);
        free(page->last);
}

static int page_sink(void *userdata, const HttpResponse *response, const void *data, size_t size,
                     Error *error) {
        Page *page = userdata;

        if (response->received == 0)
                page->body.size = 0;
        if (size > PAGE_SIZE_MAX - page->body.size)
                return error_set(error, ERROR_LIMIT, "the registry's list of %s is too long",
                                 page->listing->what);
        return string_buffer_append(&page->body, data, size) < 0
                       ? error_set(error, ERROR_OUT_OF_MEMORY, "out of memory")
                       : 0;
}

static int add_name(Page *page, const char *purpose, const char *name, char ***names, Error *error) {
        const Listing *listing = page->listing;

        if (page->full || !listing->is_wanted(name, listing->userdata) || strv_contains(*names, name))
                return 0;
        if (strv_length(*names) >= listing->max) {
                page->full = true;
                return listing->ends_at_max ? 0
                                            : error_set(error, ERROR_LIMIT, "%s: it has more than %zu %s",
                                                        purpose, listing->max, listing->what);
        }
        return strv_extend(names, name);
}

static int read_page(Page *page, const char *purpose, char ***names, Error *error) {
        json_t *json = json_loadb(strempty(page->body.data), page->body.size, 0, NULL);
        json_t *list = json_object_get(json, page->listing->key), *item;
        size_t i;
        int r = json_is_array(list) || json_is_null(list)
                        ? 0
                        : error_set(error, ERROR_REGISTRY, "%s: the registry's list of %s is none", purpose,
                                    page->listing->what);

        json_array_foreach(list, i, item) {
                const char *name = json_string_value(item);
                if (r < 0 || !name)
                        continue;
                page->n++;
                r = free_and_strdup(&page->last, name);
                if (r >= 0)
                        r = add_name(page, purpose, name, names, error);
        }
        json_decref(json);
        return r == -ENOMEM ? error_set(error, ERROR_OUT_OF_MEMORY, "out of memory") : r;
}

/* What goes into a query must not end it. */
static bool is_plain(const char *name) {
        return string_in_charset(name,
                                 "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/");
}

/* The query of the next page: what the registry says, or else behind the last name of this one, if it was full. NULL in
 * *ret: this was the last one, or it brought nothing that the one before had not brought. */
static int next_query(const HttpResponse *response, const Page *page, const char *last_before, char **ret) {
        *ret = NULL;
        if (page->full || page->n == 0 || streq_ptr(page->last, last_before))
                return 0;
        *ret = response->link ? parse_next_page(response->link) : NULL;
        if (*ret || page->n < PAGE_NAMES || !is_plain(page->last))
                return 0;
        *ret = format_string("n=%d&last=%s", PAGE_NAMES, page->last);
        return *ret ? 0 : -ENOMEM;
}

/* *last: of the page before, then of this one. */
static int get_page(RegistrySession *session, const Listing *listing, const char *query, char **last,
                    char ***names, char **ret_next, Error *error) {
        _cleanup_free_ char *path = string_join(listing->path, "?", query);
        _cleanup_(http_response_done) HttpResponse response = {};
        _cleanup_(page_done) Page page = { .listing = listing };

        if (!path)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        const RegistryRequest request = {
                .path = path, .is_whole_path = listing->is_whole_path, .sink = page_sink, .userdata = &page
        };
        int r = session_request(session, &request, &response, error);
        if (r >= 0)
                r = read_page(&page, session->registry->purpose, names, error);
        if (r < 0)
                return r;
        if (next_query(&response, &page, *last, ret_next) < 0)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        free_and_replace(*last, TAKE_PTR(page.last));
        return 0;
}

int session_list(RegistrySession *session, const Listing *listing, char ***ret, Error *error) {
        _cleanup_free_ char *query = format_string("n=%d", PAGE_NAMES), *last = NULL;
        _cleanup_strv_free_ char **names = NULL;

        if (!query)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        for (unsigned n = 0; query; n++) {
                char *next = NULL;
                if (n >= LISTING_PAGES_MAX)
                        return error_set(error, ERROR_LIMIT, "%s: the registry's list of %s does not end",
                                         session->registry->purpose, listing->what);
                int r = get_page(session, listing, query, &last, &names, &next, error);
                if (r < 0)
                        return r;
                free_and_replace(query, next);
        }
        *ret = TAKE_PTR(names);
        return 0;
}
