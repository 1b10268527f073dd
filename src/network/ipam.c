/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipam.h"

#include <string.h>

#include "string-util.h"

#define HASH_NONFATAL_OOM 1
#include "hash.h"

typedef struct Lease {
        Address address; /* the key */
        char *owner;
        UT_hash_handle hh;
} Lease;

struct AddressPool {
        Subnet subnet;
        Address gateway;
        uint64_t next; /* where the search for a free number begins */
        Lease *leases;
};

int address_pool_new(const Subnet *subnet, const Address *gateway, AddressPool **ret) {
        AddressPool *pool = new0(AddressPool, 1);

        if (!pool)
                return -ENOMEM;
        *pool = (AddressPool){ .subnet = *subnet, .gateway = *gateway, .next = 1 };
        *ret = pool;
        return 0;
}

static void lease_free(AddressPool *pool, Lease *lease) {
        HASH_DEL(pool->leases, lease);
        free(lease->owner);
        free(lease);
}

AddressPool *address_pool_free(AddressPool *pool) {
        Lease *lease, *next;

        if (!pool)
                return NULL;
        HASH_ITER(hh, pool->leases, lease, next)
                lease_free(pool, lease);
        free(pool);
        return NULL;
}

const Subnet *address_pool_subnet(const AddressPool *pool) {
        return &pool->subnet;
}

const Address *address_pool_gateway(const AddressPool *pool) {
        return &pool->gateway;
}

size_t address_pool_used(const AddressPool *pool) {
        return HASH_COUNT(pool->leases);
}

static Lease *find_lease(AddressPool *pool, const Address *address) {
        Lease *lease;

        HASH_FIND(hh, pool->leases, address, sizeof(Address), lease);
        return lease;
}

const char *address_pool_owner(AddressPool *pool, const Address *address) {
        Lease *lease = find_lease(pool, address);

        return lease ? lease->owner : NULL;
}

static bool is_given_out(AddressPool *pool, const Address *address) {
        return !address_equal(address, &pool->gateway) && !subnet_is_reserved(&pool->subnet, address);
}

static int add_lease(AddressPool *pool, const char *owner, const Address *address) {
        Lease *lease = new0(Lease, 1);
        if (!lease)
                return -ENOMEM;
        lease->address = *address;
        lease->owner = strdup(owner);
        if (lease->owner)
                HASH_ADD(hh, pool->leases, address, sizeof(Address), lease);
        if (!lease->owner || !lease->hh.tbl) {
                free(lease->owner);
                free(lease);
                return -ENOMEM;
        }
        return 0;
}

int address_pool_take(AddressPool *pool, const char *owner, Address *ret) {
        uint64_t size = subnet_size(&pool->subnet);

        /* Among one more candidates than there are unusable ones (leases, first, last, gateway) one is free. */
        uint64_t tries = MIN(size, (uint64_t) HASH_COUNT(pool->leases) + 4);
        for (uint64_t i = 0; i < tries; i++) {
                uint64_t number = (pool->next + i) % size;
                Address address = subnet_address(&pool->subnet, number);
                if (!is_given_out(pool, &address) || find_lease(pool, &address))
                        continue;

                int r = add_lease(pool, owner, &address);
                if (r < 0)
                        return r;
                pool->next = number + 1;
                *ret = address;
                return 0;
        }
        return -ENOSPC;
}

int address_pool_take_address(AddressPool *pool, const char *owner, const Address *address) {
        if (!subnet_contains(&pool->subnet, address))
                return -ERANGE;
        if (!is_given_out(pool, address))
                return -EADDRNOTAVAIL;
        if (find_lease(pool, address))
                return -EADDRINUSE;
        return add_lease(pool, owner, address);
}

void address_pool_release(AddressPool *pool, const char *owner, const Address *address) {
        Lease *lease = find_lease(pool, address);

        if (lease && streq(lease->owner, owner))
                lease_free(pool, lease);
}
