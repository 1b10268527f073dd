/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "container-name.h"
#include "container-secrets.h"
#include "fd-util.h"
#include "file-util.h"
#include "log.h"
#include "manager-secrets.h"
#include "string-util.h"
#include "strv.h"
#include "time-util.h"

#define SECRETS_DIRECTORY "secrets"
#define SECRET_FILE_MAX (1 * MIB)
#define CREATIONS_MAX 16

struct SecretCreation {
        Manager *manager;
        SecretSpec spec;
        SecretDone done;
        void *userdata;
        WorkerProcess *worker;
        TAILQ_ENTRY(SecretCreation) list;
};

static const Field secret_options_fields[] = {
        { "Labels", FIELD_MAP, offsetof(SecretOptions, labels), .max = 1000 },
        { "Replace", FIELD_BOOL, offsetof(SecretOptions, replace) },
        {},
};
const ObjectType secret_options_type = { "options", sizeof(SecretOptions), secret_options_fields };

static SecretSpec *find(Manager *m, const char *name) {
        for (size_t i = 0; i < m->secrets.n; i++)
                if (streq(LIST_ITEM(&m->secrets, SecretSpec, i)->name, name))
                        return LIST_ITEM(&m->secrets, SecretSpec, i);
        return NULL;
}

static int compare_names(const void *a, const void *b) {
        return strcmp(((const SecretSpec *) a)->name, ((const SecretSpec *) b)->name);
}

static void forget(Manager *m, SecretSpec *secret) {
        size_t i = secret - (SecretSpec *) m->secrets.items;

        object_done(&secret_spec_type, secret);
        m->secrets.n--;
        memmove(secret, secret + 1, (m->secrets.n - i) * sizeof(*secret));
}

/* Copies it, in place of one of the same name. */
static int remember(Manager *m, const SecretSpec *spec) {
        SecretSpec copy, *place = find(m, spec->name);

        int r = object_copy(&secret_spec_type, &copy, spec);
        if (r < 0)
                return r;
        if (place)
                object_done(&secret_spec_type, place);
        else if (!(place = list_append(&m->secrets, &secret_spec_type))) {
                object_done(&secret_spec_type, &copy);
                return -ENOMEM;
        }
        *place = copy;
        qsort(m->secrets.items, m->secrets.n, sizeof(SecretSpec), compare_names);
        return 0;
}

/* ---- on disk ---- */

static char *file_of(const char *name, const char *suffix) {
        return string_join(SECRETS_DIRECTORY "/", name, suffix);
}

static int load_one(Manager *m, const char *name) {
        _cleanup_free_ char *path = file_of(name, ".json");
        _cleanup_error_ Error error = {};
        SecretSpec spec;

        int r = path ? object_load_at(&secret_spec_type, &spec, m->state_fd, path, SECRET_FILE_MAX, &error)
                     : -ENOMEM;
        if (r < 0)
                return r == -ENOENT ? r
                                    : log_error_errno(r, "Failed to read %s: %s", path, error_text(&error));
        r = streq_ptr(spec.name, name) ? remember(m, &spec) : -EBADMSG;
        object_done(&secret_spec_type, &spec);
        return r;
}

static void delete_files(Manager *m, const char *name) {
        static const char *const suffixes[] = { ".json",
                                                ".cred" }; /* in this order: without the first it is gone */

        for (size_t i = 0; i < ELEMENTSOF(suffixes); i++) {
                _cleanup_free_ char *path = file_of(name, suffixes[i]);
                if (path && unlinkat(m->state_fd, path, 0) < 0 && errno != ENOENT)
                        log_warning_errno(negative_errno(), "Failed to delete %s: %m", path);
        }
}

int manager_load_secrets(Manager *m, Error *error) {
        _cleanup_strv_free_ char **entries = NULL;

        int r = list_directory_at(m->state_fd, SECRETS_DIRECTORY, &entries);
        if (r < 0 && r != -ENOENT)
                return error_set_errno(error, r, "cannot read " STATE_DIRECTORY "/" SECRETS_DIRECTORY);
        STRV_FOREACH(entry, entries) {
                const char *suffix = endswith(*entry, ".cred");
                if (startswith(*entry, ".tmp-")) {
                        _cleanup_free_ char *path = file_of(*entry, "");
                        (void) (path && unlinkat(m->state_fd, path, 0));
                        continue;
                }
                _cleanup_free_ char *name = suffix ? strndup(*entry, suffix - *entry) : NULL;
                if (name && load_one(m, name) == -ENOENT)
                        delete_files(m, name);
        }
        return 0;
}

void manager_free_secrets(Manager *m) {
        SecretCreation *creation;

        while ((creation = TAILQ_FIRST(&m->secret_creations))) {
                TAILQ_REMOVE(&m->secret_creations, creation, list);
                (void) worker_abandon(creation->worker);
                object_done(&secret_spec_type, &creation->spec);
                free(creation);
        }
        list_done(&m->secrets, &secret_spec_type);
}

/* ---- creating ---- */

static void on_worker_ended(const Error *why, void *userdata) {
        SecretCreation *creation = userdata;
        Manager *m = creation->manager;

        TAILQ_REMOVE(&m->secret_creations, creation, list);
        /* The worker has written the size, and that is in the file. */
        if (!why && load_one(m, creation->spec.name) >= 0)
                m->hooks->event(m, "secret", "create", creation->spec.name, NULL);
        creation->done(why, creation->userdata);
        object_done(&secret_spec_type, &creation->spec);
        free(creation);
}

