/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The words that people write as the options of a mount ("ro,noexec,size=64m"): each is checked against the table of what
 * the type of mount knows, so that a typo is named when the container is made and not by the kernel when it starts. Pure. */

#include "container-spec.h"

typedef struct MountOptions {
        uint64_t attributes;  /* MOUNT_ATTR_*, beginning with the type's own */
        uint64_t propagation; /* bind, volume: MS_PRIVATE, MS_SLAVE or MS_SHARED */
        char *data; /* for the file system of a tmpfs or devpts: "size=67108864,mode=1777", or NULL */
} MountOptions;

void mount_options_done(MountOptions *options);
/* options may be NULL. ERROR_INVALID for a word that the type does not know, or a value that it can't have. */
int mount_options_parse(MountType type, const char *options, MountOptions *ret, Error *error);

/* "FILE:CONTAINER:COUNT[;…]" as the lines of a uid_map for a container whose ids begin at `base` (0 with uid_count 0: the
 * host's own). ERROR_INVALID, also for more lines or ids than there can be. */
int id_map_parse(const char *map, uint32_t base, uint32_t count, char **ret, Error *error);

/* What only fails at the start otherwise: options, id mapping, subpath, and what does not go together. */
int mount_spec_check(const MountSpec *mount, Error *error);
