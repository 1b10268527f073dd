/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "log.h"
#include "signature-manifest.h"
#include "signature.h"
#include "string-util.h"
#include "test.h"

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B64 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define DIGEST "sha256:" A64

#define PAYLOAD_OF(reference, digest, type)                                          \
        "{\"critical\":{\"identity\":{\"docker-reference\":\"" reference             \
        "\"},\"image\":{\"docker-manifest-digest\":\"" digest "\"},\"type\":\"" type \
        "\"},\"optional\":null}"
#define TYPE "cosign container image signature"
#define PAYLOAD PAYLOAD_OF("host:5000/team/app", DIGEST, TYPE)

/* Made with openssl(1): dgst -sha256 -sign KEY PAYLOAD, and pkeyutl -sign -rawin for Ed25519. */
static const char p256_key[] = "-----BEGIN PUBLIC KEY-----\n"
                               "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEeMYAgYI+TfjRnTn0Xf524AUdPBeD\n"
                               "Dof+8PbqoEI5vsbqHIdz6B6K3sGmgQ71of74CfzEXdusR36nNz90arnhOA==\n"
                               "-----END PUBLIC KEY-----\n";
static const char ed25519_key[] = "-----BEGIN PUBLIC KEY-----\n"
                                  "MCowBQYDK2VwAyEAh9SgXfD8orCwi9lDQ8uM5vq8e9OTQJzOz8XYQNUuj8s=\n"
                                  "-----END PUBLIC KEY-----\n";
static const char rsa_key[] = "-----BEGIN PUBLIC KEY-----\n"
                              "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA4aOijIG8jk7KPrAcZ3km\n"
                              "H59xonlLEOYXaEqTyV+XOFD1SWlYcn9XKXOJLWc4ThjrjLT2QQSIxBDXk00nFFA6\n"
                              "loJ02VHhWPaX2TRGVpK8Or/xd/AGgsiba6T4S95vEKdOhxuwK2LM2rkkgC+j5nE/\n"
                              "Ydl90F5oQ3gwP5W5frGDrSL+RCwWCq6vJiyYIjNmgzKc5v9JZeK5gb3mCtq8BGQ3\n"
                              "huxts3r155THtSPhdOmF8rFoZpkbrDUT0vvYHfkCVtCiJu4pyKaLIKrrLU9/nDpN\n"
                              "nI+ayFt8UgkQBL/Nczt/XNr3PJaIa9jOHDYG9GYfiZBJf8zta9wpFAi4GnXTOaXT\n"
                              "+wIDAQAB\n"
                              "-----END PUBLIC KEY-----\n";
static const char rsa_1024_key[] = "-----BEGIN PUBLIC KEY-----\n"
                                   "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCoexGZlzjAG1H4PLA13Tmx9y2o\n"
                                   "0qcq92l6tX6ebwTvBq8T3qUchsgmEZFVuS6kzw5RW2LApKhbVlTRAttoHICZv93i\n"
                                   "Fy6uYv+G6O5MudSPuGrw/GKy8AYTmN1JuaMIODjNivQu9jlZKZGa15AaMJcHBj9a\n"
                                   "z8wDTCnEmk1EMk7JTQIDAQAB\n"
                                   "-----END PUBLIC KEY-----\n";
static const char p384_key[] = "-----BEGIN PUBLIC KEY-----\n"
                               "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEBRiIg3kJqwsSeqadCNbTM2fNt7fIFMsM\n"
                               "V89FGgQLse9OyV6pB0o4AXfKN6S5I11/2ZXhh/MAf+LtAcsB9gR1wLuJYTL57SNg\n"
                               "mcxRbPYf6pc7R5BUfsY95JfsKk9bTb4o\n"
                               "-----END PUBLIC KEY-----\n";
static const char ed448_key[] = "-----BEGIN PUBLIC KEY-----\n"
                                "MEMwBQYDK2VxAzoAoyG9/T8aDBXCBcBQgZSxaPqSMIXZg+0AfoXtXzoOepMeu4uC\n"
                                "z1tRRr5mqpgoiumax1gGcBNYpwGA\n"
                                "-----END PUBLIC KEY-----\n";

