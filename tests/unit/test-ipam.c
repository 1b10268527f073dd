/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipam.h"
#include "test.h"

static AddressPool *pool_of(const char *range) {
        AddressPool *pool = NULL;
        Subnet subnet = {};

        CHECK(subnet_parse(range, &subnet) == 0);
        Address gateway = subnet_address(&subnet, 1);
        CHECK(address_pool_new(&subnet, &gateway, &pool) == 0);
        return pool;
}

static const char *take(AddressPool *pool, const char *owner) {
        static char text[ADDRESS_TEXT_MAX];
        Address address;

        return address_pool_take(pool, owner, &address) < 0 ? "none" : address_format(&address, text);
}

static int take_this(AddressPool *pool, const char *owner, const char *text) {
        Address address = {};

        CHECK(address_parse(text, &address) == 0);
        return address_pool_take_address(pool, owner, &address);
}

static void release(AddressPool *pool, const char *owner, const char *text) {
        Address address = {};

        CHECK(address_parse(text, &address) == 0);
        address_pool_release(pool, owner, &address);
}

static void test_in_turn(void) {
        _cleanup_(address_pool_freep) AddressPool *pool = pool_of("10.89.0.0/29"); /* .1 gateway, .2 to .6 */

        CHECK_STRING(take(pool, "a"), "10.89.0.2");
        CHECK_STRING(take(pool, "b"), "10.89.0.3");
        release(pool, "a", "10.89.0.2");
        CHECK_STRING(take(pool, "c"), "10.89.0.4"); /* .2 rests */
        CHECK_STRING(take(pool, "d"), "10.89.0.5");
        CHECK_STRING(take(pool, "e"), "10.89.0.6");
        CHECK_STRING(take(pool, "f"), "10.89.0.2"); /* round */
        CHECK_STRING(take(pool, "g"), "none");
        CHECK(address_pool_used(pool) == 5);
        release(pool, "d", "10.89.0.5");
        CHECK_STRING(take(pool, "g"), "10.89.0.5");
}

static void test_asked_for(void) {
        _cleanup_(address_pool_freep) AddressPool *pool = pool_of("10.89.0.0/16");
        Address address = { AF_INET, { 10, 89, 0, 5 } };

        CHECK(take_this(pool, "a", "10.89.0.5") == 0);
        CHECK_STRING(address_pool_owner(pool, &address), "a");
        CHECK(take_this(pool, "b", "10.89.0.5") == -EADDRINUSE);
        CHECK(take_this(pool, "b", "10.90.0.5") == -ERANGE);
        CHECK(take_this(pool, "b", "fd00::5") == -ERANGE);
        CHECK(take_this(pool, "b", "10.89.0.0") == -EADDRNOTAVAIL);
        CHECK(take_this(pool, "b", "10.89.255.255") == -EADDRNOTAVAIL);
        CHECK(take_this(pool, "b", "10.89.0.1") == -EADDRNOTAVAIL); /* the gateway */
        release(pool, "b", "10.89.0.5");                            /* not b's */
        CHECK(take_this(pool, "b", "10.89.0.5") == -EADDRINUSE);
        release(pool, "a", "10.89.0.5");
        CHECK(!address_pool_owner(pool, &address));
        CHECK(take_this(pool, "b", "10.89.0.5") == 0);

        /* Those given out go around those that were asked for. */
        CHECK_STRING(take(pool, "c"), "10.89.0.2");
        CHECK_STRING(take(pool, "c"), "10.89.0.3");
        CHECK_STRING(take(pool, "c"), "10.89.0.4");
        CHECK_STRING(take(pool, "c"), "10.89.0.6");
}

static void test_ipv6(void) {
        _cleanup_(address_pool_freep) AddressPool *pool = pool_of("fd42:be::/64");

        CHECK_STRING(take(pool, "a"), "fd42:be::2");
        CHECK(take_this(pool, "b", "fd42:be::dead:beef:1:2") == 0); /* past what is numbered */
        CHECK(take_this(pool, "c", "fd42:be::dead:beef:1:2") == -EADDRINUSE);
        CHECK(take_this(pool, "c", "fd42:be::") == -EADDRNOTAVAIL);
        CHECK_STRING(take(pool, "c"), "fd42:be::3");
}

/* Full but for one, wherever the search begins. */
static void test_many(void) {
        _cleanup_(address_pool_freep) AddressPool *pool = pool_of("10.89.0.0/16");
        Address address = { AF_INET, { 10, 89, 77, 77 } };

        for (unsigned i = 0; i < 65533; i++)
                if (address_pool_take(pool, "x", &(Address){}) < 0) {
                        CHECK(!"full too early");
                        break;
                }
        CHECK_STRING(take(pool, "y"), "none");
        address_pool_release(pool, "x", &address);
        CHECK_STRING(take(pool, "y"), "10.89.77.77");
        CHECK_STRING(take(pool, "y"), "none");
}

int main(void) {
        test_in_turn();
        test_asked_for();
        test_ipv6();
        test_many();
        return TEST_RESULT();
}
