/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image-build.h"
#include "image-change.h"
#include "json-read.h"
#include "manifest.h"
#include "string-util.h"
#include "strv.h"
#include "test.h"

#define D(c) "sha256:" c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c
#define A D("aa")
#define B D("bb")
#define C D("cc")
#define CONFIG_MEMBER \
        "\"config\":{\"mediaType\":\"" MEDIA_TYPE_OCI_CONFIG "\",\"digest\":\"" A "\",\"size\":2}"
#define LAYER(type) "{\"mediaType\":\"" type "\",\"digest\":\"" B "\",\"size\":7}"
#define MANIFEST(layers) "{\"schemaVersion\":2," CONFIG_MEMBER ",\"layers\":[" layers "]}"

static ErrorKind parse(const char *text, const char *media_type, Manifest *ret) {
        _cleanup_(manifest_done) Manifest manifest = {};
        _cleanup_error_ Error error = {};

        if (manifest_parse(text, strlen(text), media_type, &manifest, &error) >= 0 && ret) {
                *ret = manifest;
                manifest = (Manifest){};
        }
        return error.kind;
}

static void test_manifests(void) {
        static const struct {
                const char *text, *type;
                ErrorKind expected;
        } cases[] = {
                { MANIFEST(""), NULL, ERROR_NONE },
                { MANIFEST(LAYER(MEDIA_TYPE_OCI_LAYER_ZSTD)), MEDIA_TYPE_OCI_MANIFEST, ERROR_NONE },
                { MANIFEST(LAYER(MEDIA_TYPE_DOCKER_LAYER_GZIP)), "application/json", ERROR_NONE },
                { MANIFEST(""), MEDIA_TYPE_DOCKER_MANIFEST "; charset=utf-8", ERROR_NONE },
                { MANIFEST(LAYER("application/vnd.oci.image.layer.v1.tar+encrypted")), NULL,
                  ERROR_UNSUPPORTED },
                { "{\"schemaVersion\":1,\"fsLayers\":[]}", NULL, ERROR_UNSUPPORTED },
                { MANIFEST(LAYER("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")), NULL,
                  ERROR_UNSUPPORTED },
                { MANIFEST(LAYER("application/vnd.oci.image.layer.nondistributable.v1.tar+zstd")), NULL,
                  ERROR_UNSUPPORTED },
                { MANIFEST(LAYER(MEDIA_TYPE_OCI_LAYER) "," LAYER("text/plain")), NULL, ERROR_UNSUPPORTED },
                { MANIFEST("{\"mediaType\":\"" MEDIA_TYPE_OCI_LAYER "\",\"digest\":\"" B
                           "\",\"size\":9223372036854775807}"),
                  NULL, ERROR_LIMIT },
                { MANIFEST("{\"mediaType\":\"" MEDIA_TYPE_OCI_LAYER "\",\"digest\":\"" B
                           "\",\"size\":9223372036854775808}"),
                  NULL, ERROR_CORRUPT },
                { MANIFEST("{\"mediaType\":\"" MEDIA_TYPE_OCI_LAYER "\",\"digest\":\"sha512:" A
                           "\",\"size\":1}"),
                  NULL, ERROR_UNSUPPORTED },
                { "{\"schemaVersion\":2," CONFIG_MEMBER ",\"layers\":[],\"artifactType\":\"x\\ny\"}", NULL,
                  ERROR_CORRUPT },
                { "{\"schemaVersion\":2,\"manifests\":[]}", NULL, ERROR_NONE },
                { "{\"schemaVersion\":2,\"manifests\":[]}", MEDIA_TYPE_OCI_MANIFEST, ERROR_CORRUPT },
                { MANIFEST(""), MEDIA_TYPE_OCI_INDEX, ERROR_CORRUPT },
                { "{\"schemaVersion\":2," CONFIG_MEMBER ",\"layers\":[],\"manifests\":[]}", NULL,
                  ERROR_CORRUPT },
                { "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_TYPE_OCI_MANIFEST "\"," CONFIG_MEMBER
                  ",\"layers\":[]}",
                  MEDIA_TYPE_DOCKER_MANIFEST, ERROR_CORRUPT },
                { "{\"schemaVersion\":2,\"layers\":[]}", NULL, ERROR_CORRUPT },
                { "{\"schemaVersion\":\"2\"}", NULL, ERROR_CORRUPT },
                { "{\"schemaVersion\":2,\"schemaVersion\":2,\"manifests\":[]}", NULL, ERROR_CORRUPT },
                { "[]", NULL, ERROR_CORRUPT },
                { "", NULL, ERROR_CORRUPT },
                { MANIFEST("7"), NULL, ERROR_CORRUPT },
                { MANIFEST("{\"mediaType\":\"" MEDIA_TYPE_OCI_LAYER
                           "\",\"digest\":\"sha256:abc\",\"size\":1}"),
                  NULL, ERROR_CORRUPT },
                { MANIFEST("{\"mediaType\":\"" MEDIA_TYPE_OCI_LAYER "\",\"digest\":\"" B "\",\"size\":-1}"),
                  NULL, ERROR_CORRUPT },
                { "{\"schemaVersion\":2,\"mediaType\":\"text/html\"}", NULL, ERROR_UNSUPPORTED },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                ErrorKind kind = parse(cases[i].text, cases[i].type, NULL);
                if (kind != cases[i].expected)
                        fprintf(stderr, "case %zu gives %s\n", i, error_kind_to_string(kind));
                CHECK(kind == cases[i].expected);
        }

        _cleanup_(manifest_done) Manifest m = {};
        CHECK(parse(MANIFEST(LAYER(MEDIA_TYPE_OCI_LAYER_GZIP)), NULL, &m) == ERROR_NONE);
        CHECK(!m.is_index && !m.artifact_type && m.layers.n == 1);
        CHECK_STRING(m.media_type, MEDIA_TYPE_OCI_MANIFEST);
        CHECK_STRING(m.config.digest, A);
        CHECK(LIST_ITEM(&m.layers, Descriptor, 0)->size == 7);

        _cleanup_(string_buffer_done) StringBuffer many = {};
        for (size_t i = 0; i <= image_limits()->layers; i++)
                (void) string_buffer_appendf(&many, "%s" LAYER(MEDIA_TYPE_OCI_LAYER), i > 0 ? "," : "");
        _cleanup_free_ char *text =
                string_join("{\"schemaVersion\":2," CONFIG_MEMBER ",\"layers\":[", many.data, "]}");
        CHECK(parse(text, NULL, NULL) == ERROR_LIMIT);
}

