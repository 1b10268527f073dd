/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "account.h"
#include "fd-util.h"
#include "parse-util.h"
#include "string-util.h"

void account_done(Account *account) {
        free(account->groups);
        free(account->home);
        *account = (Account){};
}

/* A piece of text that is not NUL-terminated. */
typedef struct Slice {
        const char *data;
        size_t size;
} Slice;

static bool slice_equal(Slice slice, const char *s) {
        return strlen(s) == slice.size && memcmp(slice.data, s, slice.size) == 0;
}

static int slice_to_id(Slice slice, uint32_t *ret) {
        char digits[16];
        uint64_t v;

        if (slice.size == 0 || slice.size >= sizeof(digits))
                return -EINVAL;
        memcpy(digits, slice.data, slice.size);
        digits[slice.size] = 0;
        int r = parse_u64(digits, &v);
        if (r < 0)
                return r;
        if (v >= UINT32_MAX)
                return -ERANGE;
        *ret = v;
        return 0;
}

/* Splits the next line at colons into exactly n fields (further ones are dropped). False at the end of the text;
 * lines with fewer fields are skipped. */
static bool next_line(const char **text, Slice *fields, size_t n) {
        while (**text) {
                const char *p = *text, *end = strchrnul(p, '\n');
                size_t i = 0;

                *text = *end ? end + 1 : end;
                for (; i < n && p <= end; i++) {
                        const char *colon = memchr(p, ':', end - p) ?: end;
                        fields[i] = (Slice){ p, colon - p };
                        p = colon + 1;
                }
                if (i == n)
                        return true;
        }
        return false;
}

enum { PASSWD_NAME, PASSWD_UID = 2, PASSWD_GID, PASSWD_HOME = 5, PASSWD_FIELDS };
enum { GROUP_NAME, GROUP_GID = 2, GROUP_MEMBERS, GROUP_FIELDS };

/* The user's line, by name first and then by number. *ret_name: as it is in the file, for the groups. */
static int find_user(const char *user, const char *passwd, Account *account, char **ret_name) {
        Slice f[PASSWD_FIELDS];
        uint32_t wanted = 0, uid, gid;
        bool numeric = slice_to_id((Slice){ user, strlen(user) }, &wanted) >= 0;

        for (bool by_number = false;; by_number = true) {
                const char *text = passwd;
                while (next_line(&text, f, PASSWD_FIELDS)) {
                        if (slice_to_id(f[PASSWD_UID], &uid) < 0 || slice_to_id(f[PASSWD_GID], &gid) < 0)
                                continue;
                        if (by_number ? uid != wanted : !slice_equal(f[PASSWD_NAME], user))
                                continue;
                        account->uid = uid;
                        account->gid = gid;
                        account->home = strndup(f[PASSWD_HOME].data, f[PASSWD_HOME].size);
                        *ret_name = strndup(f[PASSWD_NAME].data, f[PASSWD_NAME].size);
                        return account->home && *ret_name ? 0 : -ENOMEM;
                }
                if (by_number || !numeric)
                        break;
        }
        if (!numeric)
                return -ENOENT;
        account->uid = wanted;
        return 0;
}

static int find_group(const char *name, const char *group, gid_t *ret) {
        Slice f[GROUP_FIELDS];
        const char *text = group;
        uint32_t gid;

        while (next_line(&text, f, GROUP_FIELDS))
                if (slice_equal(f[GROUP_NAME], name) && slice_to_id(f[GROUP_GID], &gid) >= 0) {
                        *ret = gid;
                        return 0;
                }
        if (slice_to_id((Slice){ name, strlen(name) }, &gid) < 0)
                return -ENOENT;
        *ret = gid;
        return 0;
}

static bool has_member(Slice members, const char *name) {
        for (const char *p = members.data, *end = p + members.size; p < end;) {
                const char *comma = memchr(p, ',', end - p) ?: end;
                if (slice_equal((Slice){ p, comma - p }, name))
                        return true;
                p = comma + 1;
        }
        return false;
}

static int add_group(Account *account, gid_t gid) {
        if (account->n_groups >= ACCOUNT_GROUPS_MAX)
                return -E2BIG;
        gid_t *groups = reallocarray(account->groups, account->n_groups + 1, sizeof(gid_t));
        if (!groups)
                return -ENOMEM;
        account->groups = groups;
        account->groups[account->n_groups++] = gid;
        return 0;
}

