/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth-file.h"
#include "credential-helper.h"
#include "file-util.h"
#include "json-util.h"
#include "string-util.h"
#include "strv.h"
#include "test.h"

static void set_environment(const char *file, const char *runtime, const char *config, const char *docker,
                            const char *home) {
        const char *const values[][2] = {
                { "REGISTRY_AUTH_FILE", file },
                { "XDG_RUNTIME_DIR", runtime },
                { "XDG_CONFIG_HOME", config },
                { "DOCKER_CONFIG", docker },
                { "HOME", home },
        };

        for (size_t i = 0; i < ELEMENTSOF(values); i++)
                if (values[i][1])
                        setenv(values[i][0], values[i][1], true);
                else
                        unsetenv(values[i][0]);
}

static void check_paths(const char *expected) {
        _cleanup_strv_free_ char **paths = NULL;

        CHECK(auth_file_paths(&paths) == 0);
        _cleanup_free_ char *joined = strv_isempty(paths) ? strdup("") : strv_join(paths, " ");
        CHECK_STRING(joined, expected);
}

static void test_paths(void) {
        set_environment("/a/file", "/run/user/1", "/x", "/d", "/home/u");
        check_paths("/a/file /run/user/1/containers/auth.json /x/containers/auth.json /d/config.json");
        set_environment(NULL, "", NULL, "", "/home/u/");
        check_paths("/home/u/.config/containers/auth.json /home/u/.docker/config.json");
        set_environment(NULL, NULL, NULL, NULL, NULL);
        check_paths("");
        CHECK(!auth_file_docker());
}

static void test_helper_of(void) {
        static const struct {
                const char *text, *registry, *helper;
        } cases[] = {
                { "{}", "h", "" },
                { "{\"credsStore\": \"all\"}", "h", "all" },
                { "{\"credsStore\": \"\"}", "h", "" },
                { "{\"credsStore\": 5, \"credHelpers\": []}", "h", "" },
                { "{\"credsStore\": \"all\", \"credHelpers\": {\"h\": \"one\"}}", "h", "one" },
                { "{\"credsStore\": \"all\", \"credHelpers\": {\"h\": \"one\"}}", "h:5000", "all" },
                { "{\"credsStore\": \"all\", \"credHelpers\": {\"h\": \"\"}}", "h", "all" },
                { "{\"credHelpers\": {\"https://index.docker.io/v1/\": \"hub\"}}", "docker.io", "hub" },
                { "{\"credHelpers\": {\"https://h\": \"one\"}}", "h", "one" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_json_ json_t *document = json_loads(cases[i].text, 0, NULL);
                CHECK_STRING(strempty(credential_helper_of(document, cases[i].registry)), cases[i].helper);
        }
}

static int add_member(json_t *document, void *userdata, Error *error) {
        return json_object_set_new(document, userdata, json_true()) < 0 ? -ENOMEM : 1;
}

static int change_nothing(json_t *document, void *userdata, Error *error) {
        json_object_clear(document);
        return 0;
}

static int refuse(json_t *document, void *userdata, Error *error) {
        return error_set(error, ERROR_FAILED, "no");
}

static void test_change(const char *folder) {
        _cleanup_free_ char *path = string_join(folder, "/new/folder/auth.json"), *text = NULL;
        _cleanup_free_ char *stale = string_join(folder, "/new/folder/.tmp-0123456789abcdef");
        _cleanup_free_ char *other = string_join(folder, "/new/folder/.tmp-of-somebody-else");
        _cleanup_free_ char *readable = string_join(folder, "/new/folder/.tmp-fedcba9876543210");
        _cleanup_error_ Error error = {}, invalid = {};
        _cleanup_json_ json_t *none = NULL;
        struct stat st;

        CHECK(auth_file_load(path, &none, &error) == 0 && json_object_size(none) == 0);
        CHECK(auth_file_change(path, add_member, (void *) "one", &error) == 1);
        CHECK(stat(path, &st) == 0 && (st.st_mode & 07777) == 0600);
        CHECK(write_file_atomic_at(AT_FDCWD, stale, "x", 1, 0600, 0) == 0);
        CHECK(write_file_atomic_at(AT_FDCWD, other, "x", 1, 0600, 0) == 0);
        CHECK(write_file_atomic_at(AT_FDCWD, readable, "x", 1, 0644, 0) == 0);
        CHECK(auth_file_change(path, add_member, (void *) "two", &error) == 1);
        CHECK(access(stale, F_OK) < 0 && access(other, F_OK) == 0 && access(readable, F_OK) == 0);
        CHECK(auth_file_change(path, change_nothing, NULL, &error) == 0);
        CHECK(auth_file_change(path, refuse, NULL, &error) < 0 && error.kind == ERROR_FAILED);
        CHECK(read_file_at(AT_FDCWD, path, 1000, &text, NULL) == 0);
        CHECK_STRING(text, "{\n        \"one\": true,\n        \"two\": true\n}\n");

        /* What can't be read is not replaced. */
        CHECK(write_file_atomic_at(AT_FDCWD, path, "{", 1, 0600, 0) == 0);
        CHECK(auth_file_change(path, add_member, (void *) "three", &invalid) < 0);
        CHECK(invalid.kind == ERROR_INVALID && startswith(invalid.message, path));
}

int main(void) {
        char folder[] = "/tmp/test-auth-file-XXXXXX";

        test_paths();
        test_helper_of();
        CHECK(mkdtemp(folder));
        test_change(folder);
        CHECK(remove_tree_at(AT_FDCWD, folder) == 0);
        return TEST_RESULT();
}
