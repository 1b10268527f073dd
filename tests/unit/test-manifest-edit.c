/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "manifest-edit.h"
#include "string-util.h"
#include "test.h"

#define D(c) "sha256:" c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c
#define A D("aa")
#define B D("bb")
#define C D("cc")

static void check(const char *before, bool to_oci, const char *after) {
        const DescriptorChange changes[] = { { B, C, 3, MEDIA_TYPE_OCI_LAYER_ZSTD } };
        _cleanup_error_ Error error = {};
        _cleanup_free_ char *text = NULL;
        size_t size = 0;

        CHECK(manifest_edit(before, strlen(before), changes, 1, to_oci, &text, &size, &error) >= 0);
        CHECK_STRING(text, after);
        CHECK(size == strlen(after));
}

static void test_layers(void) {
        /* Members that berth does not know, and their order, stay. */
        check("{ \"schemaVersion\": 2, \"x\": [1, {\"y\": null}], \"layers\": [ {\"size\": 9, \"digest\": "
              "\"" B "\", \"annotations\": {\"a\": \"b\"}, \"mediaType\": \"old\"}, {\"digest\": \"" A
              "\"} ] }",
              false,
              "{\"schemaVersion\":2,\"x\":[1,{\"y\":null}],\"layers\":[{\"size\":3,\"digest\":\"" C
              "\",\"annotations\":{\"a\":\"b\"},\"mediaType\":\"" MEDIA_TYPE_OCI_LAYER_ZSTD
              "\"},{\"digest\":\"" A "\"}]}");
        /* The same layer twice. */
        check("{\"layers\":[{\"digest\":\"" B "\"},{\"digest\":\"" B "\"}]}", false,
              "{\"layers\":[{\"digest\":\"" C "\",\"mediaType\":\"" MEDIA_TYPE_OCI_LAYER_ZSTD
              "\",\"size\":3},{\"digest\":\"" C "\",\"mediaType\":\"" MEDIA_TYPE_OCI_LAYER_ZSTD
              "\",\"size\":3}]}");
        check("{\"manifests\":[{\"digest\":\"" B "\"}],\"config\":{\"digest\":\"" B "\"}}", false,
              "{\"manifests\":[{\"digest\":\"" C "\",\"mediaType\":\"" MEDIA_TYPE_OCI_LAYER_ZSTD
              "\",\"size\":3}],\"config\":{\"digest\":\"" B "\"}}");
}

static void test_conversion(void) {
        check("{\"mediaType\":\"" MEDIA_TYPE_DOCKER_MANIFEST
              "\",\"config\":{\"mediaType\":\"" MEDIA_TYPE_DOCKER_CONFIG
              "\"},\"layers\":[{\"mediaType\":\"" MEDIA_TYPE_DOCKER_LAYER_GZIP
              "\"},{\"mediaType\":\"other\"}]}",
              true,
              "{\"mediaType\":\"" MEDIA_TYPE_OCI_MANIFEST
              "\",\"config\":{\"mediaType\":\"" MEDIA_TYPE_OCI_CONFIG
              "\"},\"layers\":[{\"mediaType\":\"" MEDIA_TYPE_OCI_LAYER_GZIP
              "\"},{\"mediaType\":\"other\"}]}");
        CHECK_STRING(media_type_to_oci(MEDIA_TYPE_DOCKER_INDEX), MEDIA_TYPE_OCI_INDEX);
        CHECK(!media_type_to_oci(NULL));
        CHECK(media_type_is_docker(MEDIA_TYPE_DOCKER_MANIFEST) &&
              !media_type_is_docker(MEDIA_TYPE_OCI_MANIFEST));
}

static void test_garbage(void) {
        static const char *const bad[] = { "", "[]", "{", "{\"a\":1,\"a\":2}" };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_error_ Error error = {};
                char *text;
                size_t size;
                CHECK(manifest_edit(bad[i], strlen(bad[i]), NULL, 0, true, &text, &size, &error) < 0);
                CHECK(error.kind == ERROR_CORRUPT);
        }
        /* What is of another type than it should be is left alone. */
        check("{\"layers\":7,\"manifests\":[7,{}],\"config\":[]}", true,
              "{\"layers\":7,\"manifests\":[7,{}],\"config\":[]}");
}

int main(void) {
        test_layers();
        test_conversion();
        test_garbage();
        return TEST_RESULT();
}
