/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "digest.h"
#include "fd-util.h"
#include "manifest.h"
#include "remote.h"
#include "report.h"
#include "signature-manifest.h"
#include "signature.h"
#include "string-util.h"
#include "upload.h"

/* Signs what a registry has under a name now: the index when the name leads to one, since that fixes all the images in it. The
 * signature is added to those that are there, in cosign's place for them; whoever does the same at the same moment may win. */

#define PASSPHRASE_MAX 1024

typedef struct Sign {
        Worker *worker;
        const Reference *reference;
        const char *purpose;
        Remote remote;
        Registry *registry;
        RegistrySession *session;
        SignatureKey *key;

        char *digest; /* of what is signed */
        char *payload;
        char *tag;               /* of the signatures */
        RegistryDocument before; /* the signatures that there are; data NULL: none */
} Sign;

static void sign_done(Sign *sign) {
        registry_document_done(&sign->before);
        free(sign->tag);
        free(sign->payload);
        free(sign->digest);
        signature_key_free(sign->key);
        registry_session_free(sign->session);
        registry_free(sign->registry);
        remote_done(&sign->remote);
}

static int out_of_memory(Error *error) {
        return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
}

/* ---- the key ---- */

/* A short text out of a file or a pipe. */
static int read_secret(int fd, const char *what, size_t limit, char **ret, size_t *ret_size, Error *error) {
        _cleanup_(fd_source_done) FdSource input = {};
        _cleanup_erase_ char *text = malloc(limit + 1);
        const void *data;
        size_t size = 0;
        ssize_t n;

        if (!text || fd_source_init(&input, fd, worker_cancel_fd(), what) < 0)
                return out_of_memory(error);
        const Source source = fd_source(&input);
        while ((n = source_next(&source, &data, error)) > 0) {
                if ((size_t) n > limit - size)
                        return error_set(error, ERROR_LIMIT, "%s is longer than %zu bytes", what, limit);
                memcpy(text + size, data, n);
                size += n;
        }
        if (n < 0)
                return (int) n;
        text[size] = 0;
        *ret = TAKE_PTR(text);
        *ret_size = size;
        return 0;
}

static int read_key(Sign *sign, Error *error) {
        _cleanup_erase_ char *pem = NULL, *passphrase = NULL;
        size_t size, passphrase_size;

        int r = read_secret(sign->worker->fds[1], "the key", SIGNATURE_KEY_FILE_MAX, &pem, &size, error);
        if (r >= 0)
                r = read_secret(sign->worker->fds[2], "the passphrase", PASSPHRASE_MAX, &passphrase,
                                &passphrase_size, error);
        if (r < 0)
                return r;
        r = signature_key_read_private(pem, size, passphrase, &sign->key, error);
        return r < 0 ? error_prefix(error, r, "%s: the key is of no use", sign->purpose) : 0;
}

/* ---- what is there ---- */

static int find_image(Sign *sign, Error *error) {
        _cleanup_(registry_document_done) RegistryDocument document = {};
        const Reference *reference = sign->reference;

        int r = registry_get_manifest(sign->session, reference->digest ?: reference->tag,
                                      MEDIA_TYPES_ACCEPTED, image_limits()->manifest_size, &document, error);
        if (r < 0)
                return r;
        sign->digest = TAKE_PTR(document.digest);
        sign->tag = signature_manifest_tag(sign->digest);
        sign->payload = signature_payload_make(reference->registry, reference->repository, sign->digest);
        return sign->tag && sign->payload ? 0 : out_of_memory(error);
}

static int find_signatures(Sign *sign, Error *error) {
        _cleanup_error_ Error own = {};

        int r = registry_get_manifest(sign->session, sign->tag, MEDIA_TYPE_SIGNATURE_MANIFEST,
                                      SIGNATURE_MANIFEST_MAX, &sign->before, &own);
        if (r >= 0 || own.kind == ERROR_NO_SUCH_IMAGE)
                return 0;
        error_move(error, &own);
        return r;
}

