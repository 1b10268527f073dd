/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "listing.h"
#include "strv.h"

#define FIRST "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

/* A tag of the distribution specification; what else a registry lists can't be asked for. */
static bool tag_is_valid(const char *tag, void *userdata) {
        size_t n = strlen(tag);

        return n > 0 && n <= 128 && strchr(FIRST, tag[0]) && strspn(tag, FIRST ".-") == n;
}

int registry_get_tags(RegistrySession *session, size_t max, char ***ret, Error *error) {
        const Listing listing = {
                .path = "/tags/list", .key = "tags", .what = "tags", .is_wanted = tag_is_valid, .max = max
        };
        char **tags = NULL;

        int r = session_list(session, &listing, &tags, error);
        if (r < 0)
                return r;
        if (!tags)
                return error_set(error, ERROR_NO_SUCH_IMAGE, "%s: it has no tags",
                                 session->registry->purpose);
        *ret = tags;
        return 0;
}