static void test_artifacts(void) {
#define ARTIFACT(type, config, layer)                                                           \
        "{\"schemaVersion\":2," type "\"config\":{\"mediaType\":\"" config "\",\"digest\":\"" A \
        "\",\"size\":2},\"layers\":[" LAYER(                                                    \
                layer) "],\"annotations\":{\"org.opencontainers.image.created\":"               \
                       "\"2021-01-02T03:04:05Z\"}}"
        static const struct {
                const char *text, *type;
        } cases[] = {
                { ARTIFACT("", "application/vnd.cncf.helm.config.v1+json", "application/x"),
                  "application/vnd.cncf.helm.config.v1+json" },
                { ARTIFACT("\"artifactType\":\"application/vnd.example\",",
                           "application/vnd.oci.empty.v1+json", "application/x"),
                  "application/vnd.example" },
                { ARTIFACT("\"artifactType\":\"\",", "application/vnd.oci.empty.v1+json", "text/plain"),
                  "text/plain" },
                { ARTIFACT("", MEDIA_TYPE_OCI_CONFIG, "application/vnd.dev.cosign.simplesigning.v1+json"),
                  "application/vnd.dev.cosign.simplesigning.v1+json" },
                { ARTIFACT("", "", ""), "application/octet-stream" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(manifest_done) Manifest m = {};
                ImageRecord record;
                CHECK(parse(cases[i].text, NULL, &m) == ERROR_NONE);
                CHECK_STRING(m.artifact_type, cases[i].type);
                CHECK(image_record_build(&m, C, 99, "no JSON", 7, &record, NULL) == 0);
                CHECK(record.kind == IMAGE_ARTIFACT && record.layers.n == 1 && record.download_size == 7);
                CHECK(record.created == UINT64_C(1609556645000000));
                CHECK_STRING(record.artifact_type, cases[i].type);
                CHECK_STRING(record.digest, C);
                CHECK_STRING(record.id, A);
                const ImageLayer *layer = LIST_ITEM(&record.layers, ImageLayer, 0);
                CHECK(!layer->diff_id && image_record_type.validate(&record, NULL) == 0);
                CHECK_STRING(layer->digest, B);
                object_done(&image_record_type, &record);
        }
}

/* Each has its own limit, and the error says where it is set. */
static void test_limits(void) {
#define LAYERS MANIFEST(LAYER(MEDIA_TYPE_OCI_LAYER) "," LAYER(MEDIA_TYPE_OCI_LAYER))
        static const char index[] = "{\"schemaVersion\":2,\"manifests\":[" LAYER("x") "," LAYER("x") "]}";
        const struct {
                ImageLimits limits;
                const char *text, *hint;
        } cases[] = {
                { { .manifest_size = 50 }, LAYERS, "(Limits.ManifestSize= in berthd.conf)" },
                { { .config_size = 1 }, LAYERS, "(Limits.ConfigSize= in berthd.conf)" },
                { { .index_entries = 1 }, index, "(Limits.IndexEntries= in berthd.conf)" },
                { { .layers = 1 }, LAYERS, "(Limits.Layers= in berthd.conf)" },
                { { .layer_size = 6 }, LAYERS, "(Limits.LayerSize= in berthd.conf)" },
        };
        const ImageLimits before = *image_limits();

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_error_ Error error = {};
                Manifest m;
                ImageLimits limits = before;
                const uint64_t *from = (const uint64_t *) &cases[i].limits;
                for (size_t k = 0; k < sizeof(ImageLimits) / sizeof(uint64_t); k++)
                        if (from[k] > 0)
                                ((uint64_t *) &limits)[k] = from[k];
                image_limits_set(&limits);
                CHECK(manifest_parse(cases[i].text, strlen(cases[i].text), NULL, &m, &error) < 0);
                CHECK(error.kind == ERROR_LIMIT && strstr(error.message, cases[i].hint));
        }
        image_limits_set(&before);
}

