/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz.h"
#include "signature-manifest.h"
#include "signature.h"

#define DIGEST "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void fuzz_manifest(const char *data, size_t size) {
        _cleanup_(signature_manifest_done) SignatureManifest manifest = {}, again = {};
        _cleanup_free_ char *text = NULL, *config = NULL;
        char digest[] = DIGEST, signature[] = "AAAA";
        const SignatureEntry entry = { digest, 10, signature };

        if (signature_manifest_parse(data, size, &manifest, NULL) < 0)
                return;
        for (size_t i = 0; i < manifest.n; i++)
                FUZZ_CHECK(manifest.entries[i].size <= SIGNATURE_PAYLOAD_MAX);
        /* What can be read can be added to, and has one more then. */
        if (signature_manifest_append(data, size, &entry, &text, &config, NULL) < 0)
                return;
        FUZZ_CHECK(strlen(text) > SIGNATURE_MANIFEST_MAX ||
                   signature_manifest_parse(text, strlen(text), &again, NULL) == 0);
        FUZZ_CHECK(strlen(text) > SIGNATURE_MANIFEST_MAX || again.n == manifest.n + 1);
}

static void fuzz_key(const char *data, size_t size) {
        _cleanup_(signature_key_freep) SignatureKey *public_key = NULL, *private_key = NULL;

        (void) signature_key_read_private(data, size, "secret", &private_key, NULL);
        if (signature_key_read_public(data, size, &public_key, NULL) >= 0)
                FUZZ_CHECK(signature_verify(public_key, "payload", 7, "AAAA", NULL) < 0);
}

/* What lies in a registry as signatures, and what administrators put into key files. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const char *text = (const char *) data;

        if (signature_payload_check(text, size, "host:5000", "team/app", DIGEST, NULL) >= 0)
                FUZZ_CHECK(memmem(data, size, "sha256", 6));
        fuzz_manifest(text, size);
        fuzz_key(text, size);
        return 0;
}
