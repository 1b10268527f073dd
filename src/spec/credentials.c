/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <malloc.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base64.h"
#include "credentials.h"
#include "fd-util.h"
#include "string-util.h"

/* Docker's key for its own registry, which podman understands as well. */
#define DOCKER_HUB_KEY "https://index.docker.io/v1/"
#define DOCKER_HUB "docker.io"

/* What credential helpers call the user of an identity token. */
#define TOKEN_USER "<token>"

void credential_done(Credential *credential) {
        free(credential->username);
        erase_and_free(credential->password);
        erase_and_free(credential->identity_token);
        *credential = (Credential){};
}

/* ---- documents ---- */

static int check_document(const json_t *document, Error *error) {
        const json_t *auths = json_object_get(document, "auths"), *entry;
        const char *key;

        if (!json_is_object(document) || (auths && !json_is_object(auths) && !json_is_null(auths)))
                return error_set(error, ERROR_INVALID,
                                 "the credentials are not an object with an object \"auths\"");
        json_object_foreach((json_t *) auths, key, entry)
                if (!json_is_object(entry))
                        return error_set(error, ERROR_INVALID, "the credentials of \"%.200s\" are no object",
                                         key);
        return 0;
}

/* What is wrong with the text is told by its place only: the words there may be a password. */
int credentials_parse(const char *data, size_t size, json_t **ret, Error *error) {
        json_error_t where;

        if (size > CREDENTIALS_SIZE_MAX)
                return error_set(error, ERROR_LIMIT, "the credentials are larger than %d bytes",
                                 CREDENTIALS_SIZE_MAX);
        size_t blank = 0;
        while (blank < size && strchr(" \t\r\n", data[blank]) && data[blank] != 0)
                blank++;
        json_t *document = blank == size ? json_object() : json_loadb(data, size, 0, &where);
        if (!document && blank == size)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        if (!document)
                return error_set(error, ERROR_INVALID, "the credentials are not JSON (line %d, column %d)",
                                 where.line, where.column);
        int r = check_document(document, error);
        if (r < 0)
                json_decref(document);
        else
                *ret = document;
        return r;
}

int credentials_read_fd(int fd, json_t **ret, Error *error) {
        struct stat st;

        /* Whoever sent it must not be able to keep us waiting. */
        if (fstat(fd, &st) < 0)
                return error_set_errno(error, negative_errno(), "cannot read the credentials");
        if (!S_ISREG(st.st_mode))
                return error_set(error, ERROR_INVALID, "the credentials are not a file in memory");
        if (st.st_size > CREDENTIALS_SIZE_MAX)
                return error_set(error, ERROR_LIMIT, "the credentials are larger than %d bytes",
                                 CREDENTIALS_SIZE_MAX);
        size_t size = (size_t) st.st_size;
        char *data = malloc(size + 1);
        if (!data)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        ssize_t n = pread(fd, data, size, 0);
        int r = n < 0 ? error_set_errno(error, negative_errno(), "cannot read the credentials")
                      : credentials_parse(data, (size_t) n, ret, error);
        explicit_bzero(data, size);
        free(data);
        return r;
}

int credentials_to_fd(const json_t *document, Error *error) {
        _cleanup_erase_ char *text = json_dumps(document, JSON_COMPACT);

        if (!text)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        int fd = memfd_with_data("berth-credentials", text, strlen(text));
        return fd < 0 ? error_set_errno(error, fd, "cannot pass the credentials") : fd;
}

/* ---- keys ---- */

