/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image-spec.h"
#include "string-util.h"

#define F(type, member) offsetof(type, member)

static const Field image_layer_fields[] = {
        { "Digest", FIELD_STRING, F(ImageLayer, digest) },
        { "DiffId", FIELD_STRING, F(ImageLayer, diff_id) },
        { "MediaType", FIELD_STRING, F(ImageLayer, media_type) },
        { "Size", FIELD_UINT64, F(ImageLayer, size) },
        { "UnpackedSize", FIELD_UINT64, F(ImageLayer, unpacked_size) },
        {},
};
const ObjectType image_layer_type = { "layer", sizeof(ImageLayer), image_layer_fields };

static const Field image_history_fields[] = {
        { "Created", FIELD_TIMESTAMP, F(ImageHistory, created) },
        { "CreatedBy", FIELD_STRING, F(ImageHistory, created_by) },
        { "Author", FIELD_STRING, F(ImageHistory, author) },
        { "Comment", FIELD_STRING, F(ImageHistory, comment) },
        { "EmptyLayer", FIELD_BOOL, F(ImageHistory, empty_layer) },
        {},
};
const ObjectType image_history_type = { "image history", sizeof(ImageHistory), image_history_fields };

static const Field image_config_fields[] = {
        { "User", FIELD_STRING, F(ImageConfig, user) },
        { "ExposedPorts", FIELD_STRV, F(ImageConfig, exposed_ports) },
        { "Environment", FIELD_STRV, F(ImageConfig, environment) },
        { "Entrypoint", FIELD_STRV, F(ImageConfig, entrypoint) },
        { "Command", FIELD_STRV, F(ImageConfig, command) },
        { "Volumes", FIELD_STRV, F(ImageConfig, volumes) },
        { "WorkingDirectory", FIELD_STRING, F(ImageConfig, working_directory) },
        { "Labels", FIELD_MAP, F(ImageConfig, labels) },
        { "StopSignal", FIELD_STRING, F(ImageConfig, stop_signal) },
        { "Health", FIELD_OBJECT, F(ImageConfig, health), .type_of = &health_check_type },
        {},
};
const ObjectType image_config_type = { "image config", sizeof(ImageConfig), image_config_fields };

const char *const image_kind_words[] = { "image", "index", "artifact", NULL };

static const Field image_descriptor_fields[] = {
        { "Digest", FIELD_STRING, F(ImageDescriptor, digest), FIELD_REQUIRED },
        { "MediaType", FIELD_STRING, F(ImageDescriptor, media_type) },
        { "Size", FIELD_UINT64, F(ImageDescriptor, size) },
        { "OS", FIELD_STRING, F(ImageDescriptor, os) },
        { "Architecture", FIELD_STRING, F(ImageDescriptor, architecture) },
        { "Variant", FIELD_STRING, F(ImageDescriptor, variant) },
        {},
};
const ObjectType image_descriptor_type = { "index entry", sizeof(ImageDescriptor), image_descriptor_fields };

static const Field image_record_fields[] = {
        { "Digest", FIELD_STRING, F(ImageRecord, digest), FIELD_REQUIRED },
        { "MediaType", FIELD_STRING, F(ImageRecord, media_type) },
        { "ManifestSize", FIELD_UINT64, F(ImageRecord, manifest_size) },
        { "Kind", FIELD_ENUM, F(ImageRecord, kind), FIELD_ALWAYS, .words = image_kind_words },
        { "ArtifactType", FIELD_STRING, F(ImageRecord, artifact_type) },
        { "Id", FIELD_STRING, F(ImageRecord, id), FIELD_REQUIRED },
        { "Created", FIELD_TIMESTAMP, F(ImageRecord, created) },
        { "Author", FIELD_STRING, F(ImageRecord, author) },
        { "Architecture", FIELD_STRING, F(ImageRecord, architecture) },
        { "OS", FIELD_STRING, F(ImageRecord, os) },
        { "Variant", FIELD_STRING, F(ImageRecord, variant) },
        { "Size", FIELD_UINT64, F(ImageRecord, size), FIELD_ALWAYS },
        { "DownloadSize", FIELD_UINT64, F(ImageRecord, download_size), FIELD_ALWAYS },
        { "Config", FIELD_OBJECT, F(ImageRecord, config), .type_of = &image_config_type },
        { "Layers", FIELD_LIST, F(ImageRecord, layers), .type_of = &image_layer_type, .max = 1000 },
        { "History", FIELD_LIST, F(ImageRecord, history), .type_of = &image_history_type, .max = 1000 },
        { "Manifests", FIELD_LIST, F(ImageRecord, manifests), .type_of = &image_descriptor_type,
          .max = 1000 },
        { "MadeHere", FIELD_BOOL, F(ImageRecord, made_here), FIELD_INTERNAL },
        { "Compressed", FIELD_LIST, F(ImageRecord, compressed), FIELD_INTERNAL, .type_of = &image_layer_type,
          .max = 1000 },
        {},
};

static int image_record_validate(const void *object, Error *error) {
        const ImageRecord *record = object;

        if (!digest_is_valid(record->digest) || !digest_is_valid(record->id))
                return error_set(error, ERROR_CORRUPT, "image record: a digest is malformed");
        for (size_t i = 0; i < record->layers.n; i++) {
                const ImageLayer *layer = LIST_ITEM(&record->layers, ImageLayer, i);
                if (!digest_is_valid(record->kind == IMAGE_ARTIFACT ? layer->digest : layer->diff_id))
                        return error_set(error, ERROR_CORRUPT,
                                         "image record: a layer's digest is malformed");
        }
        for (size_t i = 0; i < record->manifests.n; i++)
                if (!digest_is_valid(LIST_ITEM(&record->manifests, ImageDescriptor, i)->digest))
                        return error_set(error, ERROR_CORRUPT,
                                         "image record: a manifest's digest is malformed");
        return 0;
}

const ObjectType image_record_type = { "image record", sizeof(ImageRecord), image_record_fields,
                                       .validate = image_record_validate };

bool image_record_has_manifest(const ImageRecord *record, const char *digest) {
        for (size_t i = 0; i < record->manifests.n; i++)
                if (streq(LIST_ITEM(&record->manifests, ImageDescriptor, i)->digest, digest))
                        return true;
        return false;
}

bool digest_is_valid(const char *s) {
        const char *hex = s ? startswith(s, "sha256:") : NULL;

        return hex && strlen(hex) == DIGEST_HEX_LENGTH &&
               strspn(hex, "0123456789abcdef") == DIGEST_HEX_LENGTH;
}
