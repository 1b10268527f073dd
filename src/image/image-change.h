/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Dockerfile instructions that change nothing but an image's config: CMD ENTRYPOINT ENV EXPOSE HEALTHCHECK LABEL ONBUILD
 * STOPSIGNAL USER VOLUME WORKDIR, as `import --change` and `commit --change` take them (Dockerfile reference). $NAME,
 * ${NAME}, ${NAME:-word} and ${NAME:+word} are looked up in the image's own environment. */

#include <jansson.h>

#include "error.h"
#include "macro.h"

/* All in order, on an image's "config" object. ERROR_INVALID says which and why. */
int image_change_apply(json_t *config, char *const *instructions, Error *error);
