/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "container-spec.h"
#include "fd-util.h"
#include "journal.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

/* A value with a newline takes the binary form: name, newline, size, value. */
static int add_field(StringBuffer *buffer, const char *name, const char *value) {
        uint64_t size = strlen(strempty(value));

        if (size == 0)
                return 0;
        if (!strchr(value, '\n'))
                return string_buffer_appendf(buffer, "%s=%s\n", name, value);
        int r = string_buffer_appendf(buffer, "%s\n", name);
        if (r >= 0)
                r = string_buffer_append(buffer, &size,
                                         sizeof(size)); /* little endian, as we are built for */
        if (r >= 0)
                r = string_buffer_append(buffer, value, size);
        return r < 0 ? r : string_buffer_append(buffer, "\n", 1);
}
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "journal fields are little endian");

int journal_set_names(Journal *journal, const char *id, const char *name, const char *image,
                      const char *unit) {
        char short_id[CONTAINER_ID_SHORT + 1] = {};

        memcpy(short_id, id, strnlen(id, CONTAINER_ID_SHORT));
        for (JournalStream s = 0; s < _JOURNAL_STREAM_MAX; s++) {
                const struct {
                        const char *name, *value;
                } fields[] = {
                        { "PRIORITY", s == JOURNAL_STDERR ? "3" : "6" },
                        { "SYSLOG_IDENTIFIER", name },
                        { "CONTAINER_ID", short_id },
                        { "CONTAINER_ID_FULL", id },
                        { "CONTAINER_NAME", name },
                        { "CONTAINER_TAG", short_id },
                        { "IMAGE_NAME", image },
                        { "OBJECT_SYSTEMD_UNIT", unit },
                };
                _cleanup_(string_buffer_done) StringBuffer buffer = {};
                int r = 0;

                for (size_t i = 0; i < ELEMENTSOF(fields) && r >= 0; i++)
                        r = add_field(&buffer, fields[i].name, fields[i].value);
                if (r >= 0)
                        r = string_buffer_append(&buffer, "\n", 1);
                if (r < 0)
                        return r;
                journal->fields_size[s] = buffer.size;
                free_and_replace(journal->fields[s], TAKE_PTR(buffer.data));
        }
        return 0;
}

/* The message never has a newline in it, so the text form serves, with any other byte. */
int journal_append(Journal *journal, JournalStream stream, const LogPiece *piece) {
        static const char message[] = "MESSAGE=", partial[] = "\nCONTAINER_PARTIAL_MESSAGE=true";
        static const char *const parity[] = { "\nCONTAINER_LOG_PARITY=0\n", "\nCONTAINER_LOG_PARITY=1\n" };
        StringBuffer *batch = &journal->batch;
        size_t size = strlen(message) + piece->size + strlen(partial) + strlen(parity[0]) +
                      journal->fields_size[stream];

        /* Room for all of it first: a batch with half an entry must not be. */
        int r = array_reserve(&batch->data, &batch->allocated, batch->size + size, 1);
        if (r < 0)
                return r;
        char *p = mempcpy(batch->data + batch->size, message, strlen(message));
        p = mempcpy(p, piece->data, piece->size);
        if (piece->partial)
                p = mempcpy(p, partial, strlen(partial));
        p = mempcpy(p, parity[journal->parity], strlen(parity[0]));
        p = mempcpy(p, journal->fields[stream], journal->fields_size[stream]);
        batch->size = p - batch->data;
        journal->parity = !journal->parity;
        return 0;
}

static int journal_connect(Journal *journal) {
        static const struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = JOURNAL_SOCKET };
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (fd < 0 || connect(fd, (const struct sockaddr *) &address, sizeof(address)) < 0)
                return negative_errno();
        journal->fd = TAKE_FD(fd);
        return 0;
}

/* For a datagram that the socket does not take: the data in a sealed memory file. */
static int send_as_file(Journal *journal) {
        _cleanup_close_ int fd = memfd_with_data("berth-journal", journal->batch.data, journal->batch.size);

        return fd < 0 ? fd : send_message(journal->fd, NULL, 0, &fd, 1);
}

static int journal_send(Journal *journal) {
        ssize_t n;

        while ((n = send(journal->fd, journal->batch.data, journal->batch.size, MSG_NOSIGNAL)) < 0)
                if (errno != EINTR)
                        break;
        if (n >= 0)
                return 0;
        return errno == EMSGSIZE || errno == ENOBUFS ? send_as_file(journal) : negative_errno();
}

int journal_flush(Journal *journal) {
        if (journal_is_empty(journal))
                return 0;
        /* The second attempt is for a socket whose other end was replaced. */
        for (unsigned attempt = 0; attempt < 2; attempt++) {
                if (journal->fd < 0 && journal_connect(journal) < 0)
                        return -ENOTCONN;
                int r = journal_send(journal);
                if (r >= 0) {
                        journal->batch.size = 0;
                        return 0;
                }
                if (r == -EAGAIN)
                        return r;
                journal->fd = safe_close(journal->fd);
        }
        return -ENOTCONN;
}

void journal_trim(Journal *journal) {
        if (journal_is_empty(journal))
                string_buffer_done(&journal->batch);
}

void journal_done(Journal *journal) {
        safe_close(journal->fd);
        for (JournalStream s = 0; s < _JOURNAL_STREAM_MAX; s++)
                free(journal->fields[s]);
        string_buffer_done(&journal->batch);
        *journal = JOURNAL_INIT;
}