/* The very key has signed the very payload before. Signatures may differ each time that they are made, so they are
 * verified rather than compared. */
static bool is_signed_already(Sign *sign) {
        _cleanup_(signature_manifest_done) SignatureManifest manifest = {};
        char digest[DIGEST_TEXT_SIZE];
        size_t size = strlen(sign->payload);

        if (!sign->before.data ||
            signature_manifest_parse(sign->before.data, sign->before.size, &manifest, NULL) < 0)
                return false;
        digest_of(sign->payload, size, digest);
        for (size_t i = 0; i < manifest.n; i++)
                if (streq(manifest.entries[i].digest, digest) &&
                    signature_verify(sign->key, sign->payload, size, manifest.entries[i].signature, NULL) >=
                            0)
                        return true;
        return false;
}

/* ---- adding to it ---- */

static int put_blob(Sign *sign, const char *data, char digest[static DIGEST_TEXT_SIZE], Error *error) {
        const RegistryBlob blob = { .digest = digest, .size = strlen(data), .data = data, .fd = -EBADF };

        digest_of(data, blob.size, digest);
        int r = registry_has_blob(sign->session, digest, error);
        return r != 0 ? MIN(r, 0) : MIN(registry_put_blob(sign->session, &blob, error), 0);
}

static int add_signature(Sign *sign, Error *error) {
        char payload_digest[DIGEST_TEXT_SIZE], config_digest[DIGEST_TEXT_SIZE], digest[DIGEST_TEXT_SIZE];
        _cleanup_free_ char *signature = NULL, *manifest = NULL, *config = NULL;

        int r = signature_make(sign->key, sign->payload, strlen(sign->payload), &signature, error);
        if (r >= 0)
                r = put_blob(sign, sign->payload, payload_digest, error);
        if (r < 0)
                return r;
        const SignatureEntry entry = { payload_digest, strlen(sign->payload), signature };
        r = signature_manifest_append(sign->before.data, sign->before.size, &entry, &manifest, &config,
                                      error);
        if (r >= 0)
                r = put_blob(sign, config, config_digest, error);
        if (r < 0)
                return r;
        digest_of(manifest, strlen(manifest), digest);
        const char *type = sign->before.media_type ?: MEDIA_TYPE_SIGNATURE_MANIFEST;
        return registry_put_manifest(sign->session, sign->tag, type, manifest, strlen(manifest), digest,
                                     error);
}

/* ---- the verb ---- */

static int open_registry(Sign *sign, Error *error) {
        int r = remote_open(sign->worker, &sign->remote, error);

        /* The registry itself, and none of its mirrors. */
        if (r >= 0)
                r = remote_registry(&sign->remote, sign->worker, sign->reference, "pull,push", sign->purpose,
                                    -EBADF, &sign->registry, error);
        return r < 0 ? r : registry_session_new(sign->registry, &sign->session, error);
}

static int sign_image(Sign *sign, Error *error) {
        int r = open_registry(sign, error);

        if (r >= 0)
                r = read_key(sign, error);
        if (r >= 0)
                r = find_image(sign, error);
        if (r >= 0)
                r = find_signatures(sign, error);
        if (r < 0)
                return r;
        WorkerResult result = { .existed = is_signed_already(sign), .digest = sign->digest };
        r = result.existed ? 0 : add_signature(sign, error);
        return r < 0 ? r : report_result(sign->worker, &result, error);
}

int verb_sign(Worker *worker, Error *error) {
        _cleanup_(reference_done) Reference reference = {};
        _cleanup_free_ char *name = NULL, *purpose = NULL;

        int r = reference_parse(strempty(worker->request.reference), &reference, error);
        if (r < 0)
                return r;
        name = reference_to_string(&reference);
        purpose = name ? string_join("cannot sign ", name) : NULL;
        if (!purpose)
                return out_of_memory(error);
        _cleanup_(sign_done) Sign sign = { .worker = worker, .reference = &reference, .purpose = purpose };
        r = sign_image(&sign, error);
        return r < 0 ? remote_complete_error(purpose, r, error) : 0;
}
