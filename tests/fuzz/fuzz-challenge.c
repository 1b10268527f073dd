/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "challenge.h"
#include "fuzz.h"
#include "http-header.h"
#include "token.h"

/* What a registry says in its headers, and what its token server answers. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = fuzz_text(data, size);
        _cleanup_(challenge_done) Challenge challenge = {};
        uint64_t a, b, c;

        int r = challenge_parse(&challenge, text);
        FUZZ_CHECK(r == 0 || r == -EBADMSG);
        FUZZ_CHECK(challenge.scheme != CHALLENGE_BEARER || challenge.realm);
        if (challenge.realm) {
                const TokenRequest request = { .scope = "repository:x:pull",
                                               .username = text,
                                               .password = text };
                _cleanup_free_ char *url = token_url(&challenge, &request),
                                    *form = token_form(&challenge, &request);
                FUZZ_CHECK(url && form && !strpbrk(form, "\r\n "));
        }

        free(header_value(text, strlen(text), "WWW-Authenticate"));
        free(media_type_of(text));
        _cleanup_(token_answer_done) TokenAnswer answer = {};
        (void) parse_retry_after(text, 0, &a);
        if (parse_content_range(text, &a, &b, &c) == 0)
                FUZZ_CHECK(a <= b && b < c);
        if (token_parse((const char *) data, size, &answer) == 0) {
                FUZZ_CHECK(!strpbrk(answer.token, "\r\n ") && answer.lifetime > 0);
                FUZZ_CHECK(!answer.refresh_token || !strpbrk(answer.refresh_token, "\r\n "));
        }
        return 0;
}
