/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Deleting from the store, by the worker. What berthd lists as garbage is looked at once more, under a lock that keeps all
 * who add out: a blob or layer that a record on disk needs stays, whoever may have added that record meanwhile. */

#include "content-store.h"

/* Deletes the records (hex digits), then those of the blobs and layers that no remaining record needs. *ret_size (may be
 * NULL): the bytes that it freed. `wait`: wait for jobs that add; else do nothing while there are any. */
int content_reclaim(ContentStore *content, char *const *blobs, char *const *layers, char *const *records,
                    bool wait, uint64_t *ret_size, Error *error);
/* Removes what killed workers have left: .tmp-* everywhere that nobody holds a lock on, and .partial-* older than a
 * day. */
int content_sweep(ContentStore *content, uint64_t *ret_size, Error *error);
