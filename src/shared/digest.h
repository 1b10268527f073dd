/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* SHA-256 of what passes by. A digest is written "sha256:" and 64 lower-case hex digits (OCI image-spec, descriptor). */

#include "byte-stream.h"

#define DIGEST_TEXT_SIZE (7 + 64 + 1)

typedef struct Digest Digest;
Digest *digest_new(void); /* NULL: out of memory */
void digest_update(Digest *digest, const void *data, size_t size);
void digest_reset(Digest *digest);
/* Ends the computation; the object can then only be reset or freed. */
void digest_finish(Digest *digest, char ret[static DIGEST_TEXT_SIZE]);
Digest *digest_free(Digest *digest); /* returns NULL */
DEFINE_CLEANUP(Digest *, digest_free);

void digest_of(const void *data, size_t size, char ret[static DIGEST_TEXT_SIZE]);
/* Takes in the next `size` bytes of the file. -EBADMSG: it is shorter. */
int digest_update_from_fd(Digest *digest, int fd, uint64_t size);

/* A stage that hashes and counts what is pulled through it. */
typedef struct DigestSource {
        Source input;
        Digest *digest;
        uint64_t size;
} DigestSource;
Source digest_source(DigestSource *stage);

/* The same for what is pushed. */
typedef struct DigestSink {
        Sink output;
        Digest *digest;
        uint64_t size;
} DigestSink;
Sink digest_sink(DigestSink *stage);
