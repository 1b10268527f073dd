/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Small parts of src/runtime: capabilities, the search for a command, journal entries, messages of a child. */
#include <linux/capability.h>
#include <sys/socket.h>

#include "capability.h"
#include "child-message.h"
#include "command.h"
#include "fd-util.h"
#include "journal.h"
#include "test.h"

static void test_capabilities(void) {
        static char *const names[] = { (char *) "CAP_CHOWN", (char *) "CAP_CHECKPOINT_RESTORE", NULL };
        static char *const bad[] = { (char *) "CAP_NONSENSE", NULL };
        Error error = {};
        uint64_t set;

        CHECK(capability_from_name("CAP_SYS_ADMIN") == CAP_SYS_ADMIN);
        CHECK(capability_from_name("CAP_MKNOD") == CAP_MKNOD);
        CHECK(capabilities_from_names(names, &set, NULL) == 0);
        CHECK(set == (UINT64_C(1) | UINT64_C(1) << CAP_CHECKPOINT_RESTORE));
        CHECK(capabilities_from_names(NULL, &set, NULL) == 0 && set == 0);
        CHECK(capabilities_from_names(bad, &set, &error) < 0 && error.kind == ERROR_INVALID);
        error_done(&error);
}

static void test_command(void) {
        static char *const path[] = { (char *) "PATH=/nonexistent:/bin", NULL };
        static char *const nowhere[] = { (char *) "PATH=/nonexistent", NULL };
        Error error = {};
        char *found = NULL;

        CHECK(command_find("sh", path, &found, NULL) == 0);
        CHECK_STRING(found, "/bin/sh");
        free(found);
        found = NULL;
        CHECK(command_find("sh", NULL, &found, NULL) == 0);
        free(found);
        found = NULL;
        CHECK(command_find("./anything", nowhere, &found, NULL) == 0);
        CHECK_STRING(found, "./anything");
        free(found);
        found = NULL;
        CHECK(command_find("sh", nowhere, &found, &error) < 0 && error.kind == ERROR_COMMAND_NOT_FOUND);
        error_done(&error);
        CHECK(command_find("", path, &found, &error) < 0 && error.kind == ERROR_COMMAND_NOT_FOUND);
        error_done(&error);

        CHECK(command_execute("/nonexistent", path, path, &error) < 0 &&
              error.kind == ERROR_COMMAND_NOT_FOUND);
        error_done(&error);
        CHECK(command_execute("/etc/passwd", path, path, &error) < 0 &&
              error.kind == ERROR_COMMAND_NOT_EXECUTABLE);
        error_done(&error);
        CHECK(command_execute("/etc", path, path, &error) < 0 && error.kind == ERROR_COMMAND_NOT_EXECUTABLE);
        CHECK(strstr(error.message, "directory"));
        error_done(&error);
}

static void test_journal_entry(void) {
        static const char expected[] =
                "MESSAGE=he\0llo\nCONTAINER_PARTIAL_MESSAGE=true\nCONTAINER_LOG_PARITY=0\n"
                "PRIORITY=3\nSYSLOG_IDENTIFIER=web\nCONTAINER_ID=0123456789ab\n"
                "CONTAINER_ID_FULL=0123456789abcdef\nCONTAINER_NAME=web\n"
                "CONTAINER_TAG=0123456789ab\nIMAGE_NAME\n\x03\0\0\0\0\0\0\0a\nb\n"
                "OBJECT_SYSTEMD_UNIT=berth-web.scope\n\n"
                "MESSAGE=\nCONTAINER_LOG_PARITY=1\nPRIORITY=6\n";
        Journal journal = JOURNAL_INIT;

        CHECK(journal_set_names(&journal, "0123456789abcdef", "web", "a\nb", "berth-web.scope") == 0);
        CHECK(journal_append(&journal, JOURNAL_STDERR, &(LogPiece){ "he\0llo", 6, true }) == 0);
        CHECK(journal_append(&journal, JOURNAL_STDOUT, &(LogPiece){ "", 0, false }) == 0);
        CHECK(journal.batch.size > sizeof(expected));
        CHECK(memcmp(journal.batch.data, expected, sizeof(expected) - 1) == 0);
        CHECK(!journal_is_full(&journal));
        journal_done(&journal);
}

static void test_child_messages(void) {
        _cleanup_close_ int fd = -EBADF;
        Error sent = {}, received = {};
        int s[2];

        CHECK(socket_pair(SOCK_SEQPACKET, 0, s) == 0);
        CHECK(child_send(s[0], CHILD_GO, -EBADF) == 0);
        CHECK(child_expect(s[1], CHILD_GO, NULL) == 0);
        CHECK(child_send(s[0], CHILD_MOUNT, s[0]) == 0);
        CHECK(child_expect(s[1], CHILD_MOUNT, &fd) == 0 && fd >= 0);
        CHECK(child_send(s[0], CHILD_GO, -EBADF) == 0);
        CHECK(child_expect(s[1], CHILD_MOUNT, &fd) == -EBADMSG);

        error_set(&sent, ERROR_COMMAND_NOT_FOUND, "there is no %s", "spoon");
        CHECK(child_send_error(s[0], &sent) == 0);
        int none;
        CHECK(child_receive(s[1], &none, &received) == CHILD_FAILED);
        CHECK(received.kind == ERROR_COMMAND_NOT_FOUND);
        CHECK_STRING(received.message, "there is no spoon");
        error_done(&sent);
        error_done(&received);

        CHECK(send_message(s[0], "\377\0", 2, NULL, 0) == 0);
        CHECK(child_receive(s[1], &none, &received) == -EBADMSG);
        fd = safe_close(fd);
        close_many(s, 1);
        CHECK(child_expect(s[1], CHILD_GO, NULL) == -ECONNRESET);
        close_many(s + 1, 1);
}

int main(void) {
        test_capabilities();
        test_command();
        test_journal_entry();
        test_child_messages();
        return TEST_RESULT();
}
