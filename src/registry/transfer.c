/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include "endpoint.h"
#include "http-header.h"
#include "time-util.h"
#include "transfer-internal.h"

void http_response_done(HttpResponse *response) {
        free(response->reason);
        free(response->redirect);
        free(response->content_type);
        free(response->content_digest);
        free(response->content_range);
        free(response->link);
        free(response->location);
        free(response->range);
        challenge_done(&response->challenge);
        string_buffer_done(&response->error);
        *response = (HttpResponse){ .content_length = UINT64_MAX };
}

static int global_result;
static pthread_once_t global_once = PTHREAD_ONCE_INIT;

static void init_global(void) {
        global_result = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? 0 : -ENOMEM;
}

int transfer_new(const int cancel_fds[static CANCEL_FDS_MAX], Transfer **ret, Error *error) {
        pthread_once(&global_once, init_global);

        _cleanup_(transfer_freep) Transfer *transfer = new0(Transfer, 1);
        if (!transfer || global_result < 0)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        memcpy(transfer->cancel_fds, cancel_fds, sizeof(transfer->cancel_fds));
        transfer->easy = curl_easy_init();
        transfer->multi = curl_multi_init();
        if (!transfer->easy || !transfer->multi)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        *ret = TAKE_PTR(transfer);
        return 0;
}

Transfer *transfer_free(Transfer *transfer) {
        if (!transfer)
                return NULL;
        curl_easy_cleanup(transfer->easy);
        curl_multi_cleanup(transfer->multi);
        free(transfer);
        return NULL;
}

/* ---- what curl calls ---- */

static void take_retry_after(HttpResponse *response, const char *value) {
        uint64_t usec;

        if (parse_retry_after(value, realtime_usec(), &usec) >= 0)
                response->retry_after = usec;
}

static void take_number(const char *value, uint64_t *ret) {
        char *end;

        errno = 0;
        uint64_t n = strtoull(value, &end, 10);
        if (errno == 0 && end != value && *end == 0 && value[0] != '-')
                *ret = n;
}

static void take_content_length(HttpResponse *response, const char *value) {
        take_number(value, &response->content_length);
}

static void take_chunk_min(HttpResponse *response, const char *value) {
        take_number(value, &response->chunk_min);
}

static void take_challenge(HttpResponse *response, const char *value) {
        (void) challenge_parse(&response->challenge, value);
}

static const struct {
        const char *name;
        size_t offset; /* of the member that keeps the value, where `take` is NULL */
        void (*take)(HttpResponse *response, const char *value);
} known_headers[] = {
        { "Content-Type", offsetof(HttpResponse, content_type) },
        { "Docker-Content-Digest", offsetof(HttpResponse, content_digest) },
        { "Content-Range", offsetof(HttpResponse, content_range) },
        { "Link", offsetof(HttpResponse, link) },
        { "Location", offsetof(HttpResponse, location) },
        { "Range", offsetof(HttpResponse, range) },
        { "OCI-Chunk-Min-Length", .take = take_chunk_min },
        { "Content-Length", .take = take_content_length },
        { "Retry-After", .take = take_retry_after },
        { "WWW-Authenticate", .take = take_challenge },
};

static size_t on_header(char *line, size_t size, size_t n, void *userdata) {
        Transfer *transfer = userdata;

        size *= n;
        transfer->header_size += size;
        if (transfer->header_size > RESPONSE_HEADERS_MAX)
                return 0;
        /* The status line of an answer; an interim one (100) may have come before it. */
        if (size > 5 && strncmp(line, "HTTP/", 5) == 0) {
                http_response_done(transfer->response);
                return size;
        }
        for (size_t i = 0; i < ELEMENTSOF(known_headers); i++) {
                _cleanup_free_ char *value = header_value(line, size, known_headers[i].name);
                if (!value)
                        continue;
                if (known_headers[i].take) {
                        known_headers[i].take(transfer->response, value);
                        continue;
                }
                char **member = (char **) ((char *) transfer->response + known_headers[i].offset);
                free_and_replace(*member, TAKE_PTR(value));
        }
        return size;
}