static const struct {
        const char *key, *signature;
} vectors[] = {
        { p256_key, "MEYCIQDGKeu51YqUj3Y5m5Tu1f0Z4Jvq23gv0vApcnJpTY1QhQIhAMmOLffnMBr2IHBS5BAKJLZGPzpH"
                    "m+1/6QUYxP9WyO7p" },
        { ed25519_key, "bbJArjr0uQW1tQW47BBvDml4MdFOTs7IfKMHhyzZb3DYglmFZIITJ1wT5tmJuNUXVn/PyI38mEimI+mq"
                       "T9GiAg==" },
        { rsa_key, "NqmemKyNPUIEgqk31msiRbehbvA1GPHKob8IvJL6RrAwrDXMoe5rE0FLNLykKqo34lY9YBmfUIhW2cRs"
                   "N7/LcQs4YCrtDdGAgs3i4ZdyonxJ9cwaybo+kd6r5hHRuAf3bV6r8fwIGeUphQve8WD2PShXf6zdCKof"
                   "hffdw04lejVVm6I0TDcbCzCmX/FQvKZvebyDi3o8thyIIjGJe7PI24B+ls5GoMaT94jFJ/XvPI6V/w8B"
                   "dWiW6h5gWqwzMf/wy7n+U4NqF5srT/IkI5WwUeIJ20zLuFalsby6m2+l+XjImg+QzP6Y6/1E7c1YSBJs"
                   "0w94dn1OWSU8Ff10LVx6ng==" },
};

static SignatureKey *public_key(const char *pem, Error *error) {
        SignatureKey *key = NULL;

        CHECK((signature_key_read_public(pem, strlen(pem), &key, error) == 0) == (key != NULL));
        return key;
}

static bool says(const Error *error, const char *text) {
        bool good = strstr(error_text(error), text);

        if (!good)
                fprintf(stderr, "\"%s\" does not say \"%s\"\n", error_text(error), text);
        return good;
}

/* ---- verifying ---- */

static void test_vectors(void) {
        for (size_t i = 0; i < ELEMENTSOF(vectors); i++)
                for (size_t k = 0; k < ELEMENTSOF(vectors); k++) {
                        _cleanup_error_ Error error = {};
                        _cleanup_(signature_key_freep) SignatureKey *key =
                                public_key(vectors[i].key, &error);

                        CHECK(key);
                        int r = signature_verify(key, PAYLOAD, strlen(PAYLOAD), vectors[k].signature,
                                                 &error);
                        CHECK((r == 0) == (i == k));
                        CHECK(r == 0 || error.kind == ERROR_CORRUPT);
                }
}

static void check_refused(const SignatureKey *key, const char *payload, size_t size, const char *signature,
                          const char *why) {
        _cleanup_error_ Error error = {};

        CHECK(signature_verify(key, payload, size, signature, &error) < 0);
        CHECK(says(&error, why));
}

/* Each bit of a signature counts, and of what is signed. */
static void test_tampering(void) {
        for (size_t i = 0; i < ELEMENTSOF(vectors); i++) {
                _cleanup_(signature_key_freep) SignatureKey *key = public_key(vectors[i].key, NULL);
                _cleanup_free_ char *signature = strdup(vectors[i].signature), *payload = strdup(PAYLOAD);

                for (size_t n = 0; n < 40; n++) {
                        char before = signature[n];
                        signature[n] = before == 'A' ? 'B' : 'A';
                        check_refused(key, PAYLOAD, strlen(PAYLOAD), signature, "does not fit");
                        signature[n] = before;
                }
                for (size_t n = 0; payload[n]; n++) {
                        payload[n] ^= 1;
                        check_refused(key, payload, strlen(PAYLOAD), signature, "does not fit");
                        payload[n] ^= 1;
                }
                check_refused(key, PAYLOAD, strlen(PAYLOAD) - 1, signature, "does not fit");
                check_refused(key, PAYLOAD, 0, signature, "does not fit");
                check_refused(key, PAYLOAD, strlen(PAYLOAD), "", "does not fit");
                check_refused(key, PAYLOAD, strlen(PAYLOAD), "!!!!", "not base 64");
                check_refused(key, PAYLOAD, SIGNATURE_PAYLOAD_MAX + 1, signature, "larger than");
        }
}

