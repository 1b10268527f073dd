/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Lists that registries give page by page (distribution specification, listing tags; Docker's registry API, catalog). */

#include "session.h"

#define LISTING_PAGES_MAX 250

typedef struct Listing {
        const char *path; /* as in RegistryRequest */
        bool is_whole_path;
        const char *key;                                     /* of the page's array of texts */
        const char *what;                                    /* in errors: "tags" */
        bool (*is_wanted)(const char *name, void *userdata); /* others are passed over */
        void *userdata;
        size_t max;       /* of names in the result; beyond it: */
        bool ends_at_max; /* that will do, instead of ERROR_LIMIT */
} Listing;

/* *ret is NULL when there is nothing. Each name once. */
int session_list(RegistrySession *session, const Listing *listing, char ***ret, Error *error);