static size_t on_body(char *data, size_t size, size_t n, void *userdata) {
        Transfer *transfer = userdata;
        HttpResponse *response = transfer->response;

        size *= n;
        if (response->status == 0)
                curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &response->status);
        if (response->status / 100 == 2 && !transfer->request->sink)
                return size;
        if (response->status / 100 == 2) {
                int r = transfer->request->sink(transfer->request->userdata, response, data, size,
                                                transfer->error);
                if (r < 0) {
                        response->failure = TRANSFER_REFUSED;
                        return 0;
                }
                response->received += size;
                return size;
        }
        /* A failure that talks without end is cut short; what follows does not matter. */
        size_t keep = MIN(size, RESPONSE_ERROR_MAX - response->error.size);
        if (keep == 0 || string_buffer_append(&response->error, data, keep) < 0)
                return 0;
        return size;
}

/* ---- the request's body ---- */

static size_t on_read(char *buffer, size_t size, size_t n, void *userdata) {
        Transfer *transfer = userdata;
        const HttpBody *body = transfer->request->body;
        uint64_t at = body->start + transfer->sent;
        size_t wanted = MIN((uint64_t) size * n, body->size - transfer->sent);
        ssize_t got = wanted;

        if (body->data)
                memcpy(buffer, (const char *) body->data + at, wanted);
        else
                while ((got = pread(body->fd, buffer, wanted, at)) < 0 && errno == EINTR)
                        ;
        if (got < 0 || (got == 0 && wanted > 0)) {
                error_set_errno(transfer->error, got < 0 ? negative_errno() : -ENODATA,
                                "can't read what is to be uploaded");
                transfer->response->failure = TRANSFER_REFUSED;
                return CURL_READFUNC_ABORT;
        }
        transfer->sent += got;
        if (body->sent)
                body->sent(body->userdata, at + got);
        return got;
}

/* curl would send the whole again by itself, when a kept connection breaks off. Who uploads must know: some of it may have
 * arrived. */
static int on_seek(void *userdata, curl_off_t offset, int origin) {
        return CURL_SEEKFUNC_FAIL;
}

/* ---- performing ---- */

static bool is_cancelled(const struct curl_waitfd *fds, unsigned n) {
        for (unsigned i = 0; i < n; i++)
                if (fds[i].revents != 0)
                        return true;
        return false;
}

static unsigned cancel_wait_fds(Transfer *transfer, struct curl_waitfd fds[static CANCEL_FDS_MAX]) {
        unsigned n = 0;

        for (size_t i = 0; i < CANCEL_FDS_MAX; i++)
                if (transfer->cancel_fds[i] >= 0)
                        fds[n++] = (struct curl_waitfd){ .fd = transfer->cancel_fds[i],
                                                         .events = CURL_WAIT_POLLIN };
        return n;
}

/* Drives the one handle until it is through. Returns curl's verdict, or CURLE_ABORTED_BY_CALLBACK when cancelled. */
static CURLcode drive(Transfer *transfer) {
        struct curl_waitfd fds[CANCEL_FDS_MAX];
        unsigned n_fds = cancel_wait_fds(transfer, fds);
        int running = 1, left;

        while (curl_multi_perform(transfer->multi, &running) == CURLM_OK && running > 0)
                if (curl_multi_poll(transfer->multi, fds, n_fds, 1000, NULL) != CURLM_OK ||
                    is_cancelled(fds, n_fds)) {
                        transfer->response->failure = TRANSFER_CANCELLED;
                        return CURLE_ABORTED_BY_CALLBACK;
                }
        const CURLMsg *message = curl_multi_info_read(transfer->multi, &left);
        return message && message->msg == CURLMSG_DONE ? message->data.result : CURLE_FAILED_INIT;
}

