/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The verb "logs": a container's output, read back from the journal and sent to a client.
 *
 * Reads of the request: id, follow, running, standard_output, standard_error, tail_set, tail, since, until. Descriptor:
 * the stream socket. Each line is a frame with its time and without its newline; STREAM_PARTIAL marks one that goes on
 * in the next frame of its type, or that ended without a newline. After the last one comes STREAM_EXIT with 0; an
 * error is a STREAM_ERROR (and the job's).
 *
 * With follow and running it goes on until berthd shuts its side of the job's socket down (the container has ended; its
 * shim has handed everything to journald before it said so), the client leaves, or `until` has passed. berthd going
 * away looks the same as the container's end, and ends the stream properly too.
 *
 * Entries are those of CONTAINER_ID_FULL from a root sender: anyone may write to the journal in our container's name,
 * but not with _UID=0. An entry that journald has written twice (src/runtime/journal.h) is sent once. */

#include <string.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "fd-util.h"
#include "journal-sync.h"
#include "log-stream.h"
#include "string-util.h"
#include "time-util.h"
#include "worker.h"

#define SYNC_TIMEOUT (5 * USEC_PER_SEC)
/* journald announces new entries at most every quarter of a second; should that get lost, this finds them. */
#define FOLLOW_MSEC 1000

typedef struct LogEntry {
        StreamType type;
        bool partial;
        bool trusted; /* by a root sender */
        char parity;  /* '0' or '1' */
        uint64_t time;
        StringBuffer message;
} LogEntry;

typedef struct LogReader {
        const WorkerRequest *request;
        sd_journal *journal;
        LogStream *stream;
        int end_fd;                /* berthd's socket: shut down when the container has ended */
        LogEntry entry, neighbour; /* the one read last, and the one before */
} LogReader;

static void log_reader_done(LogReader *reader) {
        sd_journal_close(reader->journal);
        string_buffer_done(&reader->entry.message);
        string_buffer_done(&reader->neighbour.message);
}

/* The value when data is "name=value". */
static const char *field_value(const char *data, size_t size, const char *name, size_t *ret_size) {
        size_t n = strlen(name);

        if (size <= n || data[n] != '=' || memcmp(data, name, n) != 0)
                return NULL;
        *ret_size = size - n - 1;
        return data + n + 1;
}

static int take_field(LogEntry *entry, const char *data, size_t size) {
        const char *value;
        size_t n;

        switch (data[0]) {
        case 'M': /* valid only until the next field is asked for */
                value = field_value(data, size, "MESSAGE", &n);
                if (value) {
                        entry->message.size = 0;
                        return string_buffer_append(&entry->message, value, n);
                }
                break;
        case 'P':
                value = field_value(data, size, "PRIORITY", &n);
                if (value && n == 1)
                        entry->type = *value <= '3' ? STREAM_STDERR : STREAM_STDOUT;
                break;
        case 'C':
                if (field_value(data, size, "CONTAINER_PARTIAL_MESSAGE", &n))
                        entry->partial = true;
                value = field_value(data, size, "CONTAINER_LOG_PARITY", &n);
                if (value && n == 1)
                        entry->parity = *value;
                break;
        case '_':
                value = field_value(data, size, "_UID", &n);
                if (value)
                        entry->trusted = n == 1 && *value == '0';
                break;
        }
        return 0;
}

/* One walk over the entry's fields: asking for each by name would be one walk for each. */
static int read_entry(LogReader *reader) {
        LogEntry entry = { .type = STREAM_STDOUT, .message = reader->neighbour.message };
        const void *data;
        size_t size;

        reader->neighbour = reader->entry;
        reader->entry = entry;
        reader->entry.message.size = 0;
        int r = sd_journal_get_realtime_usec(reader->journal, &reader->entry.time);
        if (r < 0)
                return r;
        sd_journal_restart_data(reader->journal);
        while ((r = sd_journal_enumerate_available_data(reader->journal, &data, &size)) > 0) {
                r = take_field(&reader->entry, data, size);
                if (r < 0)
                        return r;
        }
        return r;
}

static bool is_twin(const LogEntry *a, const LogEntry *b) {
        return a->parity != 0 && a->parity == b->parity && a->time == b->time && a->type == b->type &&
               a->partial == b->partial && a->message.size == b->message.size &&
               memcmp(strempty(a->message.data), strempty(b->message.data), a->message.size) == 0;
}

static bool is_wanted(const LogReader *reader) {
        const WorkerRequest *request = reader->request;
        bool both = request->standard_output == request->standard_error;

        return reader->entry.trusted && !is_twin(&reader->entry, &reader->neighbour) &&
               (both ||
                (reader->entry.type == STREAM_STDERR ? request->standard_error : request->standard_output));
}

/* Returns whether the entry is to be sent. A damaged one (EBADMSG) is not the end of the log. */
static int read_wanted(LogReader *reader) {
        int r = read_entry(reader);

        if (r == -EBADMSG || r == -EADDRNOTAVAIL)
                return 0;
        return r < 0 ? r : is_wanted(reader);
}

