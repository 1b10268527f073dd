/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/socket.h>

#include "container-spec.h"
#include "fd-util.h"
#include "image-spec.h"
#include "stream.h"
#include "string-util.h"
#include "strv.h"
#include "test.h"
#include "time-util.h"
#include "worker-message.h"

static const char spec_text[] =
        "{\"Image\":\"debian\",\"Command\":[\"sh\",\"-c\",\"true\"],\"Labels\":{\"a\":\"b=c\"},"
        "\"Mounts\":[{\"Type\":\"bind\",\"Source\":\"/srv\",\"Target\":\"/data\",\"ReadOnly\":true}],"
        "\"Restart\":{\"Name\":\"on-failure\",\"MaximumRetryCount\":3},\"StopTimeoutUSec\":-1}";

static void test_json_round_trip(void) {
        ContainerSpec spec, again, copy;
        _cleanup_error_ Error error = {};
        size_t size;

        CHECK(object_from_json_text(&container_spec_type, &spec, spec_text, strlen(spec_text), OBJECT_STRICT,
                                    &error) == 0);
        CHECK_STRING(spec.image, "debian");
        CHECK(strv_length(spec.command) == 3 && spec.mounts.n == 1);
        CHECK(LIST_ITEM(&spec.mounts, MountSpec, 0)->read_only);
        CHECK(spec.restart.name == RESTART_ON_FAILURE && spec.restart.maximum_retry_count == 3);
        CHECK(spec.stop_timeout == USEC_INFINITY);
        CHECK_STRING(strv_map_get(spec.labels, "a"), "b=c");

        _cleanup_free_ char *text =
                object_to_json_text(&container_spec_type, &spec, OBJECT_INTERNAL, false, &size);
        CHECK(object_from_json_text(&container_spec_type, &again, text, size, 0, &error) == 0);
        CHECK(object_copy(&container_spec_type, &copy, &again) == 0);
        _cleanup_free_ char *second =
                object_to_json_text(&container_spec_type, &copy, OBJECT_INTERNAL, false, NULL);
        CHECK_STRING(second, text);

        object_done(&container_spec_type, &spec);
        object_done(&container_spec_type, &again);
        object_done(&container_spec_type, &copy);
}

static void test_json_refusals(void) {
        static const char *const bad[] = {
                "{}",
                "[]",
                "{\"Image\":1}",
                "{\"Image\":\"x\",\"Nonsense\":1}",
                "{\"Image\":\"x\",\"Id\":\"forged\"}",
                "{\"Image\":\"x\",\"Image\":\"y\"}",
                "{\"Image\":\"a\\u0000b\"}",
                "{\"Image\":\"x\",\"Restart\":{\"Name\":\"sometimes\"}}",
                "{\"Image\":\"x\",\"Mounts\":[{\"Target\":\"relative\"}]}",
                "{\"Image\":\"x\",\"Mounts\":[{\"Type\":\"bind\",\"Source\":\"x\",\"Target\":\"/y\"}]}",
                "{\"Image\":\"x\",\"AutoRemove\":true,\"Restart\":{\"Name\":\"always\"}}",
                "{\"Image\":\"x\",\"Environment\":[\"NOVALUE\"]}",
                "{\"Image\":\"x\",\"StopSignal\":\"SIGWHAT\"}",
                "{\"Image\":\"x\",\"StopTimeoutUSec\":-2}",
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_error_ Error error = {};
                ContainerSpec spec;
                CHECK(object_from_json_text(&container_spec_type, &spec, bad[i], strlen(bad[i]),
                                            OBJECT_STRICT, &error) < 0);
                CHECK(error.message);
                CHECK(!spec.image); /* nothing half-read is left */
        }
}

static void test_names_and_digests(void) {
        char id[DIGEST_LENGTH + 1] = "sha256:";

        memset(id + 7, 'a', DIGEST_HEX_LENGTH);
        CHECK(digest_is_valid(id));
        id[10] = 'A';
        CHECK(!digest_is_valid(id) && !digest_is_valid("sha256:abc") && !digest_is_valid(NULL));
        CHECK(container_name_is_valid("web-1.x_y") && container_name_is_valid("0"));
        CHECK(!container_name_is_valid("") && !container_name_is_valid("-x") &&
              !container_name_is_valid("a/b") && !container_name_is_valid("a b"));
}

static void test_streams(void) {
        char packet[STREAM_PACKET_MAX];
        const void *p = packet, *payload;
        StreamHeader header;
        int pair[2];

        CHECK(socket_pair(SOCK_SEQPACKET, 0, pair) == 0);
        CHECK(stream_send_error(pair[0], ERROR_COMMAND_NOT_FOUND, "no such command") == 0);
        ssize_t n = receive_message(pair[1], packet, sizeof(packet), NULL, NULL);
        CHECK(n > 0);
        size_t size = n;
        CHECK(stream_next(&p, &size, &header, &payload) == 1 && header.type == STREAM_ERROR);
        _cleanup_error_ Error error = {};
        stream_parse_error(payload, header.length, &error);
        CHECK(error.kind == ERROR_COMMAND_NOT_FOUND);
        CHECK_STRING(error.message, "no such command");
        CHECK(stream_next(&p, &size, &header, &payload) == 0);

        size = sizeof(header) - 1;
        p = packet;
        CHECK(stream_next(&p, &size, &header, &payload) == -EBADMSG);
        header = (StreamHeader){ .type = STREAM_STDOUT, .length = 1 };
        memcpy(packet, &header, sizeof(header));
        size = sizeof(header);
        p = packet;
        CHECK(stream_next(&p, &size, &header, &payload) == -EBADMSG);
        safe_close(pair[0]);
        safe_close(pair[1]);
}

static void test_worker_messages(void) {
        static const char progress_text[] =
                "{\"Progress\":{\"Id\":\"x\",\"Status\":\"done\",\"Current\":5}}";
        WorkerProgress progress = {};
        WorkerResult result = {};
        _cleanup_error_ Error error = {};

        CHECK(worker_parse(progress_text, strlen(progress_text), &progress, &result, &error) ==
              WORKER_PROGRESS);
        CHECK(progress.current == 5);
        object_done(&worker_progress_type, &progress);
        CHECK(worker_parse("{}", 2, &progress, &result, &error) == -EBADMSG);
        CHECK(worker_parse("{", 1, &progress, &result, &error) == -EBADMSG);
        static const char error_text[] = "{\"Error\":{\"Kind\":\"NoSpace\",\"Message\":\"disk full\"}}";
        CHECK(worker_parse(error_text, strlen(error_text), &progress, &result, &error) == WORKER_ERROR);
        CHECK(error.kind == ERROR_NO_SPACE);
}

int main(void) {
        test_json_round_trip();
        test_json_refusals();
        test_names_and_digests();
        test_streams();
        test_worker_messages();
        return TEST_RESULT();
}
