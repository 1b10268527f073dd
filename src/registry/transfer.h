/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One HTTP request at a time over a curl handle that keeps its connection. No redirect is followed, nothing is asked
 * twice: that is session.h's business. A Transfer is for one thread; it blocks, and stops at once when one of the
 * cancel descriptors becomes readable. Proxies are taken from the environment, as curl does. */

#include "challenge.h"
#include "error.h"
#include "string-util.h"
#include "tls-files.h"

#define TRANSFER_CONNECT_SECONDS 30
#define TRANSFER_STALL_SECONDS 60
#define TRANSFER_SPEED_MIN 100 /* bytes a second; what is slower for so long is as good as dead */
#define TRANSFER_STORE_SECONDS \
        300 /* the same for what is sent: a registry may put a large blob together before it answers */
#define RESPONSE_HEADERS_MAX (64 * 1024)
#define RESPONSE_ERROR_MAX (16 * 1024) /* bytes of a failure's body that are kept */
#define CANCEL_FDS_MAX 2

typedef struct Transfer Transfer;

/* Why a request brought no answer. */
typedef enum TransferFailure {
        TRANSFER_NO_FAILURE,
        TRANSFER_UNREACHABLE, /* name, route, port or proxy */
        TRANSFER_NOT_TLS,     /* someone is there who does not shake hands: may be plain HTTP */
        TRANSFER_UNTRUSTED,   /* the certificate */
        TRANSFER_BROKEN,      /* reset, cut off, stalled */
        TRANSFER_SENSELESS,   /* not HTTP, headers too long */
        TRANSFER_REFUSED,     /* the sink refused: its error is the one to tell */
        TRANSFER_CANCELLED,
} TransferFailure;

typedef struct HttpResponse {
        TransferFailure failure;
        char *reason; /* of the failure, for people: "connection refused"; NULL when out of memory */
        bool is_refused_connection; /* nobody listens there, or there is no such host */

        long status;
        char *redirect;       /* absolute URL of a 3xx answer */
        char *content_type;   /* with parameters */
        char *content_digest; /* Docker-Content-Digest */
        char *content_range;
        char *link;
        char *location;          /* absolute; of any answer */
        char *range;             /* how much of an upload the registry has: "0-1023" */
        uint64_t chunk_min;      /* OCI-Chunk-Min-Length; 0: not said */
        uint64_t content_length; /* UINT64_MAX: not said */
        uint64_t retry_after;    /* usec, 0: not said */
        Challenge challenge;
        uint64_t received;  /* bytes of the body that were handed to the sink before this call of it */
        StringBuffer error; /* the beginning of the body when the status is not 2xx */
} HttpResponse;

/* Takes a piece of a 2xx answer's body; the headers are known. A negative return ends the transfer. `received` is 0
 * for the first piece of each answer: what an earlier attempt brought is void then, unless it was asked to go on. */
typedef int (*HttpSink)(void *userdata, const HttpResponse *response, const void *data, size_t size,
                        Error *error);

typedef enum HttpMethod {
        HTTP_GET,
        HTTP_HEAD,
        HTTP_POST,
        HTTP_PUT,
        HTTP_PATCH,
} HttpMethod;

/* What a request carries: a piece of memory, or of a file, which is read as it goes. */
typedef struct HttpBody {
        const char *media_type;
        const void *data; /* NULL: */
        int fd;
        uint64_t start, size; /* the bytes [start, start + size) of data or file */
        bool ranged; /* tell where they belong: "Content-Range: start-end" (distribution specification) */
        void (*sent)(void *userdata, uint64_t position); /* up to here it is on its way; may be NULL */
        void *userdata;
} HttpBody;

typedef struct HttpRequest {
        HttpMethod method;
        const char *url;
        const HttpBody *body;            /* POST, PUT, PATCH; NULL: an empty one */
        const char *accept;              /* NULL: anything */
        const char *bearer;              /* token, or NULL */
        const char *username, *password; /* Basic, unless NULL */
        bool insecure;                   /* any certificate will do */
        const TlsFiles *tls;             /* NULL: what the system trusts, and no client certificate */
        uint64_t range_start;            /* 0: the whole */
        HttpSink sink;                   /* NULL: an answer's body is of no interest */
        void *userdata;
} HttpRequest;

int transfer_new(const int cancel_fds[static CANCEL_FDS_MAX], Transfer **ret, Error *error);
Transfer *transfer_free(Transfer *transfer);
DEFINE_CLEANUP(Transfer *, transfer_free);

/* Performs the request. Fills *ret in any case (http_response_done). Returns 0 when a whole answer came, whatever its
 * status, or -ECOMM with `failure` and `reason` set; *error is set by the sink only. */
int transfer_perform(Transfer *transfer, const HttpRequest *request, HttpResponse *ret, Error *error);
const char *http_method_name(HttpMethod method) _const_;
void http_response_done(HttpResponse *response);

/* Sleeps, unless cancelled: -ECANCELED. */
int transfer_wait(Transfer *transfer, uint64_t usec);