static int seek_to_start(LogReader *reader) {
        const WorkerRequest *request = reader->request;

        return request->since > 0 ? sd_journal_seek_realtime_usec(reader->journal, request->since)
                                  : sd_journal_seek_head(reader->journal);
}

/* Goes back from the end until the entries in front of us are the last `tail` lines: until one line more has been
 * found. What has no newline at the very end is a line too. The next sd_journal_next() gives the first of them. */
static int seek_to_tail(LogReader *reader) {
        const WorkerRequest *request = reader->request;
        uint64_t ends = 0;
        bool first = true;

        int r = request->until > 0 ? sd_journal_seek_realtime_usec(reader->journal, request->until + 1)
                                   : sd_journal_seek_tail(reader->journal);
        while (r >= 0 && (r = sd_journal_previous(reader->journal)) > 0) {
                int wanted = read_wanted(reader);
                if (wanted < 0)
                        return wanted;
                if (reader->entry.time < request->since)
                        return 0;
                if (worker_cancelled())
                        return -ECANCELED;
                if (!wanted)
                        continue;
                if (!reader->entry.partial || first)
                        ends++;
                first = false;
                if (ends > request->tail)
                        return 0;
        }
        return r < 0 ? r : seek_to_start(reader);
}

/* Sends all that is there. Returns 1 when `until` has been reached. */
static int send_available(LogReader *reader) {
        uint64_t until = reader->request->until;
        const LogEntry *entry = &reader->entry;
        int r;

        while ((r = sd_journal_next(reader->journal)) > 0) {
                r = read_wanted(reader);
                if (r < 0)
                        return r;
                if (until > 0 && entry->time > until)
                        return 1;
                if (r == 0)
                        continue;
                r = log_stream_add(reader->stream, entry->type, entry->partial, entry->time,
                                   strempty(entry->message.data), entry->message.size);
                if (r < 0)
                        return r;
        }
        return r < 0 ? r : log_stream_flush(reader->stream);
}

static int follow(LogReader *reader) {
        int fd = sd_journal_get_fd(reader->journal), events = sd_journal_get_events(reader->journal);
        bool ended = false;

        if (fd < 0 || events < 0)
                return fd < 0 ? fd : events;
        for (;;) {
                /* Asked before reading: what came in between is seen now, what comes later wakes us. */
                int r = sd_journal_process(reader->journal);
                if (r >= 0)
                        r = send_available(reader);
                if (r != 0)
                        return r;
                if (ended || (reader->request->until > 0 && realtime_usec() > reader->request->until))
                        return 0;
                r = log_stream_wait(reader->stream, fd, events, reader->end_fd, &ended, FOLLOW_MSEC);
                if (r < 0)
                        return r;
                if (ended)
                        (void) journal_synchronize(SYNC_TIMEOUT);
        }
}

static int open_journal(LogReader *reader) {
        _cleanup_free_ char *match = string_join("CONTAINER_ID_FULL=", reader->request->id);

        if (!match)
                return -ENOMEM;
        int r = sd_journal_open(&reader->journal, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM);
        if (r >= 0)
                r = sd_journal_set_data_threshold(reader->journal, 0);
        if (r >= 0)
                r = sd_journal_add_match(reader->journal, match, 0);
        /* Watching must begin before reading, or what is written in between goes unnoticed. */
        if (r >= 0 && reader->request->follow)
                r = sd_journal_get_fd(reader->journal);
        return r;
}

static int read_log(LogReader *reader) {
        const WorkerRequest *request = reader->request;

        (void) journal_synchronize(SYNC_TIMEOUT);
        int r = open_journal(reader);
        if (r >= 0)
                r = request->tail_set ? seek_to_tail(reader) : seek_to_start(reader);
        reader->entry.parity = 0; /* what was read on the way back is nobody's neighbour */
        if (r >= 0)
                r = request->follow && request->running ? follow(reader) : send_available(reader);
        return r;
}

int verb_logs(Worker *worker, Error *error) {
        _cleanup_free_ LogStream *stream = new0(LogStream, 1);
        _cleanup_(log_reader_done) LogReader reader = {
                .request = &worker->request,
                .stream = stream,
                .end_fd = worker->socket,
        };
        int32_t status = 0;

        if (!stream)
                return error_set_errno(error, -ENOMEM, "cannot read the log");
        if (isempty(worker->request.id))
                return error_set(error, ERROR_INVALID, "the log of which container is not said");
        stream->fd = worker->fds[0];
        stream->cancel_fd = worker_cancel_fd();

        int r = read_log(&reader);
        if (r >= 0)
                r = log_stream_flush(stream);
        if (r == -EPIPE) /* the client has seen enough */
                return 0;
        if (r == -ECANCELED)
                return worker_set_cancelled(error);
        if (r < 0) {
                error_set_errno(error, r, "cannot read the journal");
                (void) stream_send_error(stream->fd, error->kind, strempty(error->message));
                return r;
        }
        (void) stream_send(stream->fd, STREAM_EXIT, &status, sizeof(status));
        return 0;
}
