/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <signal.h>

#include "effective-config.h"
#include "launch-security.h"
#include "string-util.h"
#include "strv.h"
#include "test.h"

#define STRV(...) ((char **) (const char *const[]){ __VA_ARGS__, NULL })
#define PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* spec's and image's entrypoint and command, "" for none given; what is run. "-": reset_entrypoint. */
static void test_arguments(void) {
        static const struct {
                const char *entrypoint, *command, *image_entrypoint, *image_command, *result;
        } cases[] = {
                { "", "", "", "", "" },
                { "", "", "", "sh", "sh" },
                { "", "", "run", "", "run" },
                { "", "", "run -x", "it", "run -x it" },
                { "", "that", "run -x", "it", "run -x that" },
                { "", "that", "", "it", "that" },
                { "own", "", "run", "it", "own" }, /* the image's command was for its entrypoint */
                { "own", "that", "run", "it", "own that" },
                { "-", "", "run", "it", "" },
                { "-", "that", "run", "it", "that" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                ContainerSpec spec = { .id = (char *) "0123456789abcdef" };
                ImageConfig image = {};
                EffectiveConfig config;

                spec.reset_entrypoint = streq(cases[i].entrypoint, "-");
                CHECK(strv_split(spec.reset_entrypoint ? "" : cases[i].entrypoint, " ", &spec.entrypoint) >=
                      0);
                CHECK(strv_split(cases[i].command, " ", &spec.command) >= 0);
                CHECK(strv_split(cases[i].image_entrypoint, " ", &image.entrypoint) >= 0);
                CHECK(strv_split(cases[i].image_command, " ", &image.command) >= 0);
                CHECK(effective_config_make(&spec, &image, "host", &config) >= 0);
                _cleanup_free_ char *joined = strv_join(config.arguments, " ");
                CHECK_STRING(strempty(joined), cases[i].result);
                strv_free(spec.entrypoint);
                strv_free(spec.command);
                strv_free(image.entrypoint);
                strv_free(image.command);
                effective_config_done(&config);
        }
}

static void check_environment(const ContainerSpec *spec, const ImageConfig *image, char *const *expected) {
        EffectiveConfig config;

        CHECK(effective_config_make(spec, image, "host", &config) >= 0);
        CHECK(strv_equal(config.environment, expected));
        effective_config_done(&config);
}

static void test_environment(void) {
        ContainerSpec spec = { .id = (char *) "0123456789abcdef" };
        ImageConfig image = {};

        check_environment(&spec, &image, STRV(PATH, "HOSTNAME=0123456789ab"));
        spec.terminal = true;
        spec.hostname = (char *) "mine";
        check_environment(&spec, &image, STRV(PATH, "HOSTNAME=mine", "TERM=xterm"));
        image.environment = STRV("PATH=/image", "A=image", "B=image", "NO_VALUE");
        spec.environment = STRV("B=own", "TERM=dumb", "EMPTY=");
        check_environment(&spec, &image,
                          STRV("PATH=/image", "HOSTNAME=mine", "TERM=dumb", "A=image", "B=own", "EMPTY="));
}

static void test_hostname(void) {
        ContainerSpec spec = { .id = (char *) "0123456789abcdef", .network = NETWORK_HOST };
        EffectiveConfig config;

        CHECK(effective_config_make(&spec, &(ImageConfig){}, "the-host", &config) >= 0);
        CHECK_STRING(config.hostname, "the-host");
        effective_config_done(&config);
        spec.hostname = (char *) "own";
        CHECK(effective_config_make(&spec, &(ImageConfig){}, "the-host", &config) >= 0);
        CHECK_STRING(config.hostname, "own");
        effective_config_done(&config);
}

static void test_the_rest(void) {
        ContainerSpec spec = { .id = (char *) "0123456789abcdef" };
        ImageConfig image = { .user = (char *) "image",
                              .working_directory = (char *) "/image",
                              .stop_signal = (char *) "SIGQUIT" };
        EffectiveConfig config;

        image.labels = STRV("a=image", "b=image");
        spec.labels = STRV("b=own", "c=own");
        CHECK(effective_config_make(&spec, &image, NULL, &config) >= 0);
        CHECK_STRING(config.user, "image");
        CHECK_STRING(config.working_directory, "/image");
        CHECK(config.stop_signal == SIGQUIT);
        CHECK(strv_equal(config.labels, STRV("a=image", "b=own", "c=own")));
        effective_config_done(&config);

        spec.user = (char *) "own";
        spec.working_directory = (char *) "/own";
        spec.stop_signal = (char *) "INT";
        CHECK(effective_config_make(&spec, &image, NULL, &config) >= 0);
        CHECK_STRING(config.user, "own");
        CHECK_STRING(config.working_directory, "/own");
        CHECK(config.stop_signal == SIGINT);
        effective_config_done(&config);

        /* What an image says may be nonsense. */
        spec.stop_signal = NULL;
        image.stop_signal = (char *) "SIGNONSENSE";
        CHECK(effective_config_make(&spec, &image, NULL, &config) >= 0);
        CHECK(config.stop_signal == SIGTERM);
        effective_config_done(&config);
}

static void check_capabilities(const ContainerSpec *spec, size_t n, const char *has, const char *has_not) {
        _cleanup_strv_free_ char **names = NULL;

        CHECK(capabilities_make(spec, &names, NULL) >= 0);
        CHECK(strv_length(names) == n);
        CHECK(!has || strv_contains(names, has));
        CHECK(!has_not || !strv_contains(names, has_not));
}

static void test_capabilities(void) {
        _cleanup_error_ Error error = {};
        char **names;

        check_capabilities(&(ContainerSpec){}, 14, "CAP_CHOWN", "CAP_SYS_ADMIN");
        check_capabilities(&(ContainerSpec){ .cap_add = STRV("sys_admin") }, 15, "CAP_SYS_ADMIN", NULL);
        check_capabilities(&(ContainerSpec){ .cap_add = STRV("CAP_SYS_ADMIN") }, 15, "CAP_SYS_ADMIN", NULL);
        check_capabilities(&(ContainerSpec){ .cap_drop = STRV("CHOWN") }, 13, NULL, "CAP_CHOWN");
        check_capabilities(&(ContainerSpec){ .cap_drop = STRV("all") }, 0, NULL, "CAP_CHOWN");
        check_capabilities(&(ContainerSpec){ .cap_drop = STRV("ALL"), .cap_add = STRV("CHOWN") }, 1,
                           "CAP_CHOWN", NULL);
        check_capabilities(&(ContainerSpec){ .cap_add = STRV("ALL"), .cap_drop = STRV("SYS_ADMIN") }, 40,
                           "CAP_BPF", "CAP_SYS_ADMIN");
        check_capabilities(&(ContainerSpec){ .privileged = true }, 41, "CAP_SYS_ADMIN", NULL);
        CHECK(capabilities_make(&(ContainerSpec){ .cap_add = STRV("FLY") }, &names, &error) < 0);
        CHECK(error.kind == ERROR_INVALID);
}

int main(void) {
        test_arguments();
        test_environment();
        test_hostname();
        test_the_rest();
        test_capabilities();
        return TEST_RESULT();
}
