/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>

#include "digest.h"
#include "file-util.h"
#include "log.h"
#include "signature-manifest.h"
#include "signature.h"
#include "string-util.h"
#include "strv.h"
#include "trust.h"

typedef struct Trust {
        RegistrySession *session;
        const Reference *reference;
        const char *purpose;
        SignatureKey **keys;
        size_t n_keys;

        /* The payload that was fetched last: several signatures may be of one. */
        char payload_digest[DIGEST_TEXT_SIZE];
        char *payload;
        size_t payload_size;

        size_t n_tried;
        Error why; /* the last signature was of no use */
} Trust;

static void trust_done(Trust *trust) {
        for (size_t i = 0; i < trust->n_keys; i++)
                signature_key_free(trust->keys[i]);
        free(trust->keys);
        free(trust->payload);
        error_done(&trust->why);
}

static int out_of_memory(Error *error) {
        return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
}

/* ---- the keys ---- */

static int read_key(const char *path, SignatureKey **ret, Error *error) {
        _cleanup_free_ char *text = NULL;
        size_t size;

        int r = read_file_at(AT_FDCWD, path, SIGNATURE_KEY_FILE_MAX, &text, &size);
        if (r < 0)
                return error_set_errno(error, r, "it can't be read");
        return signature_key_read_public(text, size, ret, error);
}

/* All must be of use: one that is not may be the very one that somebody relies on. */
static int read_keys(Trust *trust, const RegistryRule *rule, Error *error) {
        if (strv_isempty(rule->keys))
                return error_set(error, ERROR_DENIED,
                                 "%s: it must be signed, but [Registry %s] of registries.conf has no Key=",
                                 trust->purpose, rule->prefix);
        trust->keys = new0(SignatureKey *, strv_length(rule->keys));
        if (!trust->keys)
                return out_of_memory(error);
        STRV_FOREACH(path, rule->keys) {
                int r = read_key(*path, &trust->keys[trust->n_keys], error);
                if (r < 0)
                        return error_prefix(error, r, "%s: the key %s is of no use", trust->purpose, *path);
                trust->n_keys++;
        }
        return 0;
}

/* ---- a signature ---- */

/* What is wrong with the signature itself, as opposed to the way to it. */
static bool is_of_signature(ErrorKind kind) {
        return kind == ERROR_CORRUPT || kind == ERROR_LIMIT || kind == ERROR_NO_SUCH_IMAGE;
}

static int fetch_payload(Trust *trust, const SignatureEntry *entry, Error *error) {
        if (streq(trust->payload_digest, entry->digest))
                return 0;
        trust->payload_digest[0] = 0;
        trust->payload = (free(trust->payload), NULL);
        int r = registry_read_blob(trust->session, entry->digest, entry->size, "the signed text",
                                   &trust->payload, error);
        if (r < 0)
                return r;
        trust->payload_size = entry->size;
        memcpy(trust->payload_digest, entry->digest, DIGEST_TEXT_SIZE);
        return 0;
}

static int verify(Trust *trust, const SignatureEntry *entry, const char *digest, Error *error) {
        int r = fetch_payload(trust, entry, error);
        if (r < 0)
                return r;
        for (size_t i = 0; i < trust->n_keys; i++) {
                _cleanup_error_ Error own = {};
                r = signature_verify(trust->keys[i], trust->payload, trust->payload_size, entry->signature,
                                     &own);
                if (r >= 0)
                        return signature_payload_check(trust->payload, trust->payload_size,
                                                       trust->reference->registry,
                                                       trust->reference->repository, digest, error);
                if (!is_of_signature(own.kind)) {
                        error_move(error, &own);
                        return r;
                }
        }
        return error_set(error, ERROR_CORRUPT, "none of the %zu keys has made it", trust->n_keys);
}

/* ---- the signatures of a digest ---- */

static void note_why(Trust *trust, Error *why) {
        error_done(&trust->why);
        error_move(&trust->why, why);
}

