/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Signatures of images, as cosign keeps them in registries (its SIGNATURE_SPEC.md, "simple signing"). Pure, on OpenSSL.
 *
 * What is signed is a payload that names the image by its digest:
 *      {"critical": {"identity": {"docker-reference": "host:5000/team/app"},
 *                    "image": {"docker-manifest-digest": "sha256:…"},
 *                    "type": "cosign container image signature"},
 *       "optional": …}
 * The signature is over the payload's bytes, with SHA-256, and written in base 64: ECDSA on P-256 (DER), RSA (PKCS #1 v1.5,
 * 2048 bits or more), or Ed25519 (which needs no other hash). Certificates and entries of transparency logs, which cosign may add,
 * mean nothing here: what counts are keys that the administrator has named.
 *
 * The payload must be of the very repository that the image is taken from. A tag in it is not looked at: tags of a
 * repository may be moved among its signed images. */

#include "error.h"
#include "macro.h"

#define SIGNATURE_PAYLOAD_MAX (64 * 1024)
#define SIGNATURE_TEXT_MAX (8 * 1024) /* of the base 64 */
#define SIGNATURE_KEY_FILE_MAX (64 * 1024)

typedef struct SignatureKey SignatureKey;
SignatureKey *signature_key_free(SignatureKey *key); /* returns NULL */
DEFINE_CLEANUP(SignatureKey *, signature_key_free);

/* A key in PEM: a public one ("BEGIN PUBLIC KEY"), or a private one (PKCS #8, also encrypted, or the older forms of EC and
 * RSA keys). passphrase NULL: there is none. ERROR_INVALID says what is wrong, without naming the file. */
int signature_key_read_public(const char *pem, size_t size, SignatureKey **ret, Error *error);
int signature_key_read_private(const char *pem, size_t size, const char *passphrase, SignatureKey **ret,
                               Error *error);

/* The signature fits the key (of either kind) and the payload; else ERROR_CORRUPT. */
int signature_verify(const SignatureKey *key, const void *payload, size_t size, const char *signature,
                     Error *error);
/* In base 64, with a private key. */
int signature_make(const SignatureKey *key, const void *payload, size_t size, char **ret, Error *error);

/* The payload speaks of this image of this repository; else ERROR_CORRUPT says of what. To be called only after its
 * signature was found good. */
int signature_payload_check(const char *payload, size_t size, const char *registry, const char *repository,
                            const char *digest, Error *error);
/* NUL-terminated; NULL: out of memory. The same for the same image. */
char *signature_payload_make(const char *registry, const char *repository, const char *digest);
