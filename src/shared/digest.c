/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <openssl/evp.h>
#include <string.h>
#include <unistd.h>

#include "digest.h"
#include "fd-util.h"

#define SHA256_SIZE 32

struct Digest {
        EVP_MD_CTX *context;
};

void digest_reset(Digest *digest) {
        /* Can't fail: the context had the same algorithm before, or is fresh with memory already allocated. */
        if (EVP_DigestInit_ex(digest->context, EVP_sha256(), NULL) != 1)
                abort();
}

Digest *digest_new(void) {
        Digest *digest = new0(Digest, 1);

        if (!digest)
                return NULL;
        digest->context = EVP_MD_CTX_new();
        if (!digest->context || EVP_DigestInit_ex(digest->context, EVP_sha256(), NULL) != 1)
                return digest_free(digest);
        return digest;
}

Digest *digest_free(Digest *digest) {
        if (digest)
                EVP_MD_CTX_free(digest->context);
        free(digest);
        return NULL;
}

void digest_update(Digest *digest, const void *data, size_t size) {
        if (EVP_DigestUpdate(digest->context, data, size) != 1)
                abort();
}

void digest_finish(Digest *digest, char ret[static DIGEST_TEXT_SIZE]) {
        static const char hex[] = "0123456789abcdef";
        uint8_t raw[EVP_MAX_MD_SIZE];

        if (EVP_DigestFinal_ex(digest->context, raw, NULL) != 1)
                abort();
        memcpy(ret, "sha256:", 7);
        for (size_t i = 0; i < SHA256_SIZE; i++) {
                ret[7 + 2 * i] = hex[raw[i] >> 4];
                ret[7 + 2 * i + 1] = hex[raw[i] & 15];
        }
        ret[DIGEST_TEXT_SIZE - 1] = 0;
}

void digest_of(const void *data, size_t size, char ret[static DIGEST_TEXT_SIZE]) {
        _cleanup_(digest_freep) Digest *digest = digest_new();

        if (!digest)
                abort();
        digest_update(digest, data, size);
        digest_finish(digest, ret);
}

int digest_update_from_fd(Digest *digest, int fd, uint64_t size) {
        const size_t block = 256 * 1024;
        _cleanup_free_ uint8_t *buffer = malloc(block);

        if (!buffer)
                return -ENOMEM;
        while (size > 0) {
                ssize_t n = read_full(fd, buffer, MIN(size, (uint64_t) block));
                if (n < 0)
                        return n;
                if (n == 0)
                        return -EBADMSG;
                digest_update(digest, buffer, n);
                size -= n;
        }
        return 0;
}

static ssize_t digest_source_next(void *userdata, const void **ret, Error *error) {
        DigestSource *stage = userdata;
        ssize_t n = source_next(&stage->input, ret, error);

        if (n > 0) {
                digest_update(stage->digest, *ret, n);
                stage->size += n;
        }
        return n;
}

Source digest_source(DigestSource *stage) {
        return (Source){ .next = digest_source_next, .userdata = stage };
}

static int digest_sink_write(void *userdata, const void *data, size_t size, Error *error) {
        DigestSink *stage = userdata;

        digest_update(stage->digest, data, size);
        stage->size += size;
        return sink_write(&stage->output, data, size, error);
}

Sink digest_sink(DigestSink *stage) {
        return (Sink){ .write = digest_sink_write, .userdata = stage };
}
