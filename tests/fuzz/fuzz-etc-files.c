/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "etc-files.h"
#include "fuzz.h"
#include "string-util.h"
#include "strv.h"

/* Up to the first empty line the host's resolv.conf, then what a user asked for, one word each. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = fuzz_text(data, size), *once = NULL, *twice = NULL, *hosts = NULL;
        _cleanup_strv_free_ char **words = NULL;
        const List none = {};

        char *asked = strstr(text, "\n\n");
        if (asked) {
                *asked = 0;
                FUZZ_CHECK(strv_split(asked + 2, "\n", &words) == 0);
        }

        /* Made from its own result it is the same. */
        FUZZ_CHECK(resolv_conf_make(text, NULL, NULL, NULL, true, &once, NULL) == 0);
        FUZZ_CHECK(resolv_conf_make(once, NULL, NULL, NULL, true, &twice, NULL) == 0);
        FUZZ_CHECK(streq(once, twice));
        FUZZ_CHECK(strstr(once, "nameserver "));

        /* A word never makes a line of its own. */
        if (etc_hosts_make("h", &none, words, "", &hosts, NULL) >= 0) {
                size_t lines = 0;
                for (const char *p = hosts; (p = strchr(p, '\n')); p++)
                        lines++;
                FUZZ_CHECK(lines == strv_length(words));
        }
        return 0;
}
