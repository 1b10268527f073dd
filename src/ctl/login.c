/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "auth-file.h"
#include "credentials-ctl.h"
#include "fd-util.h"
#include "job-watch.h"
#include "reference.h"
#include "registries-conf.h"
#include "secret-prompt.h"
#include "string-util.h"
#include "verbs-ctl.h"

#define PASSWORD_MAX (64 * 1024)
#define DOCKER_HUB "docker.io"

/* ---- options ---- */

#define O(member) offsetof(LoginOptions, member)

static int refuse_password(const Option *option, const char *value, void *target, Error *error) {
        return error_set(
                error, ERROR_INVALID,
                "everybody on this machine can see what stands on a command line (use --password-stdin)");
}

#define PLACE_OPTIONS                                                                                      \
        { 0,                                                                                               \
          "authfile",                                                                                      \
          "FILE",                                                                                          \
          "The file that keeps it, instead of docker's or podman's",                                       \
          option_string,                                                                                   \
          O(authfile),                                                                                     \
          WORD_FILE },                                                                                     \
        {                                                                                                  \
                0, "system", NULL, "For all who may use berthd: " AUTH_FILE_SYSTEM, option_flag, O(system) \
        }

const Option login_options[] = {
        PLACE_OPTIONS,
        { 0, "get-login", NULL, "Print whom you are logged in as", option_flag, O(get_login) },
        { 0, "insecure", NULL, "Talk to a registry without TLS, or with a certificate that is not trusted",
          option_flag, O(insecure) },
        { 'u', "username", "NAME", "Your name there, instead of asking for it", option_string, O(username) },
        { 0, "password-stdin", NULL, "Read the password from standard input", option_flag,
          O(password_stdin) },
        { 'p', "password", "PASSWORD", NULL, refuse_password },
        {},
};

const Option logout_options[] = {
        { 'a', "all", NULL, "From all registries", option_flag, O(all) },
        PLACE_OPTIONS,
        {},
};

static const char *file_of(const LoginOptions *o) {
        return o->system ? AUTH_FILE_SYSTEM : o->authfile;
}

/* ---- which registry ---- */

typedef struct Place {
        char *key; /* "host:5000/path" */
        char *registry, *path;
} Place;

static void place_done(Place *place) {
        free(place->key);
        free(place->registry);
        free(place->path);
}

static int default_registry(char **ret, Error *error) {
        RegistriesConf conf = {};

        int r = registries_conf_load("", &conf, error);
        if (r < 0)
                return r;
        *ret = strdup(conf.default_registry ?: DOCKER_HUB);
        object_done(&registries_conf_type, &conf);
        return *ret ? 0 : error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
}

/* People write hosts, and paste URLs. */
static int read_place(const char *word, Place *ret, Error *error) {
        _cleanup_free_ char *scope = NULL;
        int r = 0;

        if (!word)
                r = default_registry(&scope, error);
        else if (!(scope = credentials_key_scope(word)))
                r = error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        if (r < 0)
                return r;
        r = registry_prefix_parse(scope, &ret->registry, &ret->path);
        if (r < 0)
                return error_set(error, ERROR_INVALID, "\"%s\" is no registry (HOST[:PORT][/PATH])", word);
        ret->key = isempty(ret->path) ? strdup(ret->registry) : string_join(ret->registry, "/", ret->path);
        return ret->key ? 0 : error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
}

/* ---- who ---- */

static int ask_for_name(const LoginOptions *o, const Credential *before, Credential *ret, Error *error) {
        if (o->username)
                ret->username = strdup(o->username);
        else {
                int r = prompt_line("User name", before->username, &ret->username, error);
                if (r < 0)
                        return r;
        }
        if (!ret->username)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        if (isempty(ret->username) || strchr(ret->username, ':'))
                return error_set(error, ERROR_INVALID, "\"%s\" is no user name", ret->username);
        return 0;
}

static int ask(const LoginOptions *o, const Credential *before, Credential *ret, Error *error) {
        if (o->password_stdin && !o->username)
                return error_set(error, ERROR_INVALID, "--password-stdin needs --username");
        if (!o->password_stdin && (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)))
                return error_set(error, ERROR_INVALID,
                                 "there is no terminal to ask for the password on (use --username and "
                                 "--password-stdin)");
        int r = ask_for_name(o, before, ret, error);
        if (r < 0)
                return r;
        r = o->password_stdin ? read_secret(PASSWORD_MAX, &ret->password, error)
                              : prompt_secret("Password", &ret->password, error);
        if (r >= 0 && isempty(ret->password))
                return error_set(error, ERROR_INVALID, "the password is empty");
        return r;
}

/* ---- trying ---- */

/* A file in memory that the worker can write to, unlike that of other jobs. */
static int make_file(const char *key, const Credential *credential, Error *error) {
        _cleanup_json_ json_t *document = json_object();
        _cleanup_erase_ char *text = NULL;

        if (document && credentials_set(document, key, credential) >= 0)
                text = json_dumps(document, JSON_COMPACT);
        if (!text)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        _cleanup_close_ int fd = memfd_create("berth-credentials", MFD_CLOEXEC);
        int r = fd < 0 ? negative_errno() : write_full(fd, text, strlen(text));
        return r < 0 ? error_set_errno(error, r, "cannot pass the credentials") : TAKE_FD(fd);
}