static void test_long_signature(void) {
        _cleanup_(signature_key_freep) SignatureKey *key = public_key(p256_key, NULL);
        _cleanup_free_ char *signature = malloc(SIGNATURE_TEXT_MAX + 2);

        memset(signature, 'A', SIGNATURE_TEXT_MAX + 1);
        signature[SIGNATURE_TEXT_MAX + 1] = 0;
        check_refused(key, PAYLOAD, strlen(PAYLOAD), signature, "longer than");
}

/* ---- keys ---- */

static void test_bad_keys(void) {
        static const struct {
                const char *pem, *why;
        } keys[] = {
                { rsa_1024_key, "1024 bits" },
                { p384_key, "secp384r1" },
                { ed448_key, "ED448" },
                { "", "no public key" },
                { "garbage", "no public key" },
                { "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "no public key" },
                { "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "certificate" },
                { "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "a private key" },
                { "-----BEGIN PGP PUBLIC KEY BLOCK-----\n", "OpenPGP" },
        };

        for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                _cleanup_error_ Error error = {};
                _cleanup_(signature_key_freep) SignatureKey *key = public_key(keys[i].pem, &error);
                CHECK(!key && says(&error, keys[i].why));
        }
}

/* In PEM, as openssl(1) writes it. */
static char *private_key(EVP_PKEY *pkey, const char *passphrase) {
        BIO *bio = BIO_new(BIO_s_mem());
        char *data;

        CHECK(PEM_write_bio_PKCS8PrivateKey(bio, pkey, passphrase ? EVP_aes_128_cbc() : NULL, passphrase,
                                            passphrase ? (int) strlen(passphrase) : 0, NULL, NULL) == 1);
        long size = BIO_get_mem_data(bio, &data);
        char *copy = strndup(data, (size_t) size);
        BIO_free(bio);
        return copy;
}

static void check_private(const char *pem, const char *passphrase, const char *why) {
        _cleanup_(signature_key_freep) SignatureKey *key = NULL;
        _cleanup_error_ Error error = {};

        int r = signature_key_read_private(pem, strlen(pem), passphrase, &key, &error);
        CHECK(why ? r < 0 && says(&error, why) : r == 0);
}

static void check_signing(const char *pem) {
        _cleanup_(signature_key_freep) SignatureKey *key = NULL;
        _cleanup_free_ char *signature = NULL;

        CHECK(signature_key_read_private(pem, strlen(pem), NULL, &key, NULL) == 0);
        CHECK(signature_make(key, PAYLOAD, strlen(PAYLOAD), &signature, NULL) == 0);
        CHECK(signature_verify(key, PAYLOAD, strlen(PAYLOAD), signature, NULL) == 0);
        CHECK(signature_verify(key, PAYLOAD, strlen(PAYLOAD) - 1, signature, NULL) < 0);
}

static void test_private_keys(void) {
        EVP_PKEY *pkeys[] = { EVP_EC_gen("P-256"), EVP_PKEY_Q_keygen(NULL, NULL, "ED25519") };

        for (size_t i = 0; i < ELEMENTSOF(pkeys); i++) {
                _cleanup_free_ char *plain = private_key(pkeys[i], NULL),
                                    *encrypted = private_key(pkeys[i], "secret");
                check_signing(plain);
                check_private(plain, "not needed", NULL);
                check_private(encrypted, "secret", NULL);
                check_private(encrypted, NULL, "give its passphrase");
                check_private(encrypted, "", "give its passphrase");
                check_private(encrypted, "wrong", "passphrase is wrong");
                EVP_PKEY_free(pkeys[i]);
        }
        check_private(p256_key, NULL, "a public key");
        check_private("", NULL, "no private key");
        check_private("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nAAAA\n", "x", "cosign's own way");
}

/* ---- payloads ---- */

static const struct {
        const char *payload, *registry, *repository, *why; /* NULL: it is fine */
} payloads[] = {
        { PAYLOAD, "host:5000", "team/app", NULL },
        { PAYLOAD_OF("host:5000/team/app:v1", DIGEST, TYPE), "host:5000", "team/app", NULL },
        { PAYLOAD_OF("host:5000/team/app@" DIGEST, DIGEST, TYPE), "host:5000", "team/app", NULL },
        { PAYLOAD_OF("host:5000/team/app:v1@" DIGEST, DIGEST, TYPE), "host:5000", "team/app", NULL },
        { PAYLOAD_OF("index.docker.io/library/debian", DIGEST, TYPE), "docker.io", "library/debian", NULL },
        { PAYLOAD_OF("docker.io/debian:12", DIGEST, TYPE), "docker.io", "library/debian", NULL },
        { PAYLOAD_OF("docker.io/team/app", DIGEST, TYPE), "docker.io", "team/app", NULL },
        { PAYLOAD, "host:5001", "team/app", "another repository" },
        { PAYLOAD, "host:5000", "team/app2", "another repository" },
        { PAYLOAD, "host:5000", "team", "another repository" },
        { PAYLOAD_OF("", DIGEST, TYPE), "host:5000", "team/app", "another repository" },
        { PAYLOAD_OF("team/app", DIGEST, TYPE), "host:5000", "team/app", "another repository" },
        { PAYLOAD_OF("debian", DIGEST, TYPE), "docker.io", "library/debian", "another repository" },
        { PAYLOAD_OF("docker.io/app", DIGEST, TYPE), "docker.io", "team/app", "another repository" },
        { PAYLOAD_OF("host:5000/team/app", "sha256:" B64, TYPE), "host:5000", "team/app", "another image" },
        { PAYLOAD_OF("host:5000/team/app", "", TYPE), "host:5000", "team/app", "another image" },
        { PAYLOAD_OF("host:5000/team/app", DIGEST, "atomic container signature"), "host:5000", "team/app",
          "not a \"cosign container image signature\"" },
        { "{}", "host:5000", "team/app", "form of cosign" },
        { "[]", "host:5000", "team/app", "form of cosign" },
        { "", "host:5000", "team/app", "not valid JSON" },
        { PAYLOAD "x", "host:5000", "team/app", "not valid JSON" },
        { "{\"critical\":{\"identity\":{\"docker-reference\":7},\"image\":{\"docker-manifest-digest\":"
          "\"" DIGEST "\"},\"type\":\"" TYPE "\"}}",
          "host:5000", "team/app", "form of cosign" },
        { "{\"critical\":{\"identity\":{\"docker-reference\":\"host:5000/team/app\"},\"image\":{"
          "\"docker-manifest-digest\":\"" DIGEST "\",\"docker-manifest-digest\":\"sha256:" B64
          "\"},\"type\":\"" TYPE "\"}}",
          "host:5000", "team/app", "duplicate" },
};

static void test_payloads(void) {
        for (size_t i = 0; i < ELEMENTSOF(payloads); i++) {
                _cleanup_error_ Error error = {};
                int r = signature_payload_check(payloads[i].payload, strlen(payloads[i].payload),
                                                payloads[i].registry, payloads[i].repository, DIGEST,
                                                &error);
                if ((r < 0) != (payloads[i].why != NULL))
                        fprintf(stderr, "payload %zu: %s\n", i, error_text(&error));
                CHECK((r < 0) == (payloads[i].why != NULL));
                CHECK(!payloads[i].why || says(&error, payloads[i].why));
        }
        CHECK(signature_payload_check(PAYLOAD, SIGNATURE_PAYLOAD_MAX + 1, "host:5000", "team/app", DIGEST,
                                      NULL) < 0);
}

static void test_own_payload(void) {
        _cleanup_free_ char *payload = signature_payload_make("host:5000", "team/app", DIGEST);

        CHECK_STRING(payload, PAYLOAD);
        CHECK(signature_payload_check(payload, strlen(payload), "host:5000", "team/app", DIGEST, NULL) == 0);
}

/* ---- the manifest ---- */

#define LAYER(type, signature)                                                                \
        "{\"mediaType\":\"" type "\",\"size\":10,\"digest\":\"" DIGEST "\",\"annotations\":{" \
        "\"dev.cosignproject.cosign/signature\":\"" signature "\",\"dev.sigstore.cosign/bundle\":\"x\"}}"
#define SIGNED "application/vnd.dev.cosign.simplesigning.v1+json"

static void test_manifest_parse(void) {
        static const struct {
                const char *text;
                int n; /* -1: refused */
        } manifests[] = {
                { "{\"layers\":[]}", 0 },
                { "{\"layers\":[" LAYER(SIGNED, "AAAA") "," LAYER("text/plain",
                                                                  "AAAA") "," LAYER(SIGNED, "BBBB") "]}",
                  2 },
                { "{\"layers\":[7,null,{},[],{\"mediaType\":\"" SIGNED "\"}]}", 0 },
                { "{\"layers\":[{\"mediaType\":\"" SIGNED "\",\"size\":-1,\"digest\":\"" DIGEST
                  "\",\"annotations\":{\"dev.cosignproject.cosign/signature\":\"AAAA\"}}]}",
                  0 },
                { "{\"layers\":{}}", -1 },
                { "{}", -1 },
                { "[]", -1 },
                { "{\"layers\":[],\"layers\":[]}", -1 },
                { "", -1 },
        };

        for (size_t i = 0; i < ELEMENTSOF(manifests); i++) {
                _cleanup_(signature_manifest_done) SignatureManifest manifest = {};
                int r = signature_manifest_parse(manifests[i].text, strlen(manifests[i].text), &manifest,
                                                 NULL);
                CHECK((r < 0) == (manifests[i].n < 0));
                CHECK((int) manifest.n == MAX(manifests[i].n, 0));
        }
        CHECK(signature_manifest_parse("{}", SIGNATURE_MANIFEST_MAX + 1, &(SignatureManifest){}, NULL) < 0);
}

static void test_manifest_append(void) {
        char digest[] = DIGEST, signature[] = "AAAA";
        const SignatureEntry entry = { digest, 10, signature };
        _cleanup_free_ char *text = NULL, *config = NULL;
        _cleanup_error_ Error error = {};

        for (size_t n = 1; n <= SIGNATURES_MAX; n++) {
                _cleanup_(signature_manifest_done) SignatureManifest manifest = {};
                char *next = NULL;
                config = (free(config), NULL);
                CHECK(signature_manifest_append(text, text ? strlen(text) : 0, &entry, &next, &config,
                                                NULL) == 0);
                free_and_replace(text, next);
                CHECK(signature_manifest_parse(text, strlen(text), &manifest, NULL) == 0 && manifest.n == n);
                CHECK_STRING(manifest.entries[n - 1].signature, "AAAA");
        }
        char *more = NULL, *more_config = NULL;
        CHECK(signature_manifest_append(text, strlen(text), &entry, &more, &more_config, &error) < 0);
        CHECK(says(&error, "50 signatures already"));
}

/* What others have written into it stays. */
static void test_manifest_keeps(void) {
        static const char before[] =
                "{\"schemaVersion\":2,\"annotations\":{\"a\":\"b\"},\"layers\":[" LAYER(SIGNED, "BBBB") "]}";
        char digest[] = DIGEST, signature[] = "AAAA";
        const SignatureEntry entry = { digest, 10, signature };
        _cleanup_free_ char *text = NULL, *config = NULL;

        CHECK(signature_manifest_append(before, strlen(before), &entry, &text, &config, NULL) == 0);
        CHECK(strstr(text, "dev.sigstore.cosign/bundle") && strstr(text, "\"annotations\":{\"a\":\"b\"}"));
        CHECK(strstr(config, "\"diff_ids\":[\"" DIGEST "\",\"" DIGEST "\"]"));

        _cleanup_free_ char *tag = signature_manifest_tag(DIGEST);
        CHECK_STRING(tag, "sha256-" A64 ".sig");
}

int main(void) {
        test_vectors();
        test_tampering();
        test_long_signature();
        test_bad_keys();
        test_private_keys();
        test_payloads();
        test_own_payload();
        test_manifest_parse();
        test_manifest_append();
        test_manifest_keeps();
        return TEST_RESULT();
}
