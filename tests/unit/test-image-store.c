/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#include "fd-util.h"
#include "file-util.h"
#include "image-store.h"
#include "string-util.h"
#include "strv.h"
#include "test.h"

static char directory[] = "/var/tmp/test-image-store-XXXXXX";
static int state_fd;

#define D(c) "sha256:" c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c
#define HEX(digest) ((digest) + 7)

/* A record of two layers, as a worker would leave it: the first layer is the same for all. */
static void add_record(const char *digest, const char *id, const char *layer) {
        _cleanup_free_ char *path = format_string("images/%s.json", HEX(digest));
        ImageLayer layers[] = { { .digest = (char *) D("0a"), .diff_id = (char *) D("0b"), .size = 1 },
                                { .digest = (char *) layer, .diff_id = (char *) layer, .size = 2 } };
        ImageRecord record = {
                .digest = (char *) digest,
                .id = (char *) id,
                .media_type = (char *) "application/vnd.oci.image.manifest.v1+json",
                .manifest_size = 123,
                .architecture = (char *) "amd64",
                .os = (char *) "linux",
                .layers = { layers, 2 },
        };

        CHECK(object_save_at(&image_record_type, &record, state_fd, path, false) == 0);
        const char *blobs[] = { digest, id, D("0a"), layer };
        for (size_t i = 0; i < ELEMENTSOF(blobs); i++) {
                _cleanup_free_ char *blob = string_join("blobs/sha256/", HEX(blobs[i]));
                CHECK(write_file_atomic_at(state_fd, blob, "x", 1, 0600, 0) == 0);
        }
        _cleanup_free_ char *folder = string_join("layers/", HEX(layer));
        CHECK(mkdir_parents_at(state_fd, folder, 0755) == 0);
        CHECK(mkdir_parents_at(state_fd,
                               "layers/0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
                               0755) == 0);
}

static const char *find(ImageStore *store, const char *text, ErrorKind *ret_kind) {
        _cleanup_error_ Error error = {};
        Image *image = NULL;

        (void) image_store_find(store, text, &image, &error);
        if (ret_kind)
                *ret_kind = error.kind;
        return image ? image->record.digest : "none";
}

static void add(ImageStore *store, const char *digest, char **names) {
        Image *image;

        CHECK(image_store_add(store, digest, names, &image, NULL, NULL) == 0);
        CHECK_STRING(image->record.digest, digest);
}
#define NAMES(...) ((char **) (const char *[]){ __VA_ARGS__, NULL })

#define X "docker.io/library/x:latest"
#define Y "docker.io/library/y:1"

static void test_names(ImageStore *store) {
        _cleanup_strv_free_ char **untagged = NULL;
        _cleanup_error_ Error error = {};
        Image *image;

        add(store, D("11"), NAMES(X, Y));
        add(store, D("12"), NULL);
        CHECK_STRING(find(store, "x", NULL), D("11"));
        CHECK_STRING(find(store, "docker.io/library/y:1", NULL), D("11"));
        CHECK(strv_length(image_store_by_digest(store, D("11"))->names) == 2);
        CHECK(image_store_by_digest(store, D("12"))->names == NULL);
        /* a name moves to another image */
        CHECK(image_store_add(store, D("12"), NAMES(X), &image, &untagged, NULL) == 0);
        CHECK(strv_length(untagged) == 1);
        CHECK_STRING(untagged[0], D("11"));
        CHECK_STRING(find(store, "x", NULL), D("12"));
        CHECK(image_store_tag(store, image, "docker.io/library/z:2", NULL) == 0);
        CHECK_STRING(find(store, "z:2", NULL), D("12"));
        CHECK(image_store_untag(store, "docker.io/library/z:2", NULL) == 0);
        CHECK(image_store_untag(store, "docker.io/library/z:2", &error) < 0 &&
              error.kind == ERROR_NO_SUCH_IMAGE);
        CHECK_STRING(find(store, "z:2", NULL), "none");
        /* no record, no image */
        _cleanup_error_ Error error2 = {};
        CHECK(image_store_add(store, D("99"), NAMES(X), NULL, NULL, &error2) < 0 &&
              error2.kind == ERROR_NO_SUCH_IMAGE);
        CHECK_STRING(find(store, "x", NULL), D("12"));
}

