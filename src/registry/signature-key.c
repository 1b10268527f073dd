/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "signature-key.h"
#include "string-util.h"

#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 16384 /* more is only slow */

struct SignatureKey {
        EVP_PKEY *pkey;
        const EVP_MD *hash;
};

DEFINE_CLEANUP(BIO *, BIO_free);

SignatureKey *signature_key_free(SignatureKey *key) {
        if (!key)
                return NULL;
        EVP_PKEY_free(key->pkey);
        free(key);
        return NULL;
}

EVP_PKEY *signature_key_pkey(const SignatureKey *key) {
        return key->pkey;
}

const EVP_MD *signature_key_hash(const SignatureKey *key) {
        return key->hash;
}

/* ---- which keys are good enough ---- */

static int check_curve(const EVP_PKEY *pkey, Error *error) {
        char curve[80] = "";

        (void) EVP_PKEY_get_utf8_string_param(pkey, OSSL_PKEY_PARAM_GROUP_NAME, curve, sizeof(curve), NULL);
        if (streq(curve, "prime256v1"))
                return 0;
        return error_set(error, ERROR_UNSUPPORTED, "its curve is %s, and P-256 is the one that counts",
                         isempty(curve) ? "unknown" : curve);
}

static int check_modulus(const EVP_PKEY *pkey, Error *error) {
        int bits = EVP_PKEY_get_bits(pkey);

        if (bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX)
                return 0;
        return error_set(error, ERROR_UNSUPPORTED, "its RSA key has %d bits, and %d to %d are wanted", bits,
                         RSA_BITS_MIN, RSA_BITS_MAX);
}

static const struct {
        const char *name; /* OpenSSL's */
        const EVP_MD *(*hash)(void);
        int (*check)(const EVP_PKEY *pkey, Error *error);
} algorithms[] = {
        { "EC", EVP_sha256, check_curve },
        { "RSA", EVP_sha256, check_modulus },
        { "ED25519", NULL, NULL },
};

/* Takes over pkey. */
static int new_key(EVP_PKEY *pkey, SignatureKey **ret, Error *error) {
        _cleanup_(signature_key_freep) SignatureKey *key = new0(SignatureKey, 1);

        if (!key) {
                EVP_PKEY_free(pkey);
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        }
        key->pkey = pkey;
        for (size_t i = 0; i < ELEMENTSOF(algorithms); i++)
                if (EVP_PKEY_is_a(pkey, algorithms[i].name)) {
                        key->hash = algorithms[i].hash ? algorithms[i].hash() : NULL;
                        int r = algorithms[i].check ? algorithms[i].check(pkey, error) : 0;
                        if (r >= 0)
                                *ret = TAKE_PTR(key);
                        return r;
                }
        return error_set(error, ERROR_UNSUPPORTED,
                         "its algorithm is %s, and ECDSA on P-256, Ed25519 and RSA are the ones that count",
                         EVP_PKEY_get0_type_name(pkey) ?: "unknown");
}

/* ---- PEM ---- */

static bool has_label(const char *pem, size_t size, const char *label) {
        return memmem(pem, size, label, strlen(label));
}

/* What else people put there, and what to do. */
static const struct {
        const char *label, *advice;
} mistakes[] = {
        { "BEGIN CERTIFICATE",
          "it is a certificate, not a key (openssl x509 -in FILE -noout -pubkey gets the key out of it)" },
        { "BEGIN RSA PUBLIC KEY",
          "it is a key in an old form (openssl rsa -RSAPublicKey_in -in FILE -pubout "
          "converts it)" },
        { "BEGIN SSH2 PUBLIC KEY", "it is a key of SSH (ssh-keygen -e -m PKCS8 -f FILE converts it)" },
        { "BEGIN OPENSSH PRIVATE KEY", "it is a key of SSH (ssh-keygen -p -m PKCS8 -f FILE converts it)" },
        { "BEGIN PGP", "it is a key of OpenPGP" },
        { "BEGIN ENCRYPTED COSIGN PRIVATE KEY",
          "it is encrypted in cosign's own way, which only cosign can read (make a key with openssl "
          "genpkey instead; cosign import-key-pair lets cosign use the same)" },
        { "BEGIN ENCRYPTED SIGSTORE PRIVATE KEY",
          "it is encrypted in cosign's own way, which only cosign can read (make a key with openssl "
          "genpkey instead; cosign import-key-pair lets cosign use the same)" },
};

static int explain(const char *pem, size_t size, const char *wanted, Error *error) {
        for (size_t i = 0; i < ELEMENTSOF(mistakes); i++)
                if (has_label(pem, size, mistakes[i].label))
                        return error_set(error, ERROR_INVALID, "%s", mistakes[i].advice);
        return error_set(error, ERROR_INVALID, "there is no %s key in PEM in it", wanted);
}

static BIO *open_text(const char *pem, size_t size) {
        return size > SIGNATURE_KEY_FILE_MAX ? NULL : BIO_new_mem_buf(pem, (int) size);
}

int signature_key_read_public(const char *pem, size_t size, SignatureKey **ret, Error *error) {
        _cleanup_(BIO_freep) BIO *bio = open_text(pem, size);
        EVP_PKEY *pkey = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;

        if (pkey)
                return new_key(pkey, ret, error);
        ERR_clear_error();
        if (has_label(pem, size, "PRIVATE KEY-----"))
                return error_set(error, ERROR_INVALID,
                                 "it is a private key, which should not be there (openssl pkey -in FILE "
                                 "-pubout makes the public one)");
        return explain(pem, size, "public", error);
}

static int give_passphrase(char *buffer, int size, int writing, void *userdata) {
        const char *passphrase = userdata;
        size_t n = strlen(strempty(passphrase));

        if (n > (size_t) size)
                return -1;
        memcpy(buffer, strempty(passphrase), n);
        return (int) n;
}

int signature_key_read_private(const char *pem, size_t size, const char *passphrase, SignatureKey **ret,
                               Error *error) {
        _cleanup_(BIO_freep) BIO *bio = open_text(pem, size);
        EVP_PKEY *pkey =
                bio ? PEM_read_bio_PrivateKey(bio, NULL, give_passphrase, (void *) passphrase) : NULL;

        if (pkey)
                return new_key(pkey, ret, error);
        ERR_clear_error();
        if (has_label(pem, size, "BEGIN PUBLIC KEY"))
                return error_set(error, ERROR_INVALID,
                                 "it is a public key, and signing needs a private one");
        if (has_label(pem, size, "BEGIN ENCRYPTED PRIVATE KEY") || has_label(pem, size, ",ENCRYPTED"))
                return isempty(passphrase)
                               ? error_set(error, ERROR_UNAUTHORIZED, "it is encrypted: give its passphrase")
                               : error_set(error, ERROR_UNAUTHORIZED, "the passphrase is wrong");
        return explain(pem, size, "private", error);
}