static int add_header(Transfer *transfer, const char *name, const char *value) {
        _cleanup_free_ char *line = string_join(name, ": ", value);
        struct curl_slist *more = line ? curl_slist_append(transfer->headers, line) : NULL;

        if (!more)
                return -ENOMEM;
        transfer->headers = more;
        return 0;
}

/* Nobody waits for a "100 Continue": most registries don't send it, and each would cost a second. */
static int set_body_headers(Transfer *transfer, const HttpBody *body) {
        char range[64];

        if (add_header(transfer, "Expect", "") < 0 ||
            add_header(transfer, "Content-Type", body->media_type) < 0)
                return -ENOMEM;
        if (!body->ranged || body->size == 0)
                return 0;
        snprintf(range, sizeof(range), "%llu-%llu", (unsigned long long) body->start,
                 (unsigned long long) (body->start + body->size - 1));
        return add_header(transfer, "Content-Range", range);
}

static int set_headers(Transfer *transfer, const HttpRequest *request) {
        char range[64];

        if (request->accept && add_header(transfer, "Accept", request->accept) < 0)
                return -ENOMEM;
        if (request->bearer) {
                _cleanup_free_ char *value = string_join("Bearer ", request->bearer);
                if (!value || add_header(transfer, "Authorization", value) < 0)
                        return -ENOMEM;
        }
        if (request->range_start > 0) {
                snprintf(range, sizeof(range), "bytes=%llu-", (unsigned long long) request->range_start);
                if (add_header(transfer, "Range", range) < 0)
                        return -ENOMEM;
        }
        if (request->body)
                return set_body_headers(transfer, request->body);
        /* An empty body has no type, though curl would say one. */
        return request->method >= HTTP_POST ? add_header(transfer, "Content-Type", "") : 0;
}