#define ENTRY(digest, os, arch, more)                                                    \
        "{\"mediaType\":\"" MEDIA_TYPE_OCI_MANIFEST "\",\"size\":1,\"digest\":\"" digest \
        "\",\"platform\":{\"os\":\"" os "\",\"architecture\":\"" arch "\"" more "}}"

static const char *select_for(const Manifest *index, const char *platform_text, ErrorKind *ret_kind) {
        _cleanup_(platform_done) Platform platform = {};
        _cleanup_error_ Error error = {};
        const Descriptor *chosen = NULL;

        CHECK(platform_parse(platform_text, &platform, NULL) == 0);
        (void) manifest_select(index, &platform, &chosen, &error);
        *ret_kind = error.kind;
        return chosen ? chosen->digest : "none";
}

static void test_selection(void) {
        static const char text[] = "{\"schemaVersion\":2,\"manifests\":[" ENTRY(D("01"), "windows", "amd64", "") "," ENTRY(D("02"), "linux", "amd64", "") "," ENTRY(
                D("03"), "linux", "amd64",
                ",\"variant\":\"v3\"") "," ENTRY(D("04"), "linux", "arm",
                                                 ",\"variant\":\"v5\"") "," ENTRY(D("05"), "linux", "arm",
                                                                                  ",\"variant\":"
                                                                                  "\"v7\"") "," ENTRY(D("0"
                                                                                                        "6"),
                                                                                                      "linu"
                                                                                                      "x",
                                                                                                      "arm6"
                                                                                                      "4",
                                                                                                      "") "," ENTRY(D("07"),
                                                                                                                    "unknown",
                                                                                                                    "unknown",
                                                                                                                    "") ","
                                                                                                                        "{\"mediaType\":\"" MEDIA_TYPE_OCI_MANIFEST
                                                                                                                        "\",\"size\":1,\"digest\":\"" D(
                                                                                                                                "08") "\",\"platform\":"
                                                                                                                                      "{\"os\":\"linux\",\"architecture\":\"s390x\"},\"annotations\":"
                                                                                                                                      "{\"vnd.docker.reference.type\":\"attestation-manifest\"}}]}";
        static const struct {
                const char *platform, *digest;
        } cases[] = {
                { "linux/amd64", D("02") },    { "linux/amd64/v3", D("03") }, { "linux/amd64/v2", D("02") },
                { "linux/arm/v7", D("05") },   { "linux/arm/v6", D("04") },   { "linux/arm64", D("06") },
                { "linux/arm64/v8", D("06") }, { "windows/amd64", D("01") },  { "linux/s390x", "none" },
                { "linux/riscv64", "none" },   { "linux/arm/v5", D("04") },
        };
        _cleanup_(manifest_done) Manifest index = {};
        ErrorKind kind;

        CHECK(parse(text, NULL, &index) == ERROR_NONE);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                CHECK_STRING(select_for(&index, cases[i].platform, &kind), cases[i].digest);
                CHECK(kind == (streq(cases[i].digest, "none") ? ERROR_NO_SUCH_IMAGE : ERROR_NONE));
        }
        Platform platform = {};
        CHECK(platform_parse("linux", &platform, NULL) < 0);
        CHECK(platform_parse("a/b/c/d", &platform, NULL) < 0);
        CHECK(platform_parse("Linux/AMD64", &platform, NULL) < 0);
        CHECK(platform_parse("", &platform, NULL) == 0);
        CHECK_STRING(platform.os, "linux");
        platform_done(&platform);
}

