/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* An image's properties in words. */

#include "ctl.h"

#define IMAGE_ID_SHORT 12

/* The first digits of "sha256:…". Points into the text: print it with "%.12s". */
const char *image_short_id(const char *digest);
/* "debian:12" of a canonical name; a copy of the name when it does not parse. */
char *image_familiar_name(const char *name);
/* The first name of an image (of ListImages), as people write it, or the first digits of its digest when it has none. */
char *image_display_name(const json_t *image);