static int call_login(Ctl *ctl, const LoginOptions *o, const char *key, int fd, Error *error) {
        _cleanup_message_ sd_bus_message *m = NULL;
        _cleanup_job_ Job job = {};

        int r = ctl_message_new(ctl, NULL, NULL, "LoginRegistry", &m, error);
        if (r < 0)
                return r;
        if ((r = sd_bus_message_append(m, "s", key)) < 0 ||
            (r = sd_bus_message_open_container(m, 'a', "{sv}")) < 0 || (r = job_append_options(m)) < 0 ||
            (r = sd_bus_message_append(m, "{sv}{sv}", "Credentials", "h", fd, "Insecure", "b",
                                       o->insecure)) < 0 ||
            (r = sd_bus_message_close_container(m)) < 0)
                return error_set_errno(error, r, "cannot talk to berthd");
        r = job_start(ctl, m, NULL, &job, NULL, error);
        return r < 0 ? r : job_wait(&job, error);
}

/* Shows the credential to the registry. *ret: what to keep. */
static int try(Ctl *ctl, const LoginOptions *o, const Place *place, const Credential *credential,
               Credential *ret, Error *error) {
        _cleanup_close_ int fd = make_file(place->key, credential, error);
        _cleanup_json_ json_t *document = NULL;
        int r;

        if (fd < 0)
                return fd;
        if ((r = call_login(ctl, o, place->key, fd, error)) < 0 ||
            (r = credentials_read_fd(fd, &document, error)) < 0)
                return r;
        r = credentials_find(document, place->registry, place->path, ret);
        return r < 0 ? error_set_errno(error, r, "cannot understand berthd") : 0;
}

static int store(Ctl *ctl, const LoginOptions *o, const Place *place, const Credential *kept, Error *error) {
        _cleanup_free_ char *where = NULL;

        int r = ctl_store_credential(file_of(o), place->key, kept, &where, error);
        if (r < 0)
                return r;
        if (!ctl->quiet)
                printf("Logged in to %s as %s; kept %s %s%s.\n", place->key, strempty(kept->username),
                       strchr(where, '/') ? "in" : "by", where,
                       strchr(where, '/') && kept->password
                               ? " (as plain text; a credential helper keeps it safer)"
                               : "");
        return 0;
}

/* Without new words what is there is tried first. Returns 1 when it is still good, 0 when the registry refuses it. */
static int try_existing(Ctl *ctl, const LoginOptions *o, const Place *place, const Credential *existing,
                        Error *error) {
        _cleanup_(credential_done) Credential kept = {};
        _cleanup_error_ Error refused = {};

        if (o->username || o->password_stdin)
                return 0;
        int r = try(ctl, o, place, existing, &kept, &refused);
        if (r < 0 && refused.kind == ERROR_UNAUTHORIZED)
                return 0;
        if (r < 0) {
                error_move(error, &refused);
                return r;
        }
        if (!ctl->quiet)
                printf("Still logged in to %s as %s.\n", place->key, existing->username ?: "<token>");
        return 1;
}

static int print_login(const Place *place, const Credential *existing, bool found, Error *error) {
        if (!found)
                return error_set(error, ERROR_UNAUTHORIZED, "not logged in to %s (berthctl login %s)",
                                 place->key, place->key);
        puts(existing->username ?: "<token>");
        return EXIT_SUCCESS;
}

int verb_login(void *context, char **arguments, void *options, Error *error) {
        const LoginOptions *o = options;
        Ctl *ctl = context;
        _cleanup_(place_done) Place place = {};
        _cleanup_(credential_done) Credential existing = {}, typed = {}, kept = {};

        credentials_protect_process();
        int r = read_place(arguments[0], &place, error);
        if (r < 0 || (!o->get_login && (r = ctl_check_local(ctl, error)) < 0))
                return r;
        r = ctl_find_credential(file_of(o), place.registry, place.path, &existing, NULL, error);
        if (r < 0)
                return r;
        if (o->get_login)
                return print_login(&place, &existing, r > 0, error);
        if (r > 0 && (r = try_existing(ctl, o, &place, &existing, error)) != 0)
                return r < 0 ? ctl_cannot(error, r, "log in to", place.key) : EXIT_SUCCESS;
        if ((r = ask(o, &existing, &typed, error)) < 0 ||
            (r = try(ctl, o, &place, &typed, &kept, error)) < 0 ||
            (r = store(ctl, o, &place, &kept, error)) < 0)
                return ctl_cannot(error, r, "log in to", place.key);
        return EXIT_SUCCESS;
}

/* ---- logout ---- */

int verb_logout(void *context, char **arguments, void *options, Error *error) {
        const LoginOptions *o = options;
        const Ctl *ctl = context;
        _cleanup_(place_done) Place place = {};

        if (o->all && arguments[0])
                return error_set(error, ERROR_INVALID,
                                 "--all and the name of a registry contradict each other");
        credentials_protect_process();
        int r = o->all ? 0 : read_place(arguments[0], &place, error);
        if (r < 0)
                return r;
        r = ctl_erase_credentials(file_of(o), place.key, error);
        if (r < 0)
                return r;
        const char *what = place.key ?: "any registry";
        if (r == 0)
                fprintf(stderr, "You were not logged in to %s.\n", what);
        else if (!ctl->quiet && place.key)
                printf("Logged out of %s.\n", what);
        else if (!ctl->quiet)
                printf("Logged out of %d registr%s.\n", r, r == 1 ? "y" : "ies");
        return EXIT_SUCCESS;
}
