/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Each container with a user namespace of its own has 65536 ids out of the range that systemd keeps for containers
 * (systemd's UIDS-GIDS.md): 524288 to 1879048191, in steps of 65536. Nothing is stored but the containers' own
 * specifications; what is taken is found out anew each time. */

#include "error.h"
#include "macro.h"

#define UID_RANGE_SIZE UINT32_C(65536)
#define UID_RANGE_FIRST UINT32_C(524288)
#define UID_RANGE_LAST UINT32_C(1878982656) /* the first id of the last range */
#define UID_RANGES_N ((UID_RANGE_LAST - UID_RANGE_FIRST) / UID_RANGE_SIZE + 1)

typedef struct UidRanges {
        uint8_t taken[(UID_RANGES_N + 7) / 8];
} UidRanges;

/* Marks every range that has one of these ids. */
void uid_ranges_mark(UidRanges *ranges, uint64_t first, uint64_t count);
/* Marks what a file with colon-separated fields gives away: the number in the field `first` (counted from 0), and as
 * many further ids as the field `count` says (-1: that one alone). passwd and group: 2, -1; subuid and subgid: 1, 2. */
void uid_ranges_mark_text(UidRanges *ranges, const char *text, int first, int count);
/* What the host's own files and running nspawn containers have taken. Only files are looked at: NSS could wait for a
 * server. */
void uid_ranges_mark_host(UidRanges *ranges);
/* Whether one of these ids is that of a user or group in the host's /etc/passwd and /etc/group, and which. Ranges of
 * /etc/subuid do not count: their purpose is to be given away. */
bool uid_range_has_host_user(uint64_t first, uint64_t count, uint64_t *ret_id);
/* The first free range from the one that the seed leads to, so that ranges are not soon used again. ERROR_LIMIT. */
int uid_ranges_choose(const UidRanges *ranges, uint64_t seed, uint32_t *ret_base, Error *error);
