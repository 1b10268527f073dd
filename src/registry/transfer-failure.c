/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <errno.h>

#include "transfer-internal.h"

static const struct {
        CURLcode code;
        TransferFailure failure;
        const char *reason; /* NULL: the system's or curl's own words */
} failures[] = {
        { CURLE_COULDNT_RESOLVE_HOST, TRANSFER_UNREACHABLE, "no such host" },
        { CURLE_COULDNT_RESOLVE_PROXY, TRANSFER_UNREACHABLE, "no such proxy" },
        { CURLE_COULDNT_CONNECT, TRANSFER_UNREACHABLE, NULL },
        { CURLE_PROXY, TRANSFER_UNREACHABLE, NULL },
        { CURLE_SSL_CONNECT_ERROR, TRANSFER_NOT_TLS, NULL },
        { CURLE_PEER_FAILED_VERIFICATION, TRANSFER_UNTRUSTED, NULL },
        { CURLE_SSL_ISSUER_ERROR, TRANSFER_UNTRUSTED, NULL },
        { CURLE_SSL_CACERT_BADFILE, TRANSFER_UNTRUSTED, NULL },
        { CURLE_SSL_CERTPROBLEM, TRANSFER_SENSELESS,
          "its client certificate or key in certs.d is of no use" },
        { CURLE_UNSUPPORTED_PROTOCOL, TRANSFER_SENSELESS, "it does not speak HTTP" },
        { CURLE_WEIRD_SERVER_REPLY, TRANSFER_SENSELESS, "it does not speak HTTP" },
        { CURLE_URL_MALFORMAT, TRANSFER_SENSELESS, "the address is malformed" },
        { CURLE_GOT_NOTHING, TRANSFER_BROKEN, "it was closed without an answer" },
        { CURLE_SEND_FAIL_REWIND, TRANSFER_BROKEN, "it was closed without an answer" },
        { CURLE_PARTIAL_FILE, TRANSFER_BROKEN, "it was closed too early" },
        { CURLE_RECV_ERROR, TRANSFER_BROKEN, NULL },
        { CURLE_SEND_ERROR, TRANSFER_BROKEN, NULL },
};

/* The sentence goes on in lower case, unless it begins with a name ("OpenSSL"). */
static char *lower_first(const char *s) {
        static const char capitals[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
        char *copy = strdup(s);

        if (copy && copy[0] && strcspn(copy + 1, capitals) >= strcspn(copy + 1, " /"))
                copy[0] = (char) tolower((unsigned char) copy[0]);
        return copy;
}

static char *failure_reason(Transfer *transfer, const char *known) {
        long number = 0;

        if (known)
                return strdup(known);
        curl_easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &number);
        if (number != 0 && transfer->response->failure != TRANSFER_UNTRUSTED)
                return lower_first(strerror((int) number));
        return lower_first(isempty(transfer->detail) ? "the connection broke off" : transfer->detail);
}

long transfer_patience(const HttpRequest *request) {
        return request->body ? TRANSFER_STORE_SECONDS : TRANSFER_STALL_SECONDS;
}

static void note_time_out(Transfer *transfer) {
        curl_off_t connected = 0;

        curl_easy_getinfo(transfer->easy, CURLINFO_PRETRANSFER_TIME_T, &connected);
        HttpResponse *response = transfer->response;
        response->failure = connected > 0 ? TRANSFER_BROKEN : TRANSFER_UNREACHABLE;
        response->reason = connected > 0 ? format_string("next to nothing came for %ld s",
                                                         transfer_patience(transfer->request))
                                         : format_string("no answer within %d s", TRANSFER_CONNECT_SECONDS);
}

/* A proxy that makes no tunnel is as good as no way to the registry. */
static bool note_proxy_refusal(Transfer *transfer) {
        long status = 0;

        curl_easy_getinfo(transfer->easy, CURLINFO_HTTP_CONNECTCODE, &status);
        if (status == 0 || status / 100 == 2)
                return false;
        transfer->response->failure = TRANSFER_UNREACHABLE;
        transfer->response->reason = format_string("the proxy answers with HTTP status %ld", status);
        return true;
}

void transfer_note_failure(Transfer *transfer, CURLcode code) {
        HttpResponse *response = transfer->response;
        const char *known = NULL;

        if (response->failure != TRANSFER_NO_FAILURE) /* the sink's */
                return;
        if (code == CURLE_OPERATION_TIMEDOUT) {
                note_time_out(transfer);
                return;
        }
        if (note_proxy_refusal(transfer))
                return;
        response->failure = TRANSFER_BROKEN;
        if (transfer->header_size > RESPONSE_HEADERS_MAX) {
                response->failure = TRANSFER_SENSELESS;
                known = "its headers are too long";
        }
        for (size_t i = 0; i < ELEMENTSOF(failures); i++)
                if (failures[i].code == code) {
                        response->failure = failures[i].failure;
                        known = failures[i].reason;
                }
        response->reason = failure_reason(transfer, known);

        long number = 0;
        curl_easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &number);
        response->is_refused_connection = code == CURLE_COULDNT_RESOLVE_HOST ||
                                          code == CURLE_COULDNT_RESOLVE_PROXY ||
                                          (code == CURLE_COULDNT_CONNECT && number == ECONNREFUSED);
}
