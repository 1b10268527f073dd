/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the files of transfer.h share. */

#include <curl/curl.h>

#include "transfer.h"

struct Transfer {
        CURL *easy;
        CURLM *multi;
        int cancel_fds[CANCEL_FDS_MAX];
        char detail[CURL_ERROR_SIZE]; /* curl's own words */

        /* of the request under way */
        const HttpRequest *request;
        HttpResponse *response;
        struct curl_slist *headers;
        size_t header_size;
        uint64_t sent; /* bytes of the request's body */
        Error *error;
};

/* How many seconds next to nothing may go over the connection. */
long transfer_patience(const HttpRequest *request);
/* Says in the response what curl's verdict means. */
void transfer_note_failure(Transfer *transfer, CURLcode code);
