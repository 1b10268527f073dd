/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Whom a container's process runs as: "user", "uid", "user:group", … looked up in the container's own /etc/passwd and
 * /etc/group, without NSS. The parsers take the files' text; a file that is missing counts as empty. */

#include "error.h"
#include "macro.h"

#define ACCOUNT_GROUPS_MAX 1024
#define ACCOUNT_FILE_MAX (16 * 1024 * 1024)

typedef struct Account {
        uid_t uid;
        gid_t gid;
        gid_t *groups; /* supplementary ones; owned */
        size_t n_groups;
        char *home; /* never NULL after success */
} Account;

void account_done(Account *account);

/* user: NULL or "" is root. A number need not be in the file. A name that is not there is ERROR_INVALID. With an
 * explicit group there are no supplementary groups, as with Docker, but those of `groups` (names of the file or numbers;
 * may be NULL), which always come along. */
int account_resolve(const char *user, char *const *groups, const char *passwd, const char *group,
                    Account *ret, Error *error);
/* The same with the files of the current root directory. Only regular files are read. */
int account_lookup(const char *user, char *const *groups, Account *ret, Error *error);
/* setgroups, setgid, setuid. */
int account_become(const Account *account, Error *error);