static const WorkerHooks worker_hooks = { .ended = on_worker_ended };

static int check_new(Manager *m, const char *name, bool replace, Error *error) {
        SecretCreation *creation;
        size_t n = 0;

        if (!secret_name_is_valid(name))
                return error_set(
                        error, ERROR_INVALID,
                        "\"%s\" can't be the name of a secret: letters, digits, \"_\", \".\" and \"-\" are, "
                        "at most %d, beginning with a letter or digit",
                        name, SECRET_NAME_MAX);
        if (find(m, name) && !replace)
                return error_set(error, ERROR_NAME_TAKEN,
                                 "there is a secret \"%s\" already (--replace gives it another content)",
                                 name);
        if (!find(m, name) && m->secrets.n >= SECRETS_MAX)
                return error_set(error, ERROR_LIMIT, "there are %d secrets already", SECRETS_MAX);
        TAILQ_FOREACH(creation, &m->secret_creations, list) {
                if (streq(creation->spec.name, name))
                        return error_set(error, ERROR_IN_USE, "the secret \"%s\" is just being made", name);
                n++;
        }
        return n < CREATIONS_MAX ? 0 : error_set(error, ERROR_LIMIT, "too many secrets are just being made");
}

static int begin_worker(SecretCreation *creation, int content, Error *error) {
        WorkerRequest request;

        object_init(&worker_request_type, &request);
        int r = free_and_strdup(&request.verb, "encrypt-secret");
        if (r >= 0)
                r = free_and_strdup(&request.state_directory, STATE_DIRECTORY);
        if (r >= 0)
                r = object_copy(&secret_spec_type, &request.secret, &creation->spec);
        r = r < 0 ? error_set_errno(error, r, "cannot make a secret")
                  : worker_start(creation->manager->event, &request, &content, 1, &worker_hooks, creation,
                                 &creation->worker, error);
        object_done(&worker_request_type, &request);
        return r;
}

int manager_create_secret(Manager *m, const char *name, int content, const SecretOptions *options,
                          SecretDone done, void *userdata, Error *error) {
        int r = check_new(m, name, options->replace, error);
        if (r < 0)
                return r;
        SecretCreation *creation = new0(SecretCreation, 1);
        if (!creation)
                return error_set_errno(error, -ENOMEM, "cannot make a secret");
        *creation = (SecretCreation){ .manager = m, .done = done, .userdata = userdata };
        creation->spec.created = realtime_usec();
        if ((r = container_id_make(&creation->spec.id)) < 0 ||
            (r = free_and_strdup(&creation->spec.name, name)) < 0 ||
            (r = strv_copy_into(options->labels, &creation->spec.labels)) < 0)
                error_set_errno(error, r, "cannot make a secret");
        else
                r = begin_worker(creation, content, error);
        if (r < 0) {
                object_done(&secret_spec_type, &creation->spec);
                free(creation);
                return r;
        }
        TAILQ_INSERT_TAIL(&m->secret_creations, creation, list);
        return 0;
}

/* ---- what there is ---- */

int manager_find_secret(Manager *m, const char *name, const SecretSpec **ret, Error *error) {
        *ret = find(m, name);
        return *ret ? 0 : error_set(error, ERROR_NO_SUCH_SECRET, "there is no secret \"%s\"", name);
}

static bool is_given(const ContainerSpec *spec, const char *name) {
        for (size_t i = 0; i < spec->secrets.n; i++)
                if (streq(LIST_ITEM(&spec->secrets, SecretAttachment, i)->secret, name))
                        return true;
        return false;
}

int manager_secret_users(Manager *m, const char *name, char ***ret) {
        _cleanup_strv_free_ char **users = NULL;
        int r = 0;

        for (Container *c = m->containers_by_id; c && r >= 0; c = c->by_id.next)
                if (is_given(&c->spec, name))
                        r = strv_extend(&users, c->spec.name);
        if (r >= 0)
                *ret = TAKE_PTR(users);
        return r;
}

int manager_remove_secret(Manager *m, const char *name, Error *error) {
        _cleanup_strv_free_ char **users = NULL;
        SecretSpec *secret = find(m, name);

        if (!secret)
                return error_set(error, ERROR_NO_SUCH_SECRET, "there is no secret \"%s\"", name);
        int r = manager_secret_users(m, name, &users);
        if (r < 0)
                return error_set_errno(error, r, "cannot remove the secret \"%s\"", name);
        if (users)
                return error_set(error, ERROR_IN_USE, "the secret \"%s\" is used by container \"%s\"", name,
                                 users[0]);
        delete_files(m, secret->name);
        m->hooks->event(m, "secret", "remove", name, NULL);
        forget(m, secret);
        return 0;
}

int manager_check_secrets(Manager *m, const ContainerSpec *spec, Error *error) {
        const SecretSpec *secret;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < spec->secrets.n; i++)
                r = manager_find_secret(m, LIST_ITEM(&spec->secrets, SecretAttachment, i)->secret, &secret,
                                        error);
        return r < 0 ? r : container_check_secrets(spec, error);
}
