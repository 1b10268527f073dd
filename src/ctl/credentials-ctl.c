/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "auth-file.h"
#include "credential-helper.h"
#include "credentials-ctl.h"
#include "fd-util.h"
#include "log.h"
#include "reference.h"
#include "registries-conf.h"
#include "string-util.h"
#include "strv.h"

/* ---- finding ---- */

/* A helper that does not work (its keyring is locked, it is not installed here) must not keep anybody from public images. */
static int find_by_helper(const json_t *document, const char *registry, Credential *ret) {
        const char *helper = credential_helper_of(document, registry);
        _cleanup_error_ Error failure = {};

        if (!helper)
                return 0;
        int r = credential_helper_get(helper, registry, ret, &failure);
        if (r < 0)
                log_warning("going on without the login for %s: %s", registry, error_text(&failure));
        return r > 0;
}

static int find_in_file(const char *file, const char *registry, const char *repository, Credential *ret,
                        Error *error) {
        _cleanup_json_ json_t *document = NULL;

        int r = auth_file_load(file, &document, error);
        if (r < 0 || (r = find_by_helper(document, registry, ret)) > 0)
                return r;
        r = credentials_find(document, registry, repository, ret);
        if (r == -EBADMSG)
                return error_set(error, ERROR_INVALID, "%s: the entry for %s makes no sense", file,
                                 registry);
        return r < 0 ? error_set(error, ERROR_OUT_OF_MEMORY, "out of memory") : r;
}

/* The files to look at: the one that was named, or all. */
static int list_files(const char *file, char ***ret, Error *error) {
        int r = file ? strv_extend(ret, file) : auth_file_paths(ret);

        return r < 0 ? error_set(error, ERROR_OUT_OF_MEMORY, "out of memory") : 0;
}

int ctl_find_credential(const char *file, const char *registry, const char *repository, Credential *ret,
                        char **ret_file, Error *error) {
        _cleanup_strv_free_ char **files = NULL;

        *ret = (Credential){};
        int r = list_files(file, &files, error);
        if (r < 0)
                return r;
        STRV_FOREACH(candidate, files) {
                r = find_in_file(*candidate, registry, repository, ret, error);
                if (r > 0 && ret_file && !(*ret_file = strdup(*candidate))) {
                        credential_done(ret);
                        return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
                }
                if (r != 0)
                        return r;
        }
        return 0;
}

/* ---- passing on ---- */

/* key: what the entry is called in the document that goes to berthd. */
static int add_found(json_t *document, const char *key, const char *registry, const char *repository,
                     Error *error) {
        _cleanup_(credential_done) Credential found = {};

        int r = ctl_find_credential(NULL, registry, repository, &found, NULL, error);
        if (r > 0 && credentials_set(document, key, &found) < 0)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        return r;
}

static int add_mirror(json_t *document, const char *mirror, const char *repository, Error *error) {
        _cleanup_free_ char *registry = NULL, *path = NULL;

        int r = registry_prefix_parse(mirror, &registry, &path);
        if (r < 0)
                return error_set(error, ERROR_INVALID, "\"%s\" is no mirror", mirror);
        _cleanup_free_ char *below = isempty(path) ? strdup(repository) : string_join(path, "/", repository);
        return below ? add_found(document, mirror, registry, below, error)
                     : error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
}

static int collect(json_t *document, const char *registry, const char *repository, Error *error) {
        RegistriesConf conf = {};
        RegistryRule rule;

        int r = registries_conf_load("", &conf, error);
        if (r < 0)
                return r;
        registries_conf_find(&conf, registry, repository, &rule);
        r = add_found(document, registry, registry, repository, error);
        STRV_FOREACH(mirror, rule.mirrors) {
                if (r < 0)
                        break;
                r = add_mirror(document, *mirror, repository, error);
        }
        object_done(&registries_conf_type, &conf);
        return r;
}

static int append_document(sd_bus_message *m, const json_t *document, Error *error) {
        _cleanup_close_ int fd = credentials_to_fd(document, error);

        if (fd < 0)
                return fd;
        int r = sd_bus_message_append(m, "{sv}", "Credentials", "h", fd);
        return r < 0 ? error_set_errno(error, r, "cannot pass the credentials") : 0;
}

int ctl_append_registry_credentials(Ctl *ctl, sd_bus_message *m, const char *registry,
                                    const char *repository, Error *error) {
        credentials_protect_process();
        _cleanup_json_ json_t *document = json_object();
        if (!document)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        int r = collect(document, registry, strempty(repository), error);
        if (r < 0 || json_object_size(document) == 0)
                return r;
        if (ctl->host) {
                log_warning("going on without your login for %s, which can't be passed to %s (ssh %s "
                            "berthctl … works)",
                            registry, ctl->host, ctl->host);
                return 0;
        }
        return append_document(m, document, error);
}

int ctl_append_credentials(Ctl *ctl, sd_bus_message *m, const char *reference, Error *error) {
        _cleanup_(reference_done) Reference parsed = {};

        int r = reference_parse(reference, &parsed, error);
        return r < 0 ? r
                     : ctl_append_registry_credentials(ctl, m, parsed.registry, parsed.repository, error);
}

/* ---- storing ---- */

/* Docker leaves an empty entry in the file for what a helper keeps. */
typedef struct Change {
        const char *key;
        const Credential *credential;
        char *helper;
} Change;

