/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An image's /etc/passwd and /etc/group, and the user to look up in them: three parts, each ended by NUL. */
#include "account.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = fuzz_text(data, size);
        const char *parts[3] = { "", "", "" };
        _cleanup_(account_done) Account account = {};
        _cleanup_error_ Error error = {};

        memcpy(text, data, size);
        for (size_t i = 0, at = 0; i < 3 && at <= size; i++, at += strlen(text + at) + 1)
                parts[i] = text + at;
        if (account_resolve(parts[0], NULL, parts[1], parts[2], &account, &error) >= 0)
                FUZZ_CHECK(account.home && error.kind == ERROR_NONE &&
                           account.n_groups <= ACCOUNT_GROUPS_MAX);
        else
                FUZZ_CHECK(error.kind != ERROR_NONE && error.message);
        return 0;
}
