/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Who has which address of one range. Nothing is stored: the pool is filled again at start-up from what the containers
 * have. Addresses are given out in turn rather than the lowest first, so that one that has just been given up rests a
 * while: neighbours and connection tracking still associate it with its last owner. */

#include "subnet.h"

typedef struct AddressPool AddressPool;

/* `gateway` is never given out, nor what subnet_is_reserved says. */
int address_pool_new(const Subnet *subnet, const Address *gateway, AddressPool **ret);
AddressPool *address_pool_free(AddressPool *pool);
DEFINE_CLEANUP(AddressPool *, address_pool_free);

const Subnet *address_pool_subnet(const AddressPool *pool);
const Address *address_pool_gateway(const AddressPool *pool);
size_t address_pool_used(const AddressPool *pool); /* without the gateway */

/* Takes the next free address for the owner. -ENOSPC when all are in use. */
int address_pool_take(AddressPool *pool, const char *owner, Address *ret);

/* Takes this one. -ERANGE: not in the range; -EADDRNOTAVAIL: reserved or the gateway; -EADDRINUSE: taken, by
 * address_pool_owner. */
int address_pool_take_address(AddressPool *pool, const char *owner, const Address *address);

const char *address_pool_owner(AddressPool *pool, const Address *address); /* NULL: nobody's */
/* Harmless when it is not taken, or by another owner. */
void address_pool_release(AddressPool *pool, const char *owner, const Address *address);
