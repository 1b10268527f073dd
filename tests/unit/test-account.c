/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "account.h"
#include "test.h"

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
                             "broken line\n"
                             "daemon:x:1:1::/usr/sbin:/usr/sbin/nologin\n"
                             "app:x:1000:100:An App:/srv/app:/bin/sh\n"
                             "1234:x:77:78::/numbers:/bin/sh\n"
                             "bad:x:notanumber:1::/:/bin/sh\n"
                             "homeless:x:5:5:::\n"
                             "last:x:6:6::/last:/bin/sh"; /* no newline */
static const char group[] = "root:x:0:root\n"
                            "users:x:100:\n"
                            "wheel:x:10:root,app\n"
                            "video:x:44:app,daemon\n"
                            "apple:x:45:apple,appx\n";

static void check(const char *user, uid_t uid, gid_t gid, const char *home, size_t n_groups) {
        Account account = {};
        Error error = {};

        int r = account_resolve(user, NULL, passwd, group, &account, &error);
        if (r < 0)
                fprintf(stderr, "%s: %s\n", user ? user : "(null)", error.message);
        CHECK(r == 0);
        if (r == 0) {
                CHECK(account.uid == uid && account.gid == gid && account.n_groups == n_groups);
                CHECK_STRING(account.home, home);
        }
        account_done(&account);
        error_done(&error);
}

static void check_fails(const char *user, ErrorKind kind, const char *says) {
        Account account = {};
        Error error = {};

        CHECK(account_resolve(user, NULL, passwd, group, &account, &error) < 0);
        CHECK(error.kind == kind);
        CHECK(error.message && strstr(error.message, says));
        error_done(&error);
}

static void test_limit(void) {
        static char many[ACCOUNT_GROUPS_MAX * 32];
        Account account = {};
        Error error = {};
        char *p = many;

        for (int i = 0; i <= ACCOUNT_GROUPS_MAX; i++)
                p += sprintf(p, "g%d:x:%d:app\n", i, 2000 + i);
        CHECK(account_resolve("app", NULL, passwd, many, &account, &error) < 0);
        CHECK(error.kind == ERROR_LIMIT);
        error_done(&error);
}

int main(void) {
        check(NULL, 0, 0, "/root", 2);
        check("", 0, 0, "/root", 2);
        check("root", 0, 0, "/root", 2);
        check("app", 1000, 100, "/srv/app", 2);
        check("1000", 1000, 100, "/srv/app", 2);
        check("app:video", 1000, 44, "/srv/app", 0);
        check("app:4711", 1000, 4711, "/srv/app", 0);
        check("app:", 1000, 100, "/srv/app", 2);
        check(":video", 0, 44, "/root", 0);
        check("4242", 4242, 0, "/", 0);
        check("4242:4243", 4242, 4243, "/", 0);
        check("1234", 77, 78, "/numbers", 0); /* a name that looks like a number is a name first */
        check("homeless", 5, 5, "/", 0);
        check("last", 6, 6, "/last", 0);
        check_fails("nobody", ERROR_INVALID, "nobody");
        check_fails("bad", ERROR_INVALID, "bad");
        check_fails("app:nogroup", ERROR_INVALID, "nogroup");
        check_fails("4294967295", ERROR_INVALID, "4294967295");
        check_fails("-1", ERROR_INVALID, "-1");
        check_fails("99999999999999999999", ERROR_INVALID, "9999");
        test_limit();

        Account account = {};
        CHECK(account_resolve("0", NULL, "", "", &account, NULL) == 0);
        CHECK(account.uid == 0 && account.n_groups == 0);
        account_done(&account);
        return TEST_RESULT();
}