#define SET(option, value)                                                   \
        do {                                                                 \
                if (c == CURLE_OK)                                           \
                        c = curl_easy_setopt(easy, CURLOPT_##option, value); \
        } while (0)

const char *http_method_name(HttpMethod method) {
        static const char *const names[] = {
                [HTTP_GET] = "GET", [HTTP_HEAD] = "HEAD",   [HTTP_POST] = "POST",
                [HTTP_PUT] = "PUT", [HTTP_PATCH] = "PATCH",
        };

        return names[method];
}

static CURLcode set_method(Transfer *transfer, const HttpRequest *request) {
        CURL *easy = transfer->easy;
        CURLcode c = CURLE_OK;

        switch (request->method) {
        case HTTP_GET:
                break;
        case HTTP_HEAD:
                SET(NOBODY, 1L);
                break;
        default:
                if (!request->body) {
                        SET(POST, 1L);
                        SET(POSTFIELDSIZE, 0L);
                } else {
                        SET(UPLOAD, 1L);
                        SET(INFILESIZE_LARGE, (curl_off_t) request->body->size);
                        SET(READFUNCTION, on_read);
                        SET(READDATA, transfer);
                        SET(SEEKFUNCTION, on_seek);
                        SET(UPLOAD_BUFFERSIZE, 256L * 1024);
                }
                SET(CUSTOMREQUEST, http_method_name(request->method));
        }
        return c;
}

static CURLcode set_tls(Transfer *transfer, const HttpRequest *request) {
        const TlsFiles *tls = request->tls;
        CURL *easy = transfer->easy;
        CURLcode c = CURLE_OK;

        if (request->insecure) {
                SET(SSL_VERIFYPEER, 0L);
                SET(SSL_VERIFYHOST, 0L);
        }
        if (tls && tls->authorities) {
                struct curl_blob blob = { tls->authorities, tls->authorities_size, CURL_BLOB_NOCOPY };
                SET(CAINFO_BLOB, &blob);
        }
        if (tls && tls->certificate) {
                SET(SSLCERT, tls->certificate);
                SET(SSLKEY, tls->key);
        }
        return c;
}

/* Blobs and manifests are hashed as they are, so no content coding is asked for. */
static int set_options(Transfer *transfer, const HttpRequest *request) {
        CURL *easy = transfer->easy;
        CURLcode c = CURLE_OK;

        curl_easy_reset(easy); /* keeps the connection */
        SET(URL, request->url);
        SET(PROTOCOLS_STR, "http,https");
        SET(HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1); /* one request at a time has no use for streams */
        SET(USERAGENT, "berth/" BERTH_VERSION);
        SET(NOSIGNAL, 1L);
        SET(CONNECTTIMEOUT, (long) TRANSFER_CONNECT_SECONDS);
        SET(LOW_SPEED_LIMIT, (long) TRANSFER_SPEED_MIN);
        SET(LOW_SPEED_TIME, transfer_patience(request));
        SET(BUFFERSIZE, 256L * 1024);
        SET(SUPPRESS_CONNECT_HEADERS, 1L);
        SET(HTTPHEADER, transfer->headers);
        SET(HEADERFUNCTION, on_header);
        SET(HEADERDATA, transfer);
        SET(WRITEFUNCTION, on_body);
        SET(WRITEDATA, transfer);
        SET(ERRORBUFFER, transfer->detail);
        if (request->username) {
                SET(HTTPAUTH, (long) CURLAUTH_BASIC);
                SET(USERNAME, request->username);
                SET(PASSWORD, strempty(request->password));
        }
        if (c == CURLE_OK)
                c = set_tls(transfer, request);
        if (c == CURLE_OK)
                c = set_method(transfer, request);
        return c == CURLE_OK ? 0 : -ENOMEM;
}
#undef SET

static CURLcode perform(Transfer *transfer, const HttpRequest *request) {
        if (set_headers(transfer, request) < 0 || set_options(transfer, request) < 0 ||
            curl_multi_add_handle(transfer->multi, transfer->easy) != CURLM_OK)
                return CURLE_OUT_OF_MEMORY;
        CURLcode code = drive(transfer);
        curl_multi_remove_handle(transfer->multi, transfer->easy);
        return code;
}

int transfer_perform(Transfer *transfer, const HttpRequest *request, HttpResponse *ret, Error *error) {
        const char *redirect = NULL;

        *ret = (HttpResponse){ .content_length = UINT64_MAX };
        transfer->request = request;
        transfer->response = ret;
        transfer->error = error;
        transfer->header_size = 0;
        transfer->sent = 0;
        transfer->detail[0] = 0;

        CURLcode code = perform(transfer, request);
        curl_slist_free_all(transfer->headers);
        transfer->headers = NULL;

        if (ret->status == 0)
                curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &ret->status);
        /* Of a failure's body we only wanted the beginning. */
        bool cut_short = code == CURLE_WRITE_ERROR && ret->failure == TRANSFER_NO_FAILURE &&
                         ret->status / 100 != 2 && ret->error.size >= RESPONSE_ERROR_MAX;
        if (code != CURLE_OK && !cut_short) {
                transfer_note_failure(transfer, code);
                return -ECOMM;
        }
        curl_easy_getinfo(transfer->easy, CURLINFO_REDIRECT_URL, &redirect);
        ret->redirect = redirect ? strdup(redirect) : NULL;
        if (ret->location)
                free_and_replace(ret->location, url_resolve(request->url, ret->location));
        return 0;
}

int transfer_wait(Transfer *transfer, uint64_t usec) {
        struct pollfd fds[CANCEL_FDS_MAX];

        for (size_t i = 0; i < CANCEL_FDS_MAX; i++)
                fds[i] = (struct pollfd){ .fd = transfer->cancel_fds[i], .events = POLLIN };
        uint64_t end = now_usec(CLOCK_MONOTONIC) + usec;
        for (;;) {
                uint64_t now = now_usec(CLOCK_MONOTONIC);
                if (now >= end)
                        return 0;
                int n = poll(fds, CANCEL_FDS_MAX, (int) ((end - now + USEC_PER_MSEC - 1) / USEC_PER_MSEC));
                if (n > 0)
                        return -ECANCELED;
                if (n < 0 && errno != EINTR)
                        return negative_errno();
        }
}
