/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the administrator has put down for TLS with one host, as Docker lays it out: a folder named HOST or HOST:PORT in
 * /etc/berth/certs.d, or else /etc/docker/certs.d, or else /etc/containers/certs.d, with
 *      *.crt               certificates of authorities, trusted beside the system's
 *      X.cert and X.key    a client certificate and its key (the first by name counts), shown to this host only
 * all of them PEM. */

#include "error.h"

#define TLS_FILE_MAX (1024 * 1024)

typedef struct TlsFiles {
        char *authorities; /* the system's and the folder's, PEM; NULL: the system's */
        size_t authorities_size;
        char *certificate, *key; /* absolute paths; NULL: none */
} TlsFiles;

/* names: of the folder, the first that exists counts; NULLs are passed over. root: in front of the paths, "" for the
 * host's. No folder is fine. ERROR_INVALID, or that of reading. */
int tls_files_load(const char *root, const char *const *names, size_t n_names, TlsFiles *ret, Error *error);
void tls_files_done(TlsFiles *files);
