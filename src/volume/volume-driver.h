/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a volume's driver and options mean. Pure.
 *
 *   local   without options: a folder, whose size a project quota can limit;
 *           type=, device=, o= as Docker has them: what mount(8) would be told, and mounted on the folder while a
 *           container runs that has the volume
 *   loop    a file with an ext4 of the volume's size, mounted in the same way */

#include "error.h"
#include "volume-spec.h"

/* What is to be mounted. The strings are owned. */
typedef struct VolumeMount {
        char *type, *source;
        char *data;    /* options of the file system, comma-separated */
        char *address; /* a host name out of addr=, to be resolved; then "addr=NUMBERS" is one more option */
        unsigned long flags; /* MS_…; with MS_BIND nothing else is looked at but these */
} VolumeMount;
void volume_mount_done(VolumeMount *mount);

/* The driver is there and the options make sense: says what else would be. Takes "size" among the options of `local` over
 * into spec->size. */
int volume_driver_check(VolumeSpec *spec, Error *error);
/* Its files are there only while something is mounted. */
bool volume_needs_mount(const VolumeSpec *spec) _pure_;
bool volume_is_loop(const VolumeSpec *spec) _pure_;
/* For a volume of `local` that needs it. */
int volume_mount_plan(const VolumeSpec *spec, VolumeMount *ret, Error *error);
/* Both ask for the same volume. */
bool volume_spec_equal(const VolumeSpec *a, const VolumeSpec *b) _pure_;