static bool is_docker_hub(const char *host) {
        static const char *const names[] = { DOCKER_HUB, "index.docker.io", "registry-1.docker.io" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (strcasecmp(host, names[i]) == 0)
                        return true;
        return false;
}

/* An URL's path says how the registry's API is reached, and not which repositories are meant. */
char *credentials_key_scope(const char *key) {
        const char *rest = startswith(key, "https://") ?: startswith(key, "http://");
        const char *start = rest ?: key;
        size_t host_length = strcspn(start, "/");
        const char *path = start + host_length;
        size_t path_length = rest ? 0 : strlen(path);

        while (path_length > 0 && path[path_length - 1] == '/')
                path_length--;
        if (path_length == 3 && (strncmp(path, "/v1", 3) == 0 || strncmp(path, "/v2", 3) == 0))
                path_length = 0;
        _cleanup_free_ char *host = strndup(start, host_length);
        return host ? format_string("%s%.*s", is_docker_hub(host) ? DOCKER_HUB : host, (int) path_length,
                                    path)
                    : NULL;
}

/* The scope is the name or a part of it that ends at a slash. */
static bool scope_covers(const char *scope, const char *name) {
        size_t n = strlen(scope);

        return n > 0 && strncasecmp(name, scope, n) == 0 && (name[n] == 0 || name[n] == '/');
}

/* ---- entries ---- */

int credential_take(char *username, char *password, Credential *ret) {
        Credential credential = { .username = username, .password = password };

        if (username && streq(username, TOKEN_USER)) {
                credential.identity_token = TAKE_PTR(credential.password);
                free(TAKE_PTR(credential.username));
        }
        if (isempty(credential.username) && isempty(credential.identity_token)) {
                credential_done(&credential);
                return 0;
        }
        *ret = credential;
        return 1;
}

/* "user:password" in base 64. Some programs pad it with NULs. */
static int read_auth(const char *auth, Credential *ret) {
        char *text;
        size_t size;

        int r = base64_decode(auth, &text, &size);
        if (r < 0)
                return r;
        while (size > 0 && text[size - 1] == 0)
                size--;
        char *colon = memchr(text, ':', size);
        char *username = colon ? strndup(text, (size_t) (colon - text)) : NULL;
        char *password = colon ? strdup(colon + 1) : NULL;
        if (!colon || strlen(text) != size)
                r = -EBADMSG;
        else if (!username || !password)
                r = -ENOMEM;
        explicit_bzero(text, size);
        free(text);
        if (r >= 0)
                return credential_take(username, password, ret);
        free(username);
        erase_and_free(password);
        return r;
}

static int read_plain(const json_t *entry, Credential *ret) {
        const char *username = json_string_value(json_object_get(entry, "username"));
        const char *password = json_string_value(json_object_get(entry, "password"));

        if (isempty(username))
                return 0;
        char *user = strdup(username), *secret = strdup(strempty(password));
        if (user && secret)
                return credential_take(user, secret, ret);
        free(user);
        erase_and_free(secret);
        return -ENOMEM;
}

/* Returns 1, 0 for an entry that says nothing (docker leaves such beside a helper's), or a negative errno. */
static int read_entry(const json_t *entry, Credential *ret) {
        const char *auth = json_string_value(json_object_get(entry, "auth"));
        const char *token = json_string_value(json_object_get(entry, "identitytoken"));
        Credential credential = {};

        int r = isempty(auth) ? read_plain(entry, &credential) : read_auth(auth, &credential);
        if (r >= 0 && !isempty(token)) {
                erase_and_free(credential.identity_token);
                credential.identity_token = strdup(token);
                r = credential.identity_token ? 1 : -ENOMEM;
        }
        if (r <= 0)
                credential_done(&credential);
        else
                *ret = credential;
        return r;
}

int credentials_find(const json_t *document, const char *registry, const char *repository, Credential *ret) {
        const json_t *auths = json_object_get(document, "auths"), *entry;
        _cleanup_free_ char *name = repository ? string_join(registry, "/", repository) : strdup(registry);
        size_t best = 0;
        const char *key;

        *ret = (Credential){};
        if (!name)
                return -ENOMEM;
        json_object_foreach((json_t *) auths, key, entry) {
                _cleanup_free_ char *scope = credentials_key_scope(key);
                Credential found;
                if (!scope)
                        return credential_done(ret), -ENOMEM;
                /* Of two keys that mean the same, the one that says just that counts. */
                size_t weight = 2 * strlen(scope) + streq(scope, key);
                if (weight <= best || !scope_covers(scope, name))
                        continue;
                int r = read_entry(entry, &found);
                if (r < 0)
                        return credential_done(ret), r;
                if (r == 0)
                        continue;
                credential_done(ret);
                *ret = found;
                best = weight;
        }
        return best > 0;
}

bool credentials_has(const json_t *document, const char *key) {
        const json_t *auths = json_object_get(document, "auths"), *entry;
        _cleanup_free_ char *scope = credentials_key_scope(key);
        const char *other_key;

        json_object_foreach((json_t *) auths, other_key, entry) {
                _cleanup_free_ char *other = credentials_key_scope(other_key);
                if (scope && other && strcasecmp(other, scope) == 0)
                        return true;
        }
        return false;
}

/* ---- changes ---- */

static json_t *new_entry(const Credential *credential) {
        _cleanup_erase_ char *pair =
                credential->username
                        ? string_join(credential->username, ":",
                                      credential->identity_token ? "" : strempty(credential->password))
                        : NULL;
        _cleanup_erase_ char *auth = pair ? base64_encode(pair, strlen(pair)) : NULL;

        if (credential->username && !auth)
                return NULL;
        return json_pack("{s:s*, s:s*}", "auth", auth, "identitytoken", credential->identity_token);
}

/* Removes what means the same as the scope. *ret_key: how the first of them was spelled (NULL: none). */
static int remove_scope(json_t *auths, const char *scope, char **ret_key) {
        _cleanup_free_ char *first = NULL;
        json_t *entry;
        const char *key;
        void *next;

        json_object_foreach_safe(auths, next, key, entry) {
                _cleanup_free_ char *other = credentials_key_scope(key);
                if (!other)
                        return -ENOMEM;
                if (strcasecmp(other, scope) != 0)
                        continue;
                if (!first && !(first = strdup(key)))
                        return -ENOMEM;
                json_object_del(auths, key);
        }
        *ret_key = TAKE_PTR(first);
        return 0;
}

int credentials_set(json_t *document, const char *key, const Credential *credential) {
        json_t *auths = json_object_get(document, "auths");
        _cleanup_free_ char *scope = credentials_key_scope(key), *spelled = NULL;

        if (!scope)
                return -ENOMEM;
        if (!json_is_object(auths)) {
                auths = json_object();
                if (!auths || json_object_set_new(document, "auths", auths) < 0)
                        return -ENOMEM;
        }
        int r = remove_scope(auths, scope, &spelled);
        if (r < 0)
                return r;
        if (!credential)
                return spelled != NULL;
        const char *target = spelled ?: streq(scope, DOCKER_HUB) ? DOCKER_HUB_KEY : scope;
        return json_object_set_new(auths, target, new_entry(credential)) < 0 ? -ENOMEM : spelled != NULL;
}

/* ---- processes ---- */

static void free_erased(void *p) {
        if (p)
                explicit_bzero(p, malloc_usable_size(p));
        free(p);
}

void credentials_protect_process(void) {
        const struct rlimit none = {};

        (void) prctl(PR_SET_DUMPABLE, 0);
        (void) setrlimit(RLIMIT_CORE, &none);
        json_set_alloc_funcs(malloc, free_erased);
}