static void test_finding(ImageStore *store) {
        ErrorKind kind;

        add(store, D("1f"), NULL);
        CHECK_STRING(find(store, D("11"), NULL), D("11"));
        CHECK_STRING(find(store, "1111", NULL), D("11"));
        CHECK_STRING(find(store, "sha256:1111", NULL), D("11"));
        CHECK_STRING(find(store, D("21"), NULL), D("11")); /* by the config's digest */
        CHECK_STRING(find(store, "2121", NULL), D("11"));
        CHECK_STRING(find(store, "x@" D("12"), NULL), D("12"));
        CHECK_STRING(find(store, "x:tag@" D("77"), &kind), "none");
        CHECK(kind == ERROR_NO_SUCH_IMAGE);
        CHECK_STRING(find(store, "1f1", &kind), "none"); /* too short, and no such name */
        CHECK_STRING(find(store, "7777", &kind), "none");
        CHECK(kind == ERROR_NO_SUCH_IMAGE);
        CHECK_STRING(find(store, "UPPER", &kind), "none");
        CHECK(kind == ERROR_INVALID);
        /* a name comes before a prefix */
        CHECK(image_store_tag(store, image_store_by_digest(store, D("12")), "docker.io/library/1111:latest",
                              NULL) == 0);
        CHECK_STRING(find(store, "1111", NULL), D("12"));
        CHECK(image_store_untag(store, "docker.io/library/1111:latest", NULL) == 0);
        /* several */
        add(store, "sha256:1111000000000000000000000000000000000000000000000000000000000000", NULL);
        CHECK_STRING(find(store, "1111", &kind), "none");
        CHECK(kind == ERROR_AMBIGUOUS);
        CHECK_STRING(find(store, "11111", NULL), D("11"));
}

static void test_index_is_oci(void) {
        _cleanup_free_ char *text = NULL, *layout = NULL;
        unsigned named = 0, all;

        CHECK(read_file_at(state_fd, "index.json", MIB, &text, NULL) == 0);
        CHECK(read_file_at(state_fd, "oci-layout", MIB, &layout, NULL) == 0);
        CHECK(strstr(layout, "\"imageLayoutVersion\":\"1.0.0\"") != NULL);
        json_t *json = json_loads(text, 0, NULL), *entry;
        size_t i;
        all = json_array_size(json_object_get(json, "manifests"));
        json_array_foreach(json_object_get(json, "manifests"), i, entry) {
                CHECK(json_integer_value(json_object_get(entry, "size")) == 123);
                CHECK(json_string_value(json_object_get(entry, "mediaType")) != NULL);
                const char *name = json_string_value(json_object_get(json_object_get(entry, "annotations"),
                                                                     "org.opencontainers.image.ref.name"));
                named += name != NULL;
        }
        CHECK(named == 2 && all == 4); /* x, y; two without a name */
        json_decref(json);
}

static void test_garbage(ImageStore *store) {
        Image *image = image_store_by_digest(store, D("11"));
        ImageGarbage garbage = {};

        CHECK(image_store_garbage_of(store, &image->record, &garbage) == 0);
        CHECK(strv_length(garbage.records) == 1 && strv_contains(garbage.records, HEX(D("11"))));
        CHECK(strv_length(garbage.layers) == 1 && strv_contains(garbage.layers, HEX(D("31"))));
        CHECK(strv_length(garbage.blobs) == 3); /* manifest, config, its own layer; the common one stays */
        image_garbage_done(&garbage);

        CHECK(image_store_remove(store, image, NULL) == 0);
        CHECK_STRING(find(store, "y:1", NULL), "none");
}

