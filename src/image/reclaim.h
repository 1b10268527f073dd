/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Deleting from the store, by the worker. What berthd lists as garbage is looked at once more, under a lock that keeps all
 * who add out: a blob or layer that a record on disk needs stays, whoever may have added that record meanwhile. */

#include "inventory.h"

/* Deletes the records (hex digits), then those of the blobs and layers that no remaining record needs. *ret_size (may be
 * NULL): the bytes that it freed. `wait`: wait for jobs that add; else do nothing while there are any. */
int content_reclaim(ContentStore *content, char *const *blobs, char *const *layers, char *const *records,
                    bool wait, uint64_t *ret_size, Error *error);
/* The trees of layers only lose their names while the lock keeps others waiting. This deletes them, without a lock; else
 * content_close() does. */
int content_delete_aside(ContentStore *content, Error *error);
/* Deletes all that no image of index.json needs. Waits for jobs that add. ERROR_CORRUPT, and nothing is deleted, when it
 * can't be known what is needed. */
int content_reclaim_orphans(ContentStore *content, uint64_t *ret_size, Error *error);
/* Lists it (hex digits). */
int content_orphans(ContentStore *content, Inventory *inventory, char ***ret_blobs, char ***ret_layers,
                    char ***ret_records);

/* Removes what killed workers have left: .tmp-* everywhere that nobody holds a lock on, and .partial-* older than a
 * day; and when `replaced`, layers that were replaced and are not in use (hex digits of diff ids). */
int content_sweep(ContentStore *content, bool replaced, char *const *in_use, uint64_t *ret_size,
                  Error *error);

/* Puts the unpacked copy ("/layers/<copy>", see unpack_anew()) in the place of a layer that is damaged or missing. The old
 * one is not deleted but set aside for the sweep, since containers that run go on with the directories that they have
 * mounted: for them nothing changes until they are started again. */
int content_replace_layer(ContentStore *content, const char *diff_id, const char *copy);
