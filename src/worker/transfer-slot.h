/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* So many layers at a time go over the network, of all workers together (Downloads= in berthd.conf). A slot is one byte
 * of the store's lock file, so nothing is left to clean up when its owner is killed. */

#include <pthread.h>

#include "error.h"
#include "macro.h"

#define TRANSFERS_DEFAULT 6
#define TRANSFERS_MAX 64

/* Of the lock file, the bytes up to here stand for digests (pull-layer.c). */
#define LOCK_DIGESTS_END (UINT64_C(1) << 60)

typedef struct TransferSlots {
        int lock_fd; /* borrowed */
        unsigned n;
        pthread_mutex_t lock; /* of what follows */
        bool taken[TRANSFERS_MAX];
        unsigned n_waiting;
} TransferSlots;

#define TRANSFER_SLOTS_NONE \
        { .lock_fd = -EBADF, .lock = PTHREAD_MUTEX_INITIALIZER, }

/* Waits for a slot; any thread. Returns its number, or a negative errno: -ECANCELED when one of the descriptors becomes
 * readable first. on_waiting (may be NULL) is called once if there is none free. */
int transfer_slot_take(TransferSlots *slots, const int stop_fds[static 2],
                       void (*on_waiting)(void *userdata), void *userdata);
void transfer_slot_give_back(TransferSlots *slots, int slot);

/* Locks (F_WRLCK, F_RDLCK) or unlocks a byte of the file, at once or not at all: -EAGAIN. */
int lock_byte(int fd, uint64_t at, short type);