static int find_supplementary(const char *name, const char *group, Account *account) {
        Slice f[GROUP_FIELDS];
        uint32_t gid;

        while (next_line(&group, f, GROUP_FIELDS)) {
                if (!has_member(f[GROUP_MEMBERS], name) || slice_to_id(f[GROUP_GID], &gid) < 0)
                        continue;
                int r = add_group(account, gid);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int add_groups(Account *account, char *const *groups, const char *group, Error *error) {
        gid_t gid;

        for (size_t i = 0; groups && groups[i]; i++) {
                int r = find_group(groups[i], group, &gid);
                if (r == -ENOENT)
                        return error_set(error, ERROR_INVALID,
                                         "there is no group \"%s\" in the container's /etc/group",
                                         groups[i]);
                if (r >= 0)
                        r = add_group(account, gid);
                if (r < 0)
                        return r;
        }
        return 0;
}

int account_resolve(const char *user, char *const *groups, const char *passwd, const char *group,
                    Account *ret, Error *error) {
        _cleanup_(account_done) Account account = {};
        _cleanup_free_ char *copy = strdup(isempty(user) ? "0" : user), *name = NULL;
        int r;

        if (!copy)
                return error_set_errno(error, -ENOMEM, "cannot look up the user");
        char *group_part = strchr(copy, ':');
        if (group_part)
                *group_part++ = 0;

        r = find_user(isempty(copy) ? "0" : copy, passwd, &account, &name);
        if (r == -ENOENT)
                return error_set(error, ERROR_INVALID,
                                 "there is no user \"%s\" in the container's /etc/passwd", copy);
        if (r < 0)
                return error_set_errno(error, r, "cannot look up the user %s", copy);

        if (!isempty(group_part)) {
                r = find_group(group_part, group, &account.gid);
                if (r == -ENOENT)
                        return error_set(error, ERROR_INVALID,
                                         "there is no group \"%s\" in the container's /etc/group",
                                         group_part);
        } else if (name)
                r = find_supplementary(name, group, &account);
        if (r >= 0)
                r = add_groups(&account, groups, group, error);
        if (r == -E2BIG)
                return error_set(error, ERROR_LIMIT, "the user %s is in more than %d groups", copy,
                                 ACCOUNT_GROUPS_MAX);
        if (r >= 0 && isempty(account.home))
                r = free_and_strdup(&account.home, "/");
        if (r < 0)
                return error_set_errno(error, r, "cannot look up the user %s", copy);

        *ret = account;
        account = (Account){};
        return 0;
}

/* A stranger made these files: a FIFO or a device in their place must not hold init up, and just to open a device can do
 * something (a watchdog starts to count), so it is looked at before. */
static int read_account_file(const char *path, char **ret) {
        struct stat st;

        if (stat(path, &st) < 0) {
                if (errno != ENOENT && errno != ENOTDIR)
                        return negative_errno();
                *ret = strdup("");
                return *ret ? 0 : -ENOMEM;
        }
        if (!S_ISREG(st.st_mode))
                return -EBADF;
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0 || fstat(fd, &st) < 0)
                return negative_errno();
        if (!S_ISREG(st.st_mode))
                return -EBADF;
        if (st.st_size > ACCOUNT_FILE_MAX)
                return -EFBIG;

        _cleanup_free_ char *text = malloc(st.st_size + 1);
        if (!text)
                return -ENOMEM;
        ssize_t n = read_full(fd, text, st.st_size);
        if (n < 0)
                return n;
        text[n] = 0;
        *ret = TAKE_PTR(text);
        return 0;
}

int account_lookup(const char *user, char *const *groups, Account *ret, Error *error) {
        _cleanup_free_ char *passwd = NULL, *group = NULL;

        int r = read_account_file("/etc/passwd", &passwd);
        if (r < 0)
                return error_set_errno(error, r, "cannot read the container's /etc/passwd");
        r = read_account_file("/etc/group", &group);
        if (r < 0)
                return error_set_errno(error, r, "cannot read the container's /etc/group");
        return account_resolve(user, groups, passwd, group, ret, error);
}

int account_become(const Account *account, Error *error) {
        if (setgroups(account->n_groups, account->groups) < 0)
                return error_set_errno(error, negative_errno(), "cannot set the supplementary groups");
        if (setresgid(account->gid, account->gid, account->gid) < 0)
                return error_set_errno(error, negative_errno(), "cannot become group %u",
                                       (unsigned) account->gid);
        if (setresuid(account->uid, account->uid, account->uid) < 0)
                return error_set_errno(error, negative_errno(), "cannot become user %u",
                                       (unsigned) account->uid);
        return 0;
}
