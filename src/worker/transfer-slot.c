/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <poll.h>

#include "transfer-slot.h"

#define RETRY_MSEC 50

/* Who has to wait says so, by a lock on this byte that all who wait share. Otherwise a worker with many layers would take
 * each slot again in the moment in which it gave it back, and the others, who only look now and then, would never get one. */
#define WAITING_BYTE (LOCK_DIGESTS_END + TRANSFERS_MAX)

int lock_byte(int fd, uint64_t at, short type) {
        struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = (off_t) at, .l_len = 1 };

        if (fcntl(fd, F_OFD_SETLK, &lock) >= 0)
                return 0;
        return errno == EACCES ? -EAGAIN : negative_errno();
}

static bool others_wait(const TransferSlots *slots) {
        struct flock lock = {
                .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t) WAITING_BYTE, .l_len = 1
        };

        return fcntl(slots->lock_fd, F_OFD_GETLK, &lock) >= 0 && lock.l_type != F_UNLCK;
}

/* Our own threads share the descriptor, for which the kernel's locks are no obstacle. */
static int take_free_one(TransferSlots *slots) {
        for (unsigned i = 0; i < slots->n; i++) {
                if (slots->taken[i])
                        continue;
                int r = lock_byte(slots->lock_fd, LOCK_DIGESTS_END + i, F_WRLCK);
                if (r == -EAGAIN)
                        continue;
                if (r < 0)
                        return r;
                slots->taken[i] = true;
                return (int) i;
        }
        return -EAGAIN;
}

static int try_take(TransferSlots *slots, bool after_others) {
        pthread_mutex_lock(&slots->lock);
        int r = after_others && others_wait(slots) ? -EAGAIN : take_free_one(slots);
        pthread_mutex_unlock(&slots->lock);
        return r;
}

static void note_waiting(TransferSlots *slots, int change) {
        pthread_mutex_lock(&slots->lock);
        bool before = slots->n_waiting > 0;
        slots->n_waiting += change;
        if (before != (slots->n_waiting > 0))
                (void) lock_byte(slots->lock_fd, WAITING_BYTE, before ? F_UNLCK : F_RDLCK);
        pthread_mutex_unlock(&slots->lock);
}

int transfer_slot_take(TransferSlots *slots, const int stop_fds[static 2],
                       void (*on_waiting)(void *userdata), void *userdata) {
        struct pollfd fds[] = {
                { .fd = stop_fds[0], .events = POLLIN },
                { .fd = stop_fds[1], .events = POLLIN },
        };

        int r = try_take(slots, true);
        if (r != -EAGAIN)
                return r;
        if (on_waiting)
                on_waiting(userdata);
        note_waiting(slots, 1);
        while (r == -EAGAIN)
                r = poll(fds, ELEMENTSOF(fds), RETRY_MSEC) > 0 ? -ECANCELED : try_take(slots, false);
        note_waiting(slots, -1);
        return r;
}

void transfer_slot_give_back(TransferSlots *slots, int slot) {
        pthread_mutex_lock(&slots->lock);
        slots->taken[slot] = false;
        (void) lock_byte(slots->lock_fd, LOCK_DIGESTS_END + slot, F_UNLCK);
        pthread_mutex_unlock(&slots->lock);
}