#define CONFIG_TEXT                                                                                        \
        "{\"architecture\":\"arm\",\"os\":\"linux\",\"variant\":\"v7\",\"created\":\"2024-05-06T07:08:09." \
        "123456789Z\","                                                                                    \
        "\"author\":null,\"config\":{\"User\":\"1:2\",\"ExposedPorts\":{\"80/"                             \
        "tcp\":{}},\"Env\":[\"A=b\",\"PATH=/bin\"],"                                                       \
        "\"Entrypoint\":null,\"Cmd\":[\"sh\"],\"Volumes\":{\"/v\":{}},\"WorkingDir\":\"/"                  \
        "w\",\"Labels\":{\"k\":\"v=w\"},"                                                                  \
        "\"StopSignal\":\"SIGINT\",\"OnBuild\":[\"RUN "                                                    \
        "x\"]},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" C "\"]},"                                 \
        "\"history\":[{\"created_by\":\"x\",\"empty_layer\":true},{}]}"

static ErrorKind parse_config(const char *text) {
        _cleanup_error_ Error error = {};
        ImageRecord record;

        if (image_config_parse(text, strlen(text), &record, &error) >= 0)
                object_done(&image_record_type, &record);
        return error.kind;
}

static void test_config(void) {
        _cleanup_(manifest_done) Manifest manifest = {};
        ImageRecord record;

        CHECK(parse(MANIFEST(LAYER(MEDIA_TYPE_OCI_LAYER_GZIP)), NULL, &manifest) == ERROR_NONE);
        CHECK(image_record_build(&manifest, D("ee"), 99, CONFIG_TEXT, strlen(CONFIG_TEXT), &record, NULL) ==
              0);
        CHECK_STRING(record.digest, D("ee"));
        CHECK_STRING(record.id, A);
        CHECK_STRING(record.architecture, "arm");
        CHECK_STRING(record.variant, "v7");
        CHECK(record.created == UINT64_C(1714979289123456));
        CHECK_STRING(record.config.user, "1:2");
        CHECK_STRING(record.config.exposed_ports[0], "80/tcp");
        CHECK_STRING(record.config.environment[1], "PATH=/bin");
        CHECK(record.config.entrypoint == NULL);
        CHECK_STRING(record.config.command[0], "sh");
        CHECK_STRING(record.config.labels[0], "k=v=w");
        CHECK(record.layers.n == 1 && record.history.n == 2 && record.download_size == 7);
        const ImageLayer *layer = LIST_ITEM(&record.layers, ImageLayer, 0);
        CHECK_STRING(layer->diff_id, C);
        CHECK_STRING(layer->digest, B);
        object_done(&image_record_type, &record);

        _cleanup_(manifest_done) Manifest bare = {};
        CHECK(parse(MANIFEST(""), NULL, &bare) == ERROR_NONE);
        CHECK(image_record_build(&bare, D("ee"), 99, CONFIG_TEXT, strlen(CONFIG_TEXT), &record, NULL) ==
              -EBADMSG);

        CHECK(parse_config("{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":null}}") == ERROR_NONE);
        CHECK(parse_config("{\"rootfs\":{\"type\":\"other\",\"diff_ids\":[]}}") == ERROR_CORRUPT);
        CHECK(parse_config("{}") == ERROR_CORRUPT);
        CHECK(parse_config("{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"../../etc\"]}}") ==
              ERROR_CORRUPT);
        CHECK(parse_config("{\"config\":{\"Env\":\"A=b\"},\"rootfs\":{\"type\":\"layers\"}}") ==
              ERROR_CORRUPT);
        CHECK(parse_config("{\"config\":{\"Cmd\":[7]},\"rootfs\":{\"type\":\"layers\"}}") == ERROR_CORRUPT);
        CHECK(parse_config("{\"config\":{\"Labels\":[]},\"rootfs\":{\"type\":\"layers\"}}") ==
              ERROR_CORRUPT);
        CHECK(parse_config("{\"history\":[1],\"rootfs\":{\"type\":\"layers\"}}") == ERROR_CORRUPT ||
              parse_config("{\"history\":[1],\"rootfs\":{\"type\":\"layers\"}}") == ERROR_NONE);

        _cleanup_(string_buffer_done) StringBuffer deep = {};
        for (size_t i = 0; i < 100000; i++)
                (void) string_buffer_append_string(&deep, "[");
        CHECK(parse_config(deep.data) == ERROR_CORRUPT);
}

