/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Writing a container's output to the journal, by journald's native protocol.
 *
 * sd_journal_sendv() blocks while journald is busy and silently drops entries while its socket is missing; a shim must
 * do neither. So this keeps a batch of entries (the protocol allows many in one datagram, which saves most of the
 * system calls and switches), sends it without blocking, and keeps it until it has been taken.
 *
 * Entries belong to the container's scope by OBJECT_SYSTEMD_UNIT, which `journalctl -u` matches for a root sender; it
 * is written here instead of asking for it with OBJECT_PID, since that would cost journald a look-up in /proc for every
 * entry and fail once the process has ended.
 *
 * journald can write an entry twice: when its file becomes full in the middle of linking an entry, it rotates and appends
 * the entry again, while a part of the links in the old file stays (so journald 252; tried). The two look like two equal
 * lines of one moment, of which a program may well print many. So each entry has CONTAINER_LOG_PARITY, 0 and 1 in turn:
 * two neighbours with the same one are the same entry. (A number for each entry would say more, but costs journald a
 * fifth of its speed and space.) The unit stands last, since what is linked late is most likely not to be there in the
 * old file: then `journalctl -u` does not see the entry twice. */

#include "log-line.h"
#include "string-util.h"

typedef enum JournalStream {
        JOURNAL_STDOUT, /* PRIORITY=6 */
        JOURNAL_STDERR, /* PRIORITY=3 */
        _JOURNAL_STREAM_MAX,
} JournalStream;

/* Initialise with JOURNAL_INIT. */
typedef struct Journal {
        int fd;
        char *fields
                [_JOURNAL_STREAM_MAX]; /* what all entries of the stream have, and the empty line that ends one */
        size_t fields_size[_JOURNAL_STREAM_MAX];
        StringBuffer batch;
        bool parity; /* of the next entry */
} Journal;
#define JOURNAL_INIT ((Journal){ .fd = -EBADF })

/* Names that the entries carry from now on. unit and image may be NULL. */
int journal_set_names(Journal *journal, const char *id, const char *name, const char *image,
                      const char *unit);
int journal_append(Journal *journal, JournalStream stream, const LogPiece *piece);
static inline bool journal_is_full(const Journal *journal) {
        return journal->batch.size >= 48 * 1024;
}
static inline bool journal_is_empty(const Journal *journal) {
        return journal->batch.size == 0;
}
/* Sends the batch. 0: journald has it (or there was nothing). -EAGAIN: it is busy, poll journal->fd for POLLOUT.
 * -ENOTCONN: there is no journald at the moment, try again in JOURNAL_RETRY_MSEC. The batch is kept in both cases. */
int journal_flush(Journal *journal);
#define JOURNAL_RETRY_MSEC 100
/* Gives the memory back while there is nothing to do. */
void journal_trim(Journal *journal);
void journal_done(Journal *journal);