static void test_reopening(void) {
        _cleanup_(image_store_closep) ImageStore *store = NULL, *second = NULL;
        _cleanup_error_ Error error = {};
        _cleanup_strv_free_ char **lower = NULL;

        CHECK(image_store_open(directory, &store, NULL) == 0);
        CHECK(image_store_open(directory, &second, &error) < 0 && error.kind == ERROR_IN_USE);
        CHECK(image_store_count(store) == 3);
        CHECK_STRING(find(store, "x", NULL), D("12"));
        CHECK(image_store_lower(store, &image_store_by_digest(store, D("12"))->record, &lower) == 0);
        _cleanup_free_ char *top = format_string("%s/layers/%s/fs", directory, HEX(D("32")));
        CHECK(strv_length(lower) == 2);
        CHECK_STRING(lower[0], top);
}

/* A damaged record costs one image, a damaged index the names; both are kept for people to look at. */
static void test_damage(void) {
        _cleanup_(image_store_closep) ImageStore *store = NULL, *again = NULL;
        _cleanup_free_ char *path = format_string("images/%s.json", HEX(D("12")));
        _cleanup_free_ char *aside = string_join(path, ".corrupt");

        CHECK(write_file_atomic_at(state_fd, path, "{half", 5, 0600, 0) == 0);
        CHECK(image_store_open(directory, &store, NULL) == 0);
        CHECK(image_store_count(store) == 2);
        CHECK(faccessat(state_fd, aside, F_OK, 0) == 0);
        store = image_store_close(store);

        CHECK(write_file_atomic_at(state_fd, "index.json", "{", 1, 0600, 0) == 0);
        CHECK(image_store_open(directory, &again, NULL) == 0);
        CHECK(faccessat(state_fd, "index.json.corrupt", F_OK, 0) == 0);
        CHECK(image_store_count(again) == 3); /* and the one that was removed, but not pruned yet */
        CHECK_STRING(find(again, D("1f"), NULL), D("1f"));
}

/* A record that is gone does not cost the name: both come back with the record. */
static void test_lost_record(void) {
        _cleanup_(image_store_closep) ImageStore *store = NULL, *again = NULL;
        _cleanup_free_ char *path = format_string("images/%s.json", HEX(D("1f")));

        CHECK(image_store_open(directory, &store, NULL) == 0);
        add(store, D("1f"), NAMES("docker.io/library/lost:latest"));
        store = image_store_close(store);
        CHECK(unlinkat(state_fd, path, 0) == 0);
        CHECK(image_store_open(directory, &store, NULL) == 0);
        CHECK_STRING(find(store, "lost", NULL), "none");
        CHECK(image_store_save(store, NULL) == 0);
        store = image_store_close(store);

        add_record(D("1f"), D("2f"), D("3f"));
        CHECK(image_store_open(directory, &again, NULL) == 0);
        CHECK_STRING(find(again, "lost", NULL), D("1f"));
}

static void write_version(const char *text) {
        CHECK(write_file_atomic_at(state_fd, "store.json", text, strlen(text), 0600, 0) == 0);
}

/* One of the first berth has no version; all that was in it is still there. */
static void test_version(void) {
        _cleanup_(image_store_closep) ImageStore *store = NULL, *newer = NULL, *damaged = NULL;
        _cleanup_error_ Error refused = {}, corrupt = {};
        _cleanup_free_ char *text = NULL;
        struct stat st;
        size_t n;

        CHECK(unlinkat(state_fd, "store.json", 0) == 0);
        CHECK(fchmodat(state_fd, "images", 0755, 0) == 0);
        CHECK(image_store_open(directory, &store, NULL) == 0);
        n = image_store_count(store);
        CHECK(n > 0);
        CHECK(read_file_at(state_fd, "store.json", MIB, &text, NULL) == 0);
        CHECK(strstr(text, "\"Version\":1") != NULL);
        CHECK(fstatat(state_fd, "images", &st, 0) == 0 && (st.st_mode & 07777) == 0700);
        store = image_store_close(store);

        write_version("{\"Version\": 1000}");
        CHECK(image_store_open(directory, &newer, &refused) < 0 && refused.kind == ERROR_UNSUPPORTED);
        CHECK(strstr(refused.message, "newer") != NULL);
        write_version("{\"Version\": ");
        CHECK(image_store_open(directory, &damaged, &corrupt) < 0 && corrupt.kind == ERROR_CORRUPT);
        write_version("{\"Version\": 1}");
        CHECK(image_store_open(directory, &store, NULL) == 0);
        CHECK(image_store_count(store) == n);
}

