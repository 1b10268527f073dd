/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Local files out of and into the archives of `cp`.
 *
 * Unpacking trusts the archive with nothing: it comes from a container. Each path is opened below the target folder by
 * the kernel (openat2, RESOLVE_BENEATH), so neither ".." nor a symbolic link, old or just unpacked, leads out of it;
 * device nodes are left out, and so are set-user-id bits unless ownership was asked for. */

#include "byte-stream.h"

typedef struct UnpackOptions {
        const char *name; /* what the archive's top becomes (cp-plan.h) */
        bool ownership;   /* keep owner and set-id bits */
} UnpackOptions;

int local_unpack(int directory_fd, const Source *tar, const UnpackOptions *options, Error *error);

typedef struct PackOptions {
        const char *name; /* of the top in the archive */
        bool follow_link; /* a symbolic link that is the path itself */
} PackOptions;

int local_pack(const char *path, const Sink *tar, const PackOptions *options, Error *error);
