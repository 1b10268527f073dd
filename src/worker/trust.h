/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Policy= of registries.conf: what the administrator wants to know of an image before it comes here.
 *
 * It is asked once the documents that a reference leads to are known, and before anything else of the image is: its config, and
 * the first byte of a layer. What is here already and pulled by name is asked about like everything else.
 *
 * A signature may be of the index that the reference leads to, or of the image's own manifest: either fixes all bytes of the
 * image by digests. Signatures are fetched as the image is, so mirrors may have them, too: who has none of the keys can leave
 * signatures out, or show an older image that was signed once, but can't make any. Whatever can't be read or understood counts as
 * no signature. */

#include "remote.h"

/* What can be said of the name alone. ERROR_DENIED. */
int trust_check_reference(const Remote *remote, const Reference *reference, const char *purpose,
                          Error *error);
/* index: the digest of what the reference leads to; manifest: that of the image's own manifest, which may be the same.
 * ERROR_DENIED. */
int trust_check(const Remote *remote, RegistrySession *session, const Reference *reference,
                const char *index, const char *manifest, const char *purpose, Error *error);
