/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/utsname.h>

#include "manifest.h"
#include "string-util.h"
#include "strv.h"

static const struct {
        const char *machine; /* uname -m */
        const char *architecture;
        const char *variant;
} machines[] = {
        { "x86_64", "amd64", NULL },    { "aarch64", "arm64", "v8" },       { "armv7l", "arm", "v7" },
        { "armv6l", "arm", "v6" },      { "armv5tel", "arm", "v5" },        { "i686", "386", NULL },
        { "i386", "386", NULL },        { "ppc64le", "ppc64le", NULL },     { "s390x", "s390x", NULL },
        { "riscv64", "riscv64", NULL }, { "loongarch64", "loong64", NULL }, { "mips64", "mips64le", NULL },
};

void platform_done(Platform *platform) {
        free(platform->os);
        free(platform->architecture);
        free(platform->variant);
        *platform = (Platform){};
}

static int platform_fill(Platform *ret, const char *os, const char *architecture, const char *variant,
                         Error *error) {
        Platform platform = {};

        if (free_and_strdup(&platform.os, os) < 0 ||
            free_and_strdup(&platform.architecture, architecture) < 0 ||
            free_and_strdup(&platform.variant, variant) < 0) {
                platform_done(&platform);
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        }
        *ret = platform;
        return 0;
}

static int platform_of_machine(Platform *ret, Error *error) {
        struct utsname name;

        if (uname(&name) < 0)
                return error_set_errno(error, negative_errno(), "can't find out the kind of machine");
        for (size_t i = 0; i < ELEMENTSOF(machines); i++)
                if (streq(name.machine, machines[i].machine))
                        return platform_fill(ret, "linux", machines[i].architecture, machines[i].variant,
                                             error);
        return platform_fill(ret, "linux", name.machine, NULL, error);
}

int platform_parse(const char *s, Platform *ret, Error *error) {
        _cleanup_strv_free_ char **parts = NULL;

        if (isempty(s))
                return platform_of_machine(ret, error);
        if (strv_split(s, "/", &parts) < 0)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        size_t n = strv_length(parts);
        if (n < 2 || n > 3 || strlen(s) > 100 ||
            !string_in_charset(s, "abcdefghijklmnopqrstuvwxyz0123456789_.-/"))
                return error_set(
                        error, ERROR_INVALID,
                        "\"%.100s\" is not a platform; it is written like linux/arm64 or linux/arm/v7", s);
        return platform_fill(ret, parts[0], parts[1], parts[2], error);
}