/* The config's JSON after the instructions, or the error's kind in brackets. */
static char *change(const char *before, const char *const *instructions) {
        _cleanup_(json_decrefp) json_t *config = json_loads(before, 0, NULL);
        _cleanup_error_ Error error = {};

        if (image_change_apply(config, (char *const *) instructions, &error) < 0)
                return format_string("(%s)", error_kind_to_string(error.kind));
        return json_dumps(config, JSON_COMPACT | JSON_SORT_KEYS);
}
#define CHECK_CHANGE(before, after, ...)                                                                 \
        do {                                                                                             \
                _cleanup_free_ char *_text = change(before, (const char *const[]){ __VA_ARGS__, NULL }); \
                CHECK_STRING(_text, after);                                                              \
        } while (0)

static void test_changes(void) {
        CHECK_CHANGE("{}", "{\"Cmd\":[\"a\",\"b c\"]}", "CMD [\"a\", \"b c\"]");
        CHECK_CHANGE("{}", "{\"Cmd\":[\"/bin/sh\",\"-c\",\"echo $X\"]}", "cmd echo $X");
        CHECK_CHANGE("{\"Cmd\":[\"old\"]}", "{\"Entrypoint\":[\"e\"]}", "ENTRYPOINT [\"e\"]");
        CHECK_CHANGE("{}", "{\"Cmd\":[\"c\"],\"Entrypoint\":[\"e\"]}", "CMD [\"c\"]", "ENTRYPOINT [\"e\"]");
        CHECK_CHANGE("{\"Env\":[\"PATH=/bin\"]}",
                     "{\"Env\":[\"PATH=/usr/bin:/bin\",\"A=b c\",\"D=e\\\"f\",\"G=$\"]}",
                     "ENV PATH=/usr/bin:$PATH A=\"b c\" D='e\"f' G=$");
        CHECK_CHANGE("{}", "{\"Env\":[\"KEY=all of \\tthis\"]}", "ENV KEY all of \tthis");
        CHECK_CHANGE("{\"Env\":[\"A=1\"]}", "{\"Env\":[\"A=1\",\"B=1-2-z-\",\"C=\\\\\"]}",
                     "ENV B=${A}-${X:-2}-${A:+z}-${X:+y} C=\\\\");
        CHECK_CHANGE("{}",
                     "{\"ExposedPorts\":{\"53/udp\":{},\"80/tcp\":{},\"8000/tcp\":{},\"8001/tcp\":{}}}",
                     "EXPOSE 80 53/udp 8000-8001/tcp");
        CHECK_CHANGE("{\"Labels\":{\"a\":\"b\"}}", "{\"Labels\":{\"a\":\"c\",\"d e\":\"f\"}}",
                     "LABEL a=c \"d e\"=f");
        CHECK_CHANGE("{}", "{\"User\":\"me:you\"}", "USER me:you");
        CHECK_CHANGE("{}", "{\"Volumes\":{\"/a\":{},\"/b\":{},\"/c d\":{}}}", "VOLUME /a /b",
                     "VOLUME [\"/c d\"]");
        CHECK_CHANGE("{\"WorkingDir\":\"/x\"}", "{\"WorkingDir\":\"/x/y\"}", "WORKDIR y");
        CHECK_CHANGE("{}", "{\"WorkingDir\":\"/b\"}", "WORKDIR /a/../b/");
        CHECK_CHANGE("{}", "{\"StopSignal\":\"SIGUSR1\"}", "STOPSIGNAL SIGUSR1");
        CHECK_CHANGE("{}", "{\"OnBuild\":[\"RUN make\"]}", "ONBUILD RUN make");
        CHECK_CHANGE("{}",
                     "{\"Healthcheck\":{\"Interval\":5000000000,\"Retries\":3,\"Test\":[\"CMD-SHELL\","
                     "\"curl x\"]}}",
                     "HEALTHCHECK --interval=5s --retries=3 CMD curl x");
        CHECK_CHANGE("{}", "{\"Healthcheck\":{\"Test\":[\"CMD\",\"a\"]}}", "HEALTHCHECK CMD [\"a\"]");
        CHECK_CHANGE("{}", "{\"Healthcheck\":{\"Test\":[\"NONE\"]}}", "HEALTHCHECK NONE");
        static const char *const bad[] = {
                "RUN x",      "CMD",           "ENV",         "ENV A",         "ENV A=b C",
                "ENV A=\"b",  "ENV A=${B",     "EXPOSE x",    "EXPOSE 0",      "EXPOSE 70000",
                "EXPOSE 9-1", "STOPSIGNAL no", "HEALTHCHECK", "HEALTHCHECK x", "HEALTHCHECK --no=1 CMD x",
                "",           "USER \"\""
        };
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_free_ char *text = change("{}", (const char *const[]){ bad[i], NULL });
                if (!streq(text, "(InvalidArgument)"))
                        fprintf(stderr, "%s gives %s\n", bad[i], text);
                CHECK_STRING(text, "(InvalidArgument)");
        }
}