/* Its images are kept, though index.json does not have them. */
static void test_index(void) {
        _cleanup_(image_store_closep) ImageStore *store = NULL;
        _cleanup_free_ char *path = format_string("images/%s.json", HEX(D("51")));
        ImageDescriptor entry = { .digest = (char *) D("52") };
        ImageRecord record = { .digest = (char *) D("51"),
                               .id = (char *) D("51"),
                               .kind = IMAGE_INDEX,
                               .manifests = { &entry, 1 } };
        ImageGarbage garbage = {};
        Image *found = NULL;

        add_record(D("52"), D("53"), D("54"));
        CHECK(object_save_at(&image_record_type, &record, state_fd, path, false) == 0);
        CHECK(image_store_open(directory, &store, NULL) == 0);
        add(store, D("51"), NAMES("docker.io/library/multi:latest"));
        CHECK(!image_store_by_digest(store, D("52")));
        store = image_store_close(store);

        CHECK(image_store_open(directory, &store, NULL) == 0);
        Image *child = image_store_by_digest(store, D("52"));
        CHECK(child != NULL);
        CHECK(image_store_index_has(store, D("52"), &found) && found != NULL);
        CHECK(!image_store_index_has(store, D("51"), NULL));
        CHECK(child && image_store_garbage_of(store, &child->record, &garbage) == 0);
        CHECK(!garbage.blobs && !garbage.layers && !garbage.records);
        image_garbage_done(&garbage);
        CHECK(found && image_store_garbage_of(store, &found->record, &garbage) == 0);
        CHECK(strv_length(garbage.blobs) == 1 && !garbage.layers && strv_length(garbage.records) == 1);
        image_garbage_done(&garbage);
}

static void test_last_use(void) {
        _cleanup_(image_store_closep) ImageStore *store = NULL;
        const struct timespec old[2] = { { 1000, 0 }, { 1000, 0 } };
        _cleanup_free_ char *path = format_string("images/%s.json", HEX(D("1f")));

        CHECK(image_store_open(directory, &store, NULL) == 0);
        Image *image = image_store_by_digest(store, D("1f"));
        CHECK(utimensat(state_fd, path, old, 0) == 0);
        CHECK(image_store_last_used(store, image) == UINT64_C(1000) * 1000000);
        image_store_touch(store, image);
        CHECK(image_store_last_used(store, image) > UINT64_C(1700000000) * 1000000);
}

static void test_removing_several(void) {
        _cleanup_(image_store_closep) ImageStore *store = NULL;

        CHECK(image_store_open(directory, &store, NULL) == 0);
        size_t n = image_store_count(store);
        Image *images[] = { image_store_at(store, 0), image_store_by_digest(store, D("51")) };
        CHECK(n > 2 && image_store_remove_all(store, images, 2, NULL) == 0);
        CHECK(image_store_count(store) == n - 2);
        CHECK_STRING(find(store, "multi", NULL), "none");
        store = image_store_close(store);
        CHECK(image_store_open(directory, &store, NULL) == 0);
        CHECK_STRING(find(store, "multi", NULL), "none");
}

int main(void) {
        ImageStore *store;

        (void) setenv("BERTH_LOG_LEVEL", "3", 1);
        if (!mkdtemp(directory))
                return 77;
        state_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CHECK(image_store_open(directory, &store, NULL) == 0);
        add_record(D("11"), D("21"), D("31"));
        add_record(D("12"), D("22"), D("32"));
        add_record(D("1f"), D("2f"), D("3f"));
        add_record("sha256:1111000000000000000000000000000000000000000000000000000000000000", D("2e"),
                   D("3e"));
        test_names(store);
        test_finding(store);
        test_index_is_oci();
        test_garbage(store);
        image_store_close(store);
        test_reopening();
        test_damage();
        test_lost_record();
        test_version();
        test_index();
        test_last_use();
        test_removing_several();
        safe_close(state_fd);
        CHECK(remove_tree_at(AT_FDCWD, directory) == 0);
        return TEST_RESULT();
}