/* Returns 1 when one of them is good, 0 when none is. */
static int try_signatures(Trust *trust, const SignatureManifest *manifest, const char *digest,
                          Error *error) {
        for (size_t i = 0; i < manifest->n; i++) {
                _cleanup_error_ Error own = {};
                int r = verify(trust, &manifest->entries[i], digest, &own);
                if (r >= 0)
                        return 1;
                if (!is_of_signature(own.kind)) {
                        error_move(error, &own);
                        return r;
                }
                log_debug("Signature %zu of %s: %s", i + 1, digest, error_text(&own));
                trust->n_tried++;
                note_why(trust, &own);
        }
        return 0;
}

static int is_signed(Trust *trust, const char *digest, Error *error) {
        _cleanup_(registry_document_done) RegistryDocument document = {};
        _cleanup_(signature_manifest_done) SignatureManifest manifest = {};
        _cleanup_free_ char *tag = signature_manifest_tag(digest);
        _cleanup_error_ Error own = {};

        if (!tag)
                return out_of_memory(error);
        int r = registry_get_manifest(trust->session, tag, MEDIA_TYPE_SIGNATURE_MANIFEST,
                                      SIGNATURE_MANIFEST_MAX, &document, &own);
        if (r < 0 && own.kind == ERROR_NO_SUCH_IMAGE)
                return 0;
        if (r >= 0)
                r = signature_manifest_parse(document.data, document.size, &manifest, &own);
        if (r >= 0)
                return try_signatures(trust, &manifest, digest, error);
        if (!is_of_signature(own.kind)) {
                error_move(error, &own);
                return r;
        }
        note_why(trust, &own);
        return 0;
}

/* ---- the policy ---- */

static int refuse(const Trust *trust, const RegistryRule *rule, Error *error) {
        if (trust->n_tried == 0 && trust->why.kind == ERROR_NONE)
                return error_set(error, ERROR_DENIED,
                                 "%s: it is not signed, as [Registry %s] of registries.conf wants it",
                                 trust->purpose, rule->prefix);
        const char *why = startswith(error_text(&trust->why), trust->purpose) ?: error_text(&trust->why);
        return error_set(error, ERROR_DENIED,
                         "%s: it is not signed by any key that [Registry %s] of registries.conf names "
                         "(%zu signature%s tried; %s)",
                         trust->purpose, rule->prefix, trust->n_tried, trust->n_tried == 1 ? "" : "s",
                         why + strspn(why, ": "));
}

static int check_signatures(Trust *trust, const RegistryRule *rule, const char *index, const char *manifest,
                            Error *error) {
        int r = read_keys(trust, rule, error);
        if (r >= 0)
                r = is_signed(trust, index, error);
        if (r == 0 && !streq(index, manifest))
                r = is_signed(trust, manifest, error);
        if (r != 0)
                return MIN(r, 0);
        return refuse(trust, rule, error);
}

int trust_check_reference(const Remote *remote, const Reference *reference, const char *purpose,
                          Error *error) {
        RegistryRule rule;

        registries_conf_find(&remote->conf, reference->registry, reference->repository, &rule);
        if (rule.policy != TRUST_DIGEST || reference->digest)
                return remote_check(remote, reference, purpose, error);
        return error_set(error, ERROR_DENIED,
                         "%s: [Registry %s] of registries.conf wants a digest in its name (NAME@sha256:…)",
                         purpose, rule.prefix);
}

int trust_check(const Remote *remote, RegistrySession *session, const Reference *reference,
                const char *index, const char *manifest, const char *purpose, Error *error) {
        _cleanup_(trust_done)
                Trust trust = { .session = session, .reference = reference, .purpose = purpose };
        RegistryRule rule;

        registries_conf_find(&remote->conf, reference->registry, reference->repository, &rule);
        if (rule.policy == TRUST_SIGNATURE)
                return check_signatures(&trust, &rule, index, manifest, error);
        return trust_check_reference(remote, reference, purpose, error);
}
