/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <jansson.h>
#include <openssl/evp.h>

#include "base64.h"
#include "image-spec.h"
#include "json-util.h"
#include "signature-key.h"
#include "signature.h"
#include "string-util.h"

#define PAYLOAD_TYPE "cosign container image signature"

static int out_of_memory(Error *error) {
        return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
}

/* ---- signing and verifying ---- */

typedef EVP_MD_CTX DigestContext;
DEFINE_CLEANUP(DigestContext *, EVP_MD_CTX_free);

int signature_verify(const SignatureKey *key, const void *payload, size_t size, const char *signature,
                     Error *error) {
        _cleanup_(EVP_MD_CTX_freep) DigestContext *context = NULL;
        _cleanup_free_ char *bytes = NULL;
        size_t n;

        if (size > SIGNATURE_PAYLOAD_MAX)
                return error_set(error, ERROR_LIMIT, "the signed text is larger than %d bytes",
                                 SIGNATURE_PAYLOAD_MAX);
        if (strlen(signature) > SIGNATURE_TEXT_MAX)
                return error_set(error, ERROR_LIMIT, "the signature is longer than %d bytes",
                                 SIGNATURE_TEXT_MAX);
        int r = base64_decode(signature, &bytes, &n);
        if (r == -ENOMEM || !(context = EVP_MD_CTX_new()))
                return out_of_memory(error);
        if (r < 0)
                return error_set(error, ERROR_CORRUPT, "the signature is not base 64");
        if (EVP_DigestVerifyInit(context, NULL, signature_key_hash(key), NULL, signature_key_pkey(key)) != 1)
                return error_set(error, ERROR_FAILED, "OpenSSL can't verify with the key");
        if (EVP_DigestVerify(context, (const unsigned char *) bytes, n, payload, size) != 1)
                return error_set(error, ERROR_CORRUPT, "the signature does not fit the key");
        return 0;
}

int signature_make(const SignatureKey *key, const void *payload, size_t size, char **ret, Error *error) {
        _cleanup_(EVP_MD_CTX_freep) DigestContext *context = EVP_MD_CTX_new();
        _cleanup_free_ unsigned char *bytes = NULL;
        size_t n = 0;

        if (!context)
                return out_of_memory(error);
        if (EVP_DigestSignInit(context, NULL, signature_key_hash(key), NULL, signature_key_pkey(key)) != 1 ||
            EVP_DigestSign(context, NULL, &n, payload, size) != 1)
                return error_set(error, ERROR_FAILED, "OpenSSL can't sign with the key");
        if (!(bytes = malloc(n)))
                return out_of_memory(error);
        if (EVP_DigestSign(context, bytes, &n, payload, size) != 1)
                return error_set(error, ERROR_FAILED, "OpenSSL can't sign with the key");
        *ret = base64_encode(bytes, n);
        return *ret ? 0 : out_of_memory(error);
}

/* ---- what is signed ---- */

/* Docker Hub has two names, and leaves out "library/" where it goes without saying. */
static int same_repository(const char *reference, const char *registry, const char *repository) {
        const char *slash = strrchr(reference, '/'), *name = slash ? slash + 1 : reference;
        _cleanup_free_ char *bare = strndup(reference, (size_t) (name - reference) + strcspn(name, ":@"));
        _cleanup_free_ char *wanted = string_join(registry, "/", repository);

        if (!bare || !wanted)
                return -ENOMEM;
        if (!streq(registry, "docker.io"))
                return streq(bare, wanted);
        const char *path = startswith(bare, "index.docker.io/") ?: startswith(bare, "docker.io/");
        if (!path)
                return false;
        const char *official = strchr(path, '/') ? NULL : startswith(repository, "library/");
        return streq(path, official ?: repository);
}

static int check_members(const json_t *json, const char *registry, const char *repository,
                         const char *digest, Error *error) {
        const char *reference, *signed_digest, *type;
        json_error_t where;

        /* jansson's unpacking takes no const, and changes nothing. */
        if (json_unpack_ex((json_t *) json, &where, 0, "{s:{s:{s:s}, s:{s:s}, s:s}}", "critical", "identity",
                           "docker-reference", &reference, "image", "docker-manifest-digest", &signed_digest,
                           "type", &type) < 0)
                return error_set(error, ERROR_CORRUPT, "the signed text is not of the form of cosign: %s",
                                 where.text);
        if (!streq(type, PAYLOAD_TYPE))
                return error_set(error, ERROR_CORRUPT, "the signed text is a \"%.80s\", not a \"%s\"", type,
                                 PAYLOAD_TYPE);
        if (!streq(signed_digest, digest))
                return error_set(error, ERROR_CORRUPT, "the signature is of another image, %.80s",
                                 signed_digest);
        int r = same_repository(reference, registry, repository);
        if (r < 0)
                return out_of_memory(error);
        if (!r)
                return error_set(error, ERROR_CORRUPT, "the signature is for another repository, \"%.200s\"",
                                 reference);
        return 0;
}

int signature_payload_check(const char *payload, size_t size, const char *registry, const char *repository,
                            const char *digest, Error *error) {
        json_error_t where;

        if (size > SIGNATURE_PAYLOAD_MAX)
                return error_set(error, ERROR_LIMIT, "the signed text is larger than %d bytes",
                                 SIGNATURE_PAYLOAD_MAX);
        _cleanup_json_ json_t *json = json_loadb(payload, size, JSON_REJECT_DUPLICATES, &where);
        if (!json)
                return error_set(error, ERROR_CORRUPT, "the signed text is not valid JSON: %s", where.text);
        return check_members(json, registry, repository, digest, error);
}

char *signature_payload_make(const char *registry, const char *repository, const char *digest) {
        _cleanup_free_ char *reference = string_join(registry, "/", repository);
        _cleanup_json_ json_t *json =
                reference ? json_pack("{s:{s:{s:s}, s:{s:s}, s:s}, s:n}", "critical", "identity",
                                      "docker-reference", reference, "image", "docker-manifest-digest",
                                      digest, "type", PAYLOAD_TYPE, "optional")
                          : NULL;

        return json ? json_dumps(json, JSON_COMPACT) : NULL;
}
