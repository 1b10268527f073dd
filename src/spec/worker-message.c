/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "fd-util.h"
#include "string-util.h"
#include "worker-message.h"

#define F(type, member) offsetof(type, member)

static const Field worker_request_fields[] = {
        { "Verb", FIELD_STRING, F(WorkerRequest, verb), FIELD_REQUIRED },
        { "StateDirectory", FIELD_STRING, F(WorkerRequest, state_directory) },
        { "Reference", FIELD_STRING, F(WorkerRequest, reference) },
        { "Platform", FIELD_STRING, F(WorkerRequest, platform) },
        { "InsecureRegistries", FIELD_STRV, F(WorkerRequest, insecure_registries) },
        { "Limits", FIELD_OBJECT, F(WorkerRequest, limits), .type_of = &image_limits_type },
        { "Downloads", FIELD_UINT, F(WorkerRequest, downloads) },
        { "AllTags", FIELD_BOOL, F(WorkerRequest, all_tags) },
        { "AskFirst", FIELD_BOOL, F(WorkerRequest, ask_first) },
        { "Destination", FIELD_STRING, F(WorkerRequest, destination) },
        { "Compression", FIELD_STRING, F(WorkerRequest, compression) },
        { "CompressionLevel", FIELD_INT, F(WorkerRequest, compression_level) },
        { "Verbose", FIELD_BOOL, F(WorkerRequest, verbose) },
        { "Mounts", FIELD_MAP, F(WorkerRequest, mounts) },
        { "Term", FIELD_STRING, F(WorkerRequest, term) },
        { "Limit", FIELD_UINT, F(WorkerRequest, limit) },
        { "Filters", FIELD_STRV, F(WorkerRequest, filters) },
        { "Comment", FIELD_STRING, F(WorkerRequest, comment) },
        { "Author", FIELD_STRING, F(WorkerRequest, author) },
        { "Changes", FIELD_STRV, F(WorkerRequest, changes) },
        { "Config", FIELD_OBJECT, F(WorkerRequest, config), .type_of = &image_config_type },
        { "BaseDigest", FIELD_STRING, F(WorkerRequest, base_digest) },
        { "Names", FIELD_STRV, F(WorkerRequest, names) },
        { "Blobs", FIELD_STRV, F(WorkerRequest, blobs), .max = 1000000 },
        { "Layers", FIELD_STRV, F(WorkerRequest, layers), .max = 1000000 },
        { "Records", FIELD_STRV, F(WorkerRequest, records), .max = 1000000 },
        { "Everything", FIELD_BOOL, F(WorkerRequest, everything) },
        { "Repair", FIELD_BOOL, F(WorkerRequest, repair) },
        { "Id", FIELD_STRING, F(WorkerRequest, id) },
        { "Name", FIELD_STRING, F(WorkerRequest, name) },
        { "Leader", FIELD_INT, F(WorkerRequest, leader) },
        { "LeaderStartTime", FIELD_UINT64, F(WorkerRequest, leader_start_time) },
        { "Lower", FIELD_STRV, F(WorkerRequest, lower) },
        { "OtherLower", FIELD_STRV, F(WorkerRequest, other_lower) },
        { "Upper", FIELD_STRING, F(WorkerRequest, upper) },
        { "Work", FIELD_STRING, F(WorkerRequest, work) },
        { "UIDBase", FIELD_UINT, F(WorkerRequest, uid_base) },
        { "UIDCount", FIELD_UINT, F(WorkerRequest, uid_count) },
        { "Path", FIELD_STRING, F(WorkerRequest, path) },
        { "Paths", FIELD_STRV, F(WorkerRequest, paths) },
        { "Volume", FIELD_OBJECT, F(WorkerRequest, volume), .type_of = &volume_spec_type },
        { "SourceVolume", FIELD_STRING, F(WorkerRequest, source_volume) },
        { "Unclaimed", FIELD_BOOL, F(WorkerRequest, unclaimed) },
        { "NoOverwriteDirNonDir", FIELD_BOOL, F(WorkerRequest, no_overwrite_dir_non_dir) },
        { "CopyIds", FIELD_BOOL, F(WorkerRequest, copy_ids) },
        { "FollowLink", FIELD_BOOL, F(WorkerRequest, follow_link) },
        { "Profile", FIELD_STRING, F(WorkerRequest, profile) },
        { "Capabilities", FIELD_STRV, F(WorkerRequest, capabilities) },
        { "Secret", FIELD_OBJECT, F(WorkerRequest, secret), .type_of = &secret_spec_type },
        { "Secrets", FIELD_LIST, F(WorkerRequest, secrets), .type_of = &secret_attachment_type },
        { "Follow", FIELD_BOOL, F(WorkerRequest, follow) },
        { "Running", FIELD_BOOL, F(WorkerRequest, running) },
        { "Stdout", FIELD_BOOL, F(WorkerRequest, standard_output) },
        { "Stderr", FIELD_BOOL, F(WorkerRequest, standard_error) },
        { "TailSet", FIELD_BOOL, F(WorkerRequest, tail_set) },
        { "Tail", FIELD_UINT64, F(WorkerRequest, tail) },
        { "Since", FIELD_UINT64, F(WorkerRequest, since) },
        { "Until", FIELD_UINT64, F(WorkerRequest, until) },
        {},
};
const ObjectType worker_request_type = { "worker request", sizeof(WorkerRequest), worker_request_fields };

