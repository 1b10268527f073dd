/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz.h"
#include "reference.h"
#include "string-util.h"

/* Whatever parses is written so that it parses to the same again, in both forms. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = fuzz_text(data, size);
        _cleanup_(reference_done) Reference reference = {};
        _cleanup_error_ Error error = {};

        if (reference_parse(text, &reference, &error) < 0) {
                FUZZ_CHECK(error.kind == ERROR_INVALID && error.message);
                return 0;
        }
        _cleanup_free_ char *canonical = reference_to_string(&reference);
        _cleanup_free_ char *familiar = reference_to_familiar(&reference);
        const char *const forms[] = { canonical, familiar };
        for (size_t i = 0; i < ELEMENTSOF(forms); i++) {
                _cleanup_free_ char *again = NULL;
                FUZZ_CHECK(reference_canonicalize(forms[i], &again, NULL) == 0);
                FUZZ_CHECK(streq(again, canonical));
        }
        return 0;
}