/* "host[:port]" of a key: what helpers know. */
static char *key_host(const char *key) {
        return strndup(key, strcspn(key, "/"));
}

static int store_in_document(json_t *document, void *userdata, Error *error) {
        static const Credential elsewhere = {};
        _cleanup_free_ char *host = NULL;
        Change *change = userdata;

        if (!(host = key_host(change->key)))
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        const char *helper = strchr(change->key, '/') ? NULL : credential_helper_of(document, host);
        if (helper) {
                int r = credential_helper_store(helper, host, change->credential, error);
                if (r < 0)
                        return r;
                change->helper = strdup(helper);
        }
        if ((helper && !change->helper) ||
            credentials_set(document, change->key, helper ? &elsewhere : change->credential) < 0)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        return 1;
}

/* The file that a login goes to when none was named. */
static char *choose_file(const char *key, Error *error) {
        _cleanup_strv_free_ char **files = NULL;
        const char *named = getenv("REGISTRY_AUTH_FILE");

        if (!isempty(named))
                return strdup(named);
        if (list_files(NULL, &files, error) < 0)
                return NULL;
        STRV_FOREACH(file, files) {
                _cleanup_json_ json_t *document = NULL;
                if (auth_file_load(*file, &document, error) < 0)
                        return NULL;
                if (credentials_has(document, key))
                        return strdup(*file);
        }
        char *file = auth_file_docker();
        if (!file)
                error_set(error, ERROR_INVALID,
                          "nothing says where credentials are to be stored: $HOME is not set (use "
                          "--authfile)");
        return file;
}

int ctl_store_credential(const char *file, const char *key, const Credential *credential, char **ret_place,
                         Error *error) {
        _cleanup_free_ char *chosen = file ? strdup(file) : choose_file(key, error);
        Change change = { .key = key, .credential = credential };

        if (!chosen)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        int r = auth_file_change(chosen, store_in_document, &change, error);
        if (r >= 0) {
                *ret_place =
                        change.helper ? string_join("docker-credential-", change.helper) : TAKE_PTR(chosen);
                r = *ret_place ? 0 : error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        }
        free(change.helper);
        return r;
}

int ctl_list_logins(char ***ret) {
        _cleanup_strv_free_ char **files = NULL;
        _cleanup_error_ Error ignored = {};

        int r = list_files(NULL, &files, &ignored);
        STRV_FOREACH(file, files) {
                _cleanup_json_ json_t *document = NULL;
                const json_t *entry;
                const char *key;
                if (r < 0 || auth_file_load(*file, &document, &ignored) < 0)
                        continue;
                json_object_foreach(json_object_get(document, "auths"), key, entry)
                        if (r >= 0)
                                r = strv_consume(ret, credentials_key_scope(key));
        }
        return r;
}

/* ---- forgetting ---- */

static int erase_by_helper(const json_t *document, const char *key, Error *error) {
        _cleanup_free_ char *host = key_host(key);
        const char *helper = host && !strchr(key, '/') ? credential_helper_of(document, host) : NULL;

        return helper ? credential_helper_erase(helper, host, error) : 0;
}

typedef struct Erasure {
        const char *key; /* NULL: all */
        int n;
} Erasure;

static int erase_one(json_t *document, const char *key, Erasure *erasure, Error *error) {
        int by_helper = erase_by_helper(document, key, error);
        if (by_helper < 0)
                return by_helper;
        int r = credentials_set(document, key, NULL);
        if (r < 0)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        erasure->n += by_helper > 0 || r > 0;
        return r;
}

/* Whom a file, and the helpers that it names, have something for. */
static int list_keys(const json_t *document, char ***ret, Error *error) {
        const char *store = json_string_value(json_object_get(document, "credsStore"));
        const json_t *value;
        const char *key;
        int r = 0;

        if (!isempty(store) && (r = credential_helper_list(store, ret, error)) < 0)
                return r;
        json_object_foreach(json_object_get(document, "credHelpers"), key, value)
                if (r >= 0)
                        r = strv_extend(ret, key);
        json_object_foreach(json_object_get(document, "auths"), key, value)
                if (r >= 0)
                        r = strv_extend(ret, key);
        return r < 0 ? error_set(error, ERROR_OUT_OF_MEMORY, "out of memory") : 0;
}

static int erase_in_document(json_t *document, void *userdata, Error *error) {
        _cleanup_strv_free_ char **keys = NULL;
        Erasure *erasure = userdata;
        int changed = 0;

        if (erasure->key)
                return erase_one(document, erasure->key, erasure, error);
        int r = list_keys(document, &keys, error);
        STRV_FOREACH(key, keys) {
                _cleanup_free_ char *scope = credentials_key_scope(*key);
                if (r < 0)
                        break;
                r = scope ? erase_one(document, scope, erasure, error)
                          : error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
                changed |= r > 0;
        }
        return r < 0 ? r : changed;
}

int ctl_erase_credentials(const char *file, const char *key, Error *error) {
        _cleanup_strv_free_ char **files = NULL;
        Erasure erasure = { .key = key };

        int r = list_files(file, &files, error);
        if (r < 0)
                return r;
        STRV_FOREACH(candidate, files) {
                _cleanup_json_ json_t *document = NULL;
                /* What is not there is not made. */
                r = auth_file_load(*candidate, &document, error);
                if (r > 0)
                        r = auth_file_change(*candidate, erase_in_document, &erasure, error);
                if (r < 0)
                        return r;
        }
        return erasure.n;
}
