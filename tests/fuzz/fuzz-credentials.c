/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "credentials.h"
#include "fuzz.h"
#include "json-util.h"
#include "string-util.h"

/* A file of credentials, which a user's program has written, or somebody for a user. */

static void check_found(const json_t *document, const char *registry, const char *repository) {
        _cleanup_(credential_done) Credential found = {};

        int r = credentials_find(document, registry, repository, &found);
        FUZZ_CHECK(r == 1 || r == 0 || r == -EBADMSG);
        bool something = !isempty(found.username) || !isempty(found.identity_token);
        FUZZ_CHECK((r == 1) == something);
}

/* What is stored is found again, and nothing after it was removed. */
static void check_change(json_t *document, const char *key) {
        const Credential stored = { .username = (char *) "user", .password = (char *) "pass:word" };
        _cleanup_(credential_done) Credential found = {}, removed = {};

        FUZZ_CHECK(credentials_set(document, key, &stored) >= 0);
        FUZZ_CHECK(credentials_has(document, key));
        FUZZ_CHECK(credentials_find(document, key, NULL, &found) == 1);
        FUZZ_CHECK(streq(found.username, "user") && streq(found.password, "pass:word") &&
                   !found.identity_token);
        FUZZ_CHECK(credentials_set(document, key, NULL) == 1);
        FUZZ_CHECK(!credentials_has(document, key));
        FUZZ_CHECK(credentials_find(document, key, NULL, &removed) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_json_ json_t *document = NULL;
        _cleanup_error_ Error error = {};
        const json_t *entry;
        const char *key;

        int r = credentials_parse((const char *) data, size, &document, &error);
        FUZZ_CHECK((r < 0) == (error.kind != ERROR_NONE));
        if (r < 0)
                return 0;
        json_object_foreach(json_object_get(document, "auths"), key, entry) {
                _cleanup_free_ char *scope = credentials_key_scope(key);
                FUZZ_CHECK(scope);
                check_found(document, scope, NULL);
                check_found(document, scope, "library/x");
        }
        check_found(document, "docker.io", "library/x");
        check_change(document, "docker.io");
        check_change(document, "host.example:5000");
        return 0;
}