static void test_build(void) {
        _cleanup_(json_decrefp) json_t *document = NULL;
        ImageConfig config = { .user = (char *) "u",
                               .environment = (char *[]){ (char *) "X=y", NULL },
                               .labels = (char *[]){ (char *) "a=b", NULL } };
        LayerNote note = { .diff_id = B, .created = 1714979289000000, .created_by = "test" };

        CHECK(image_document_parse(CONFIG_TEXT, strlen(CONFIG_TEXT), &document, NULL) == 0);
        CHECK(image_document_set_config(document, &config, NULL) == 0);
        CHECK(image_document_add_layer(document, &note, NULL) == 0);
        _cleanup_free_ char *text = json_dumps(document, JSON_COMPACT);
        ImageRecord record;
        CHECK(image_config_parse(text, strlen(text), &record, NULL) == 0);
        CHECK(record.layers.n == 2 && record.history.n == 3);
        CHECK_STRING(record.config.user, "u");
        CHECK_STRING(record.config.command[0], "sh");
        CHECK(strv_contains(record.config.labels, "a=b") && strv_contains(record.config.labels, "k=v=w"));
        CHECK(strstr(text, "OnBuild") != NULL); /* what berth does not know is kept */
        object_done(&image_record_type, &record);
}

int main(void) {
        test_manifests();
        test_artifacts();
        test_limits();
        test_selection();
        test_config();
        test_changes();
        test_build();
        return TEST_RESULT();
}
