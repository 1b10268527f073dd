/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Capability sets of a container's processes, with the two system calls that it takes (libcap would be one more
 * library in every shim). */

#include "error.h"
#include "macro.h"

#define CAPABILITIES_ALL UINT64_MAX

/* "CAP_CHOWN", "chown" → 0; -EINVAL for an unknown name. */
int capability_from_name(const char *name);
/* The name of one, "CAP_CHOWN", or NULL beyond the last one that is known. */
const char *capability_to_name(unsigned number);
/* The set as bits. ERROR_INVALID names one that does not exist. Those that this kernel does not have are left out. */
int capabilities_from_names(char *const *names, uint64_t *ret, Error *error);

/* Bounding, permitted and effective set become `set`, inheritable and ambient empty. Call while still root in the
 * user namespace; a later setuid to another user clears permitted and effective, as for every program. */
int capabilities_drop_bounding(uint64_t set);
int capabilities_apply(uint64_t set);
