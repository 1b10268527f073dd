/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a volume is: /var/lib/berth/volumes/<name>/volume.json. Its files are in `data` beside it, or are mounted there when it
 * is one that has to be (tmpfs, nfs, loop, …). Files have the ids that containers see: root is 0. */

#include "object.h"

#define VOLUME_NAME_MAX 255

typedef struct VolumeSpec {
        char *name;       /* internal */
        uint64_t created; /* internal */
        bool anonymous;   /* internal: made for one container, which takes it along when it goes */
        uint32_t project; /* internal: id of its project quota; 0: it has none */

        char *driver; /* "local" is the default, and Docker's: `options` type, device and o say what is mounted; "loop" */
        char **options; /* map: the driver's */
        char **labels;  /* map */
        uint64_t
                size; /* bytes that it may hold at most, by a project quota or its file system; 0: no limit */
} VolumeSpec;
extern const ObjectType volume_spec_type;

/* As a container's name, at most VOLUME_NAME_MAX. */
bool volume_name_is_valid(const char *name) _pure_;
