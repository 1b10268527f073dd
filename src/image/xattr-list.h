/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The extended attributes of a file that belong to the file itself (overlay.h, xattr_is_private), sorted by name. */

#include "tar-writer.h"

typedef struct XattrList {
        TarXattr *items;
        size_t n, allocated;
} XattrList;

/* fd may be O_PATH. A file system without them has none. */
int xattr_list_read(int fd, XattrList *ret);
bool xattr_list_equal(const XattrList *a, const XattrList *b) _pure_;
void xattr_list_done(XattrList *list);
