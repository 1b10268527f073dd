/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "etc-files.h"
#include "string-util.h"
#include "test.h"

#define LIST_OF(...) ((char *[]){ __VA_ARGS__, NULL })
#define S(text) ((char *) (text))

#define LOOPBACK                                      \
        "127.0.0.1\tlocalhost\n"                      \
        "::1\tlocalhost ip6-localhost ip6-loopback\n" \
        "ff02::1\tip6-allnodes\n"                     \
        "ff02::2\tip6-allrouters\n"

static void test_hosts(void) {
        NetworkEndpoint endpoint = { .ipv4_address = S("10.89.0.2/16"),
                                     .ipv4_gateway = S("10.89.0.1"),
                                     .ipv6_address = S("fd42::2/64"),
                                     .ipv6_gateway = S("fd42::1") };
        const List endpoints = { &endpoint, 1 }, none = {};
        _cleanup_free_ char *text = NULL, *alone = NULL, *hosts = NULL, *cut = NULL;

        CHECK(etc_hosts_make("web", &endpoints,
                             LIST_OF(S("db:10.0.0.7"), S("six:fd00::7"), S("seven:[fd00::8]"),
                                     S("up=10.0.0.9"), S("host.docker.internal:host-gateway")),
                             NULL, &text, NULL) == 0);
        CHECK_STRING(text,
                     LOOPBACK "10.89.0.2\tweb\nfd42::2\tweb\n10.0.0.7\tdb\nfd00::7\tsix\nfd00::8\tseven\n"
                              "10.0.0.9\tup\n10.89.0.1\thost.docker.internal\n");
        CHECK(etc_hosts_make("web", &none, NULL, NULL, &alone, NULL) == 0);
        CHECK_STRING(alone, LOOPBACK "127.0.1.1\tweb\n");

        CHECK(etc_hosts_make("host", &none, LIST_OF(S("a:host-gateway")), "127.0.0.1 me", &hosts, NULL) ==
              0);
        CHECK_STRING(hosts, "127.0.0.1 me\n127.0.0.1\ta\n");
        CHECK(etc_hosts_make("host", &none, NULL, "", &cut, NULL) == 0);
        CHECK_STRING(cut, "");
}

static void test_bad_extra_hosts(void) {
        static const char *const bad[] = { "",
                                           "db",
                                           "db:",
                                           ":10.0.0.1",
                                           "db:name",
                                           "a b:10.0.0.1",
                                           "db:10.0.0.1\n6.6.6.6 evil",
                                           "db:[fd00::1",
                                           "db:[]",
                                           "db:fe80::1%eth0",
                                           "d\nb:10.0.0.1" };
        const List none = {};

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_error_ Error error = {};
                _cleanup_free_ char *text = NULL;
                CHECK(etc_hosts_make("h", &none, LIST_OF(S(bad[i])), NULL, &text, &error) < 0);
                CHECK(error.kind == ERROR_INVALID && !text);
        }
}

typedef struct Case {
        const char *host;
        char **dns, **search, **options;
        bool host_network;
        const char *expected;
} Case;

static void test_resolv_conf(void) {
        static const char public[] =
                "nameserver 8.8.8.8\nnameserver 8.8.4.4\nnameserver 2001:4860:4860::8888\n"
                "nameserver 2001:4860:4860::8844\n";
        const Case cases[] = {
                { "# by hand\nnameserver 10.0.0.53\nsearch a.example b.example\noptions ndots:2\n",
                  .expected = "nameserver 10.0.0.53\nsearch a.example b.example\noptions ndots:2\n" },
                { "nameserver 127.0.0.53\noptions edns0 trust-ad\n", .expected = NULL },
                { "", .expected = public },
                { "nameserver ::1\nnameserver fe80::1%eth0\nnameserver fe80::2\nnameserver 127.0.0.1\n"
                  "nameserver 192.0.2.1\n",
                  .expected = "nameserver 192.0.2.1\n" },
                { "nameserver 127.0.0.1\n", .host_network = true, .expected = "nameserver 127.0.0.1\n" },
                { "nameserver 10.0.0.53\nsearch a\n", .dns = LIST_OF(S("1.1.1.1"), S("127.0.0.1")),
                  .expected = "nameserver 1.1.1.1\nnameserver 127.0.0.1\nsearch a\n" },
                { "nameserver 10.0.0.53\nsearch a\noptions x\n", .search = LIST_OF(S("b")),
                  .options = LIST_OF(S("y")), .expected = "nameserver 10.0.0.53\nsearch b\noptions y\n" },
                { "nameserver 10.0.0.53\nsearch a\n", .search = LIST_OF(S(".")),
                  .expected = "nameserver 10.0.0.53\n" },
                { "search old\ndomain new\nnameserver\t10.0.0.53\r\nsortlist 10.0.0.0\n;nameserver 6.6.6.6",
                  .expected = "nameserver 10.0.0.53\nsearch new\nsortlist 10.0.0.0\n" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *text = NULL, *wanted = NULL;
                const Case *c = &cases[i];

                wanted = c->expected ? strdup(c->expected) : string_join(public, "options edns0 trust-ad\n");
                CHECK(resolv_conf_make(c->host, c->dns, c->search, c->options, !c->host_network, &text,
                                       NULL) == 0);
                CHECK_STRING(text, wanted);
        }
}

static void test_bad_resolv_conf(void) {
        _cleanup_free_ char *text = NULL;
        _cleanup_error_ Error error = {};

        CHECK(resolv_conf_make("", LIST_OF(S("dns.example")), NULL, NULL, true, &text, &error) < 0);
        CHECK_STRING(error.message, "name server \"dns.example\" is not an IP address");
        CHECK(resolv_conf_make("", NULL, LIST_OF(S("a\nnameserver 6.6.6.6")), NULL, true, &text, NULL) < 0);
        CHECK(resolv_conf_make("", NULL, NULL, LIST_OF(S("")), true, &text, NULL) < 0);
        CHECK(!text);
}

static void test_stub(void) {
        CHECK(resolv_conf_is_stub("nameserver 127.0.0.53\nsearch x\n"));
        CHECK(!resolv_conf_is_stub("nameserver 127.0.0.53\nnameserver 10.0.0.1\n"));
        CHECK(!resolv_conf_is_stub("nameserver 127.0.0.1\n"));
        CHECK(!resolv_conf_is_stub("# nameserver 127.0.0.53\n"));
}

int main(void) {
        test_hosts();
        test_bad_extra_hosts();
        test_resolv_conf();
        test_bad_resolv_conf();
        test_stub();
        return TEST_RESULT();
}
