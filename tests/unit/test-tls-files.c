/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdlib.h>

#include "file-util.h"
#include "string-util.h"
#include "test.h"
#include "tls-files.h"

static char root[] = "/tmp/test-tls-files.XXXXXX";

static void write_at(const char *path, const char *text) {
        _cleanup_free_ char *full = string_join(root, path), *folder = strdup(full);

        *strrchr(folder, '/') = 0;
        CHECK(mkdir_parents_at(AT_FDCWD, folder, 0700) == 0);
        CHECK(write_file_atomic_at(AT_FDCWD, full, text, strlen(text), 0600, 0) == 0);
}

static int load(const char *name, const char *other, TlsFiles *ret, Error *error) {
        const char *const names[] = { name, other };

        return tls_files_load(root, names, ELEMENTSOF(names), ret, error);
}

static void test_nothing(void) {
        static const char *const names[] = { "none.example", "..", "../certs.d", "", ".", "a/b" };
        _cleanup_error_ Error error = {};

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                _cleanup_(tls_files_done) TlsFiles files = {};
                CHECK(load(names[i], NULL, &files, &error) == 0);
                CHECK(!files.authorities && !files.certificate && !files.key);
        }
}

static void test_folder(void) {
        _cleanup_(tls_files_done) TlsFiles files = {}, other = {};
        _cleanup_error_ Error error = {};
        _cleanup_free_ char *certificate =
                string_join(root, CONFIG_DIRECTORY "/certs.d/a.example:5000/m.cert");
        _cleanup_free_ char *key = string_join(root, CONFIG_DIRECTORY "/certs.d/a.example:5000/m.key");

        CHECK(load("a.example:5000", NULL, &files, &error) == 0);
        CHECK(strstr(files.authorities, "authority-1\n") && strstr(files.authorities, "authority-2\n"));
        CHECK(!strstr(files.authorities, "not this"));
        CHECK(files.authorities_size == strlen(files.authorities));
        CHECK_STRING(files.certificate, certificate);
        CHECK_STRING(files.key, key);

        /* Docker's folder is of no interest where there is one of our own; the first name that has one counts. */
        CHECK(load(NULL, "b.example", &other, &error) == 0);
        CHECK(!other.authorities);
        tls_files_done(&other);
        CHECK(load("no.example", "c.example", &other, &error) == 0);
        CHECK(strstr(strempty(other.authorities), "docker's\n"));
}

static void test_halves(void) {
        static const struct {
                const char *host, *error;
        } cases[] = {
                { "d.example", "/d.example/x.cert has no x.key beside it: a client certificate is both" },
                { "e.example", "/e.example/x.key has no x.cert beside it: a client certificate is both" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(tls_files_done) TlsFiles files = {};
                _cleanup_error_ Error error = {};
                CHECK(load(cases[i].host, NULL, &files, &error) < 0);
                CHECK(error.kind == ERROR_INVALID && strstr(strempty(error.message), cases[i].error));
        }
}

int main(void) {
        if (!mkdtemp(root))
                return 1;
        write_at(CONFIG_DIRECTORY "/certs.d/a.example:5000/1.crt", "authority-1");
        write_at(CONFIG_DIRECTORY "/certs.d/a.example:5000/2.crt", "authority-2");
        write_at(CONFIG_DIRECTORY "/certs.d/a.example:5000/readme", "not this");
        write_at(CONFIG_DIRECTORY "/certs.d/a.example:5000/z.cert", "");
        write_at(CONFIG_DIRECTORY "/certs.d/a.example:5000/z.key", "");
        write_at(CONFIG_DIRECTORY "/certs.d/a.example:5000/m.cert", "");
        write_at(CONFIG_DIRECTORY "/certs.d/a.example:5000/m.key", "");
        write_at(CONFIG_DIRECTORY "/certs.d/b.example/empty", "");
        write_at("/etc/docker/certs.d/b.example/ca.crt", "docker's");
        write_at("/etc/docker/certs.d/c.example/ca.crt", "docker's");
        write_at("/etc/containers/certs.d/d.example/x.cert", "");
        write_at("/etc/containers/certs.d/e.example/x.key", "");
        test_nothing();
        test_folder();
        test_halves();
        CHECK(remove_tree_at(AT_FDCWD, root) == 0);
        return TEST_RESULT();
}