static const Field worker_progress_fields[] = {
        { "Id", FIELD_STRING, F(WorkerProgress, id) },
        { "Status", FIELD_STRING, F(WorkerProgress, status) },
        { "Current", FIELD_UINT64, F(WorkerProgress, current) },
        { "Total", FIELD_UINT64, F(WorkerProgress, total) },
        {},
};
const ObjectType worker_progress_type = { "progress", sizeof(WorkerProgress), worker_progress_fields };

static const Field worker_image_fields[] = {
        { "Record", FIELD_OBJECT, F(WorkerImage, record), .type_of = &image_record_type },
        { "Names", FIELD_STRV, F(WorkerImage, names) },
        {},
};
const ObjectType worker_image_type = { "image", sizeof(WorkerImage), worker_image_fields };

static const Field worker_result_fields[] = {
        { "Images", FIELD_LIST, F(WorkerResult, images), .type_of = &worker_image_type },
        { "Size", FIELD_UINT64, F(WorkerResult, size) },
        { "Existed", FIELD_BOOL, F(WorkerResult, existed) },
        { "Warning", FIELD_STRING, F(WorkerResult, warning) },
        { "Digest", FIELD_STRING, F(WorkerResult, digest) },
        { "Name", FIELD_STRING, F(WorkerResult, name) },
        { "LinkTarget", FIELD_STRING, F(WorkerResult, link_target) },
        { "Mode", FIELD_UINT64, F(WorkerResult, mode) },
        { "Modified", FIELD_UINT64, F(WorkerResult, modified) },
        {},
};
const ObjectType worker_result_type = { "result", sizeof(WorkerResult), worker_result_fields };

/* Sends {"key": value}; takes over value. */
static int send_json(int fd, const char *key, json_t *value) {
        json_t *packet = json_object();

        if (!packet || !value || json_object_set_new_nocheck(packet, key, value) < 0) {
                json_decref(packet);
                return -ENOMEM;
        }
        _cleanup_free_ char *text = json_dumps(packet, JSON_COMPACT);
        json_decref(packet);
        if (!text)
                return -ENOMEM;
        size_t n = strlen(text);
        return n > WORKER_PACKET_MAX ? -EMSGSIZE : send_message(fd, text, n, NULL, 0);
}

int worker_send_progress(int fd, const WorkerProgress *progress) {
        return send_json(fd, "Progress", object_to_json(&worker_progress_type, progress, 0));
}

int worker_send_result(int fd, const WorkerResult *result) {
        return send_json(fd, "Result", object_to_json(&worker_result_type, result, OBJECT_INTERNAL));
}

int worker_send_error(int fd, const Error *error) {
        return send_json(fd, "Error",
                         json_pack("{s:s, s:s}", "Kind", error_kind_to_string(error->kind), "Message",
                                   error->message ?: "out of memory"));
}

int worker_send_request(int fd, const WorkerRequest *request, const int *fds, size_t n_fds) {
        size_t size;
        _cleanup_free_ char *text =
                object_to_json_text(&worker_request_type, request, OBJECT_INTERNAL, false, &size);

        if (!text)
                return -ENOMEM;
        return size > WORKER_PACKET_MAX ? -EMSGSIZE : send_message(fd, text, size, fds, n_fds);
}

static int parse_message(const json_t *json, WorkerProgress *progress, WorkerResult *result, Error *error) {
        const json_t *value;
        int r;

        if ((value = json_object_get(json, "Progress"))) {
                r = object_from_json(&worker_progress_type, progress, value, 0, NULL);
                return r < 0 ? r : WORKER_PROGRESS;
        }
        if ((value = json_object_get(json, "Result"))) {
                r = object_from_json(&worker_result_type, result, value, 0, NULL);
                return r < 0 ? r : WORKER_RESULT;
        }
        if ((value = json_object_get(json, "Error"))) {
                const char *kind = json_string_value(json_object_get(value, "Kind"));
                const char *message = json_string_value(json_object_get(value, "Message"));
                error_set(error, error_kind_from_string(strempty(kind)), "%s",
                          message ?: "the worker failed");
                return WORKER_ERROR;
        }
        return -EBADMSG;
}

int worker_parse(const char *packet, size_t size, WorkerProgress *progress, WorkerResult *result,
                 Error *error) {
        json_t *json = json_loadb(packet, size, JSON_REJECT_DUPLICATES, NULL);

        if (!json)
                return -EBADMSG;
        int r = parse_message(json, progress, result, error);
        json_decref(json);
        return r;
}
