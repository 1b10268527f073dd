/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Images whose files are to be looked at: /run/berth/images/<hex of the manifest> is then an overlay of the layers, read-only,
 * in the host's mount namespace. The mount is the only state: it is known to every later berthd, and an administrator may as well
 * umount it. There is one at most of an image, however often it is asked for. Only root gets into the folder, since what lies in
 * images has the owners that it likes. */

#include "image-store.h"

/* The path is the caller's, or NULL when out of memory; nothing needs to be mounted there. */
char *image_mount_path(const Image *image);
bool image_is_mounted(const Image *image);

/* ERROR_UNSUPPORTED: it has no files. */
int image_mount(ImageStore *store, const Image *image, Error *error);
/* Fine when it is not mounted. ERROR_IN_USE: somebody is in there. */
int image_unmount(const Image *image, Error *error);
