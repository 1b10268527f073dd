/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "endpoint.h"
#include "test.h"

static void test_trust(void) {
        static char *insecure[] = { (char *) "host:5000", (char *) "other.example", NULL };
        static const struct {
                const char *registry;
                RegistryTrust trust;
        } cases[] = {
                { "docker.io", REGISTRY_VERIFIED },
                { "localhost", REGISTRY_INSECURE },
                { "localhost:5000", REGISTRY_INSECURE },
                { "127.0.0.1:5000", REGISTRY_INSECURE },
                { "127.255.3.4", REGISTRY_INSECURE },
                { "128.0.0.1:5000", REGISTRY_VERIFIED },
                { "[::1]:5000", REGISTRY_INSECURE },
                { "[::2]:5000", REGISTRY_VERIFIED },
                { "127.0.0.1.evil.org", REGISTRY_VERIFIED },
                { "localhost.evil.org", REGISTRY_VERIFIED },
                { "host:5000", REGISTRY_INSECURE },
                { "host:5001", REGISTRY_VERIFIED },
                { "host", REGISTRY_VERIFIED },
                { "other.example:1234", REGISTRY_INSECURE },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                CHECK(registry_trust(cases[i].registry, insecure) == cases[i].trust);
        CHECK(registry_trust("host:5000", NULL) == REGISTRY_VERIFIED);
}

static void test_urls(void) {
        char *urls[ENDPOINT_SCHEMES_MAX] = {};

        CHECK(endpoint_urls("docker.io", REGISTRY_VERIFIED, urls) == 1);
        CHECK_STRING(urls[0], "https://registry-1.docker.io");
        free(urls[0]);
        CHECK_STRING(endpoint_address("docker.io", true), "index.docker.io");
        CHECK_STRING(endpoint_address("docker.io", false), "docker.io");
        CHECK_STRING(endpoint_address("quay.io", true), "quay.io");
        CHECK(endpoint_urls("[::1]:5000", REGISTRY_INSECURE, urls) == 2);
        CHECK_STRING(urls[0], "https://[::1]:5000");
        CHECK_STRING(urls[1], "http://[::1]:5000");
        free(urls[0]);
        free(urls[1]);
}

static void test_origin(void) {
        CHECK(url_same_origin("https://a/x", "https://A:443/y?z"));
        CHECK(!url_same_origin("https://a/x", "http://a/x"));
        CHECK(!url_same_origin("https://a/x", "https://a:444/x"));
        CHECK(!url_same_origin("https://a/x", "https://a.evil/x"));
        CHECK(!url_same_origin("https://a/x", "https://evil@b/x"));
        CHECK(!url_same_origin("", "") && !url_same_origin("https://a", "https://"));

        CHECK(url_is_plain("http://a/") && url_is_plain("nonsense") && url_is_plain(""));
        CHECK(!url_is_plain("https://a/") && !url_is_plain("HTTPS://a/"));

        const char *const hosts[][2] = {
                { "https://a:5000/x", "a:5000" },
                { "https://a:443/x", "a" },
                { "http://[::1]:80/", "[::1]" },
                { "http://u:p@b:81/", "b:81" },
        };
        for (size_t i = 0; i < ELEMENTSOF(hosts); i++) {
                _cleanup_free_ char *host = url_host(hosts[i][0]);
                CHECK_STRING(host, hosts[i][1]);
        }
        CHECK(!url_host(""));
}

static void test_location(void) {
        static const char *const cases[][3] = {
                { "http://a:5000/v2/x/blobs/uploads/", "/v2/x/blobs/uploads/1?_state=a%3Db&n=1",
                  "http://a:5000/v2/x/blobs/uploads/1?_state=a%3Db&n=1" },
                { "https://a/v2/x/blobs/uploads/", "1", "https://a/v2/x/blobs/uploads/1" },
                { "https://a/v2/x/blobs/uploads/1?state=2", "?state=3",
                  "https://a/v2/x/blobs/uploads/1?state=3" },
                { "https://a/v2/", "https://b:444/up?x=/y", "https://b:444/up?x=/y" },
                { "https://a/v2/", "//b/up", "https://b/up" },
                { "https://a/v2/x", "../up", "https://a/up" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *url = url_resolve(cases[i][0], cases[i][1]);
                CHECK_STRING(url, cases[i][2]);
        }
        CHECK(!url_resolve("https://a/", "https://") && !url_resolve("nonsense:", "/x"));
}

static void test_without_secrets(void) {
        _cleanup_free_ char *url = url_without_secrets("https://u:p@h:5000/v2/x?X-Amz-Signature=abc#f");

        CHECK_STRING(url, "https://h:5000/v2/x");
        CHECK(!url_without_secrets("nonsense:"));
}

int main(void) {
        test_without_secrets();
        test_trust();
        test_urls();
        test_origin();
        test_location();
        return TEST_RESULT();
}
