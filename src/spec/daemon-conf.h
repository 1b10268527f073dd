/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* /etc/berth/berthd.conf and its drop-ins: berthd.conf(5). */

#include "image-limits.h"

typedef struct DaemonConf {
        /* [Images] */
        uint64_t keep_size; /* bytes that unused images may take; UINT64_MAX: any */
        uint64_t keep_age;  /* usec; unused images that were last used longer ago go. UINT64_MAX: never */
        uint32_t
                high_watermark; /* percent of the file system; above it unused images go, the oldest first, … */
        uint32_t low_watermark; /* … until it is down to this. 0: no watermarks */
        uint32_t downloads;     /* transfers at a time, of all jobs together */
        ImageLimits limits;     /* [Limits] */
} DaemonConf;
extern const ObjectType daemon_conf_type;

/* Reads it all; what is wrong in it is logged, and passed over. */
int daemon_conf_load(DaemonConf *ret);
