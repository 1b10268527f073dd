/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A packet of a stream's client, and the same bytes as a container's output on its way to the journal. */
#include "fuzz.h"
#include "log-line.h"
#include "stream.h"

static void read_frames(const void *packet, size_t size) {
        const char *end = (const char *) packet + size;
        const void *payload;
        StreamHeader header;

        while (stream_next(&packet, &size, &header, &payload) > 0) {
                Error error = {};
                FUZZ_CHECK(header.length <= STREAM_PAYLOAD_MAX &&
                           (const char *) payload + header.length <= end);
                stream_parse_error(payload, header.length, &error);
                error_done(&error);
        }
}

/* All bytes come out again, in pieces of no more than the maximum. */
static void cut_lines(const char *data, size_t size, size_t chunk) {
        LogLine line = {};
        LogPiece piece;
        size_t out = 0;

        for (size_t at = 0; at < size; at += chunk) {
                const char *p = data + at;
                size_t left = MIN(chunk, size - at);
                while (log_line_next(&line, &p, &left, &piece) > 0) {
                        size_t n = piece.size + !piece.partial;
                        if (piece.size > LOG_PIECE_MAX || out + n > size ||
                            memcmp(data + out, piece.data, piece.size) != 0)
                                abort();
                        out += n;
                }
        }
        while (log_line_finish(&line, &piece) > 0)
                out += piece.size;
        FUZZ_CHECK(out == size);
        log_line_done(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        read_frames(data, size);
        cut_lines((const char *) data, size, size > 0 ? data[0] + 1 : 1);
        cut_lines((const char *) data, size, 32 * 1024);
        return 0;
}
